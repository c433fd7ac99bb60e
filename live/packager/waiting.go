package packager

import (
	"context"
	"time"

	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/media/m3u8"
)

// waitTargets is how many target durations a request may wait.
const waitTargets = 3

// place is what requests wait for; all that wait for the same one share a channel.
type place struct {
	msn  uint64
	part int
}

// Playlist answers delivery directives with the snapshot that satisfies them, waiting for it if need be.
func (p *Packager) Playlist(ctx context.Context, d m3u8.Directives) (*Snapshot, error) {
	s := p.snapshot.Load()
	switch {
	case s == nil && d.MSN > 1, s != nil && s.TooFar(d):
		return nil, errTooFar()
	case !d.Block:
		// When a broadcast begins, a reader that knows no parts sees an empty playlist until the first
		// segment is complete, and gives up on it (ffmpeg 5.1: "Empty segment").
		return p.wait(ctx, m3u8.Directives{Block: true, MSN: 0, Part: -1})
	}
	return p.wait(ctx, d)
}

func errTooFar() error {
	return fault.New(fault.Invalid, "playlist_too_far", "the playlist will not be that far for long")
}

// wait returns the first snapshot that has what the directives ask for.
func (p *Packager) wait(ctx context.Context, d m3u8.Directives) (*Snapshot, error) {
	if s := p.snapshot.Load(); s != nil && s.Has(d) {
		return s, nil
	}
	p.cfg.Metrics.waiting.Inc()
	defer p.cfg.Metrics.waiting.Dec()
	limit := time.NewTimer(waitTargets * p.target)
	defer limit.Stop()
	for {
		there, s, err := p.register(d)
		if s != nil || err != nil {
			return s, err
		}
		select {
		case <-there:
		case <-ctx.Done():
			p.leave(d)
			return nil, fault.From(ctx.Err())
		case <-limit.C:
			p.leave(d)
			p.cfg.Metrics.timeouts.Inc()
			return nil, fault.New(fault.Unavailable, "playlist_timeout",
				"nothing came for three target durations").After(time.Second)
		}
	}
}

// group is the requests that wait for one place.
type group struct {
	there chan struct{}
	count int
}

// register gives the channel to wait on, or the snapshot if it has come meanwhile.
func (p *Packager) register(d m3u8.Directives) (<-chan struct{}, *Snapshot, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.snapshot.Load()
	switch {
	case s != nil && s.Has(d):
		return nil, s, nil
	case p.mu.closed:
		return nil, nil, fault.New(fault.Unavailable, "packager_closed", "the broadcast is not served here any more")
	case p.Ended():
		return nil, nil, errNotLive()
	}
	at := place{d.MSN, d.Part}
	g := p.mu.waiting[at]
	if g == nil {
		g = &group{there: make(chan struct{})}
		p.mu.waiting[at] = g
	}
	g.count++
	return g.there, nil, nil
}

// leave forgets a request that waits no longer.
func (p *Packager) leave(d m3u8.Directives) {
	p.mu.Lock()
	defer p.mu.Unlock()
	at := place{d.MSN, d.Part}
	if g := p.mu.waiting[at]; g != nil {
		if g.count--; g.count == 0 {
			delete(p.mu.waiting, at)
		}
	}
}

// wake lets go of everyone whose place is in the snapshot, or of everyone. The caller holds the lock.
func (p *Packager) wake(s *Snapshot, all bool) {
	for at, g := range p.mu.waiting {
		if all || (s != nil && s.Has(m3u8.Directives{Block: true, MSN: at.msn, Part: at.part})) {
			close(g.there)
			delete(p.mu.waiting, at)
		}
	}
}

// Waiting is how many requests wait now.
func (p *Packager) Waiting() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := 0
	for _, g := range p.mu.waiting {
		n += g.count
	}
	return n
}

func errNotLive() error {
	return fault.New(fault.NotFound, "not_live", "the broadcast has nothing to show")
}
