package packager

// Leave frees a broadcast that goes on elsewhere, or later: it is Close without the end of the playlist. The
// Stream is let go, what is complete is recorded, and whoever waits is refused Unavailable
// "packager_closed". What the Recorder makes of End is its own.
func (p *Packager) Leave() {
	p.owner.Lock()
	defer p.owner.Unlock()
	p.stop()
	if p.vacate() {
		p.archive.close()
		p.cfg.Metrics.broadcasts.Dec()
	}
}

// vacate frees what is in memory and reports whether that was not done before.
func (p *Packager) vacate() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.mu.closed || p.ended.Swap(true) {
		return false
	}
	p.mu.closed = true
	p.mu.memory, p.mu.playlist, p.mu.stream = memory{}, nil, nil
	for _, g := range p.mu.waiting {
		p.release(g, nil, errClosed())
	}
	return true
}
