package packager

import (
	"context"
	"time"

	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/media/m3u8"
)

// waitTargets is how many target durations a request may wait at most (draft section 6.2.5.2).
const waitTargets = 3

// place is what requests wait for.
type place struct {
	msn  uint64
	part int
}

// group is the requests that wait for one place. They share a channel, a timer and what they are told, so
// that none of thousands that are woken together has to take the lock.
type group struct {
	at    place
	there chan struct{}
	count int
	since time.Time // when the first of them came
	timer *time.Timer

	// What all of them are told, set before there is closed.
	answer *Snapshot
	err    error
}

// Playlist answers delivery directives with the snapshot that satisfies them, waiting for it if need be. When
// nothing came for a target duration the answer is what there is, which does not have what was asked for: a
// player that is told nothing gives up, and so does one that gets errors.
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

func errTimeout() error {
	return fault.New(fault.Unavailable, "playlist_timeout", "nothing came for too long").After(time.Second)
}

// wait returns the first snapshot that has what the directives ask for, or the one that stood for a target
// duration without it.
func (p *Packager) wait(ctx context.Context, d m3u8.Directives) (*Snapshot, error) {
	if s := p.snapshot.Load(); s != nil && s.Has(d) {
		return s, nil
	}
	g, s, err := p.join(d)
	if g == nil {
		return s, err
	}
	p.cfg.Metrics.waiting.Inc()
	defer p.cfg.Metrics.waiting.Dec()
	select {
	case <-g.there:
		return g.answer, g.err
	case <-ctx.Done():
		p.leave(g)
		return nil, fault.From(ctx.Err())
	}
}

// join gives the group to wait with, or the snapshot if it has come meanwhile.
func (p *Packager) join(d m3u8.Directives) (*group, *Snapshot, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.snapshot.Load()
	switch {
	case s != nil && s.Has(d):
		return nil, s, nil
	case p.mu.closed:
		return nil, nil, errClosed()
	case p.Ended():
		return nil, nil, errNotLive()
	}
	at := place{d.MSN, d.Part}
	g := p.mu.waiting[at]
	if g == nil {
		g = &group{at: at, there: make(chan struct{}), since: time.Now()}
		g.timer = time.AfterFunc(p.patience(g, s, g.since), func() { p.expire(g) })
		p.mu.waiting[at] = g
	}
	g.count++
	return g, nil, nil
}

// patience is how much longer a group waits. What stands is shown when it has stood for a target duration
// since the group began to wait. A playlist without a complete segment is no answer, see Playlist. The
// caller holds the lock.
func (p *Packager) patience(g *group, s *Snapshot, now time.Time) time.Duration {
	waited := now.Sub(g.since)
	left := waitTargets*p.target - waited
	if stands(s) {
		left = min(left, p.target-min(waited, now.Sub(p.mu.changed)))
	}
	return left
}

func stands(s *Snapshot) bool { return s != nil && s.Next > s.First }

// expire answers a group that has waited for long enough.
func (p *Packager) expire(g *group) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.mu.waiting[g.at] != g {
		return
	}
	now, s := time.Now(), p.snapshot.Load()
	left := p.patience(g, s, now)
	switch {
	case left > 0:
		g.timer.Reset(left)
	case stands(s) && now.Sub(p.mu.changed) >= p.target:
		p.cfg.Metrics.unchanged.Add(float64(g.count))
		p.release(g, s, nil)
	default:
		p.cfg.Metrics.timeouts.Add(float64(g.count))
		p.release(g, nil, errTimeout())
	}
}

// release tells a group what became of its place. The caller holds the lock.
func (p *Packager) release(g *group, s *Snapshot, err error) {
	g.timer.Stop()
	g.answer, g.err = s, err
	delete(p.mu.waiting, g.at)
	close(g.there)
}

// leave forgets a request that waits no longer.
func (p *Packager) leave(g *group) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if g.count--; g.count == 0 && p.mu.waiting[g.at] == g {
		g.timer.Stop()
		delete(p.mu.waiting, g.at)
	}
}

// wake lets go of everyone whose place is in the snapshot that was just published; of everyone when the
// broadcast has ended without any. The caller holds the lock.
func (p *Packager) wake(s *Snapshot) {
	for at, g := range p.mu.waiting {
		switch {
		case s == nil:
			p.release(g, nil, errNotLive())
		case s.Has(m3u8.Directives{Block: true, MSN: at.msn, Part: at.part}):
			p.release(g, s, nil)
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

func errClosed() error {
	return fault.New(fault.Unavailable, "packager_closed", "the broadcast is not served here any more")
}

func errNotLive() error {
	return fault.New(fault.NotFound, "not_live", "the broadcast has nothing to show")
}
