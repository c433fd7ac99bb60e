package packager

import (
	"errors"
	"log/slog"
	"math"
	"time"

	"github.com/barrage-live/barrage/internal/media/index"
	"github.com/barrage-live/barrage/internal/media/m3u8"
	"github.com/barrage-live/barrage/internal/media/segmenter"
	"github.com/barrage-live/barrage/live/recording"
)

// memoryTargets is how long a segment stays in memory, in target durations: three while its parts are
// listed, three more in which they can still be asked for.
const memoryTargets = 6

// initTargets is how long an init segment stays in memory after the last segment that needs it has left the
// playlist.
const initTargets = 3

// publish applies what the segmenter made and lets everybody see it. arrival is that of the unit that
// completed it, zero when none did.
func (p *Packager) publish(events []segmenter.Event, arrival time.Time) {
	if len(events) == 0 {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, e := range events {
		p.apply(e, events[i+1:])
	}
	p.count(p.cutter.Counters())
	if p.mu.playlist == nil {
		return
	}
	s := p.show()
	p.mu.changed = time.Now()
	p.mu.memory.forget(s.First, initTargets*p.target)
	p.mu.memory.crowd()
	p.wake(s)
	if !arrival.IsZero() {
		p.cfg.Metrics.delay.Observe(time.Since(arrival).Seconds())
	}
}

// show lets everybody see the playlist as it is now, and gives it. The caller holds the lock, unless nobody
// knows of the packager yet.
func (p *Packager) show() *Snapshot {
	s := NewSnapshot(p.mu.playlist.Text(), &p.zip)
	p.snapshot.Store(s)
	return s
}

// apply takes one event; rest are those that follow it. The caller holds the lock.
func (p *Packager) apply(e segmenter.Event, rest []segmenter.Event) {
	m := &p.mu
	switch e := e.(type) {
	case *segmenter.Init:
		m.tracks = e.Tracks
		m.memory.configure(e)
	case *segmenter.Open:
		if m.playlist == nil {
			m.part = p.cutter.PartTarget()
			m.playlist = m3u8.NewWriter(m3u8.Config{Target: p.target, PartTarget: m.part, Window: p.cfg.Window})
		}
		m.memory.open(e)
		p.archive.listed.Store(&index.Listed{Next: e.Sequence + 1, NextInit: uint32(e.Init) + 1})
		m.playlist.Open(m3u8.Segment{
			URI: Name{Number: e.Sequence}.String(), Map: Name{Kind: Init, Number: uint64(e.Init)}.String(),
			Time: p.cfg.Start.Add(e.Media), Discontinuity: e.Discontinuity, Independent: e.Independent,
		})
	case *segmenter.Part:
		p.part(e, rest)
	case *segmenter.Close:
		s := m.memory.close(e)
		m.playlist.Close(Name{Kind: Part, Number: e.Sequence + 1}.String())
		m.rates.add(len(s.whole), s.duration)
		m.memory.age(memoryTargets * p.target)
		p.keep(s)
	}
}

// part lists a part and hints at the next: that of the next segment when this one is closed at once.
func (p *Packager) part(e *segmenter.Part, rest []segmenter.Event) {
	m := &p.mu
	next := Name{Kind: Part, Number: e.Sequence, Part: e.Index + 1}
	if len(rest) > 0 {
		if _, closes := rest[0].(*segmenter.Close); closes {
			next = Name{Kind: Part, Number: e.Sequence + 1}
		}
	}
	s := m.memory.add(e.Bytes, e.Duration())
	p.archive.part(recording.Part{Piece: p.piece(s, e.Bytes, e.Duration()), Index: e.Index})
	m.rates.picture(e.Pictures, e.Duration())
	m.playlist.Part(m3u8.Part{
		URI:      Name{Kind: Part, Number: e.Sequence, Part: e.Index}.String(),
		Duration: e.Duration(), Independent: e.Independent,
	}, next.String())
	p.cfg.Metrics.parts.Inc()
	p.cfg.Metrics.bytes.Add(float64(len(e.Bytes)))
}

// keep hands a segment to the archive. The caller holds the lock.
func (p *Packager) keep(s *held) {
	if err := p.archive.put(p.piece(s, s.whole, s.duration)); err != nil {
		p.settle(s.sequence, err)
	}
}

// piece is a segment, or a part of one, as it is recorded. The caller holds the lock.
func (p *Packager) piece(s *held, body []byte, d time.Duration) recording.Piece {
	r := &p.mu.rates
	piece := p.mu.memory.piece(s, body, d)
	piece.Target, piece.PartTarget = p.target, p.mu.part
	piece.Peak, piece.FPS = int64(math.Ceil(max(r.peak, r.average())*headroom)), r.fps()
	return piece
}

// archived hears from the archive. A loss is shown at once: behind the end no part comes that would show it.
func (p *Packager) archived(sequence uint64, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.settle(sequence, err)
	if err != nil && p.mu.playlist != nil {
		p.show()
	}
}

// settle notes that a segment is recorded or given up. The caller holds the lock.
func (p *Packager) settle(sequence uint64, err error) {
	switch {
	case errors.Is(err, recording.ErrPaused):
		p.cfg.Metrics.paused.Inc()
	case err != nil:
		p.cfg.Metrics.lost.Inc()
		p.cfg.Log.Error("segment lost", slog.Uint64("segment", sequence), slog.Any("error", err))
	}
	if s := p.mu.memory.find(sequence); s != nil {
		s.stored = true
	}
	if err != nil && p.mu.playlist != nil {
		p.mu.playlist.Lose(sequence)
	}
}

// count passes on what the segmenter had to put right since the last time. The caller holds the lock.
func (p *Packager) count(now segmenter.Counters) {
	old := p.mu.counters
	p.mu.counters = now
	for _, c := range [...]struct {
		what      string
		now, then uint64
	}{
		{"jump", now.Jumps, old.Jumps},
		{"glitch", now.Glitches, old.Glitches},
		{"clamped", now.Clamped, old.Clamped},
		{"audio_dropped", now.AudioDropped, old.AudioDropped},
		{"hole", now.Holes, old.Holes},
		{"hard_cut", now.HardCuts, old.HardCuts},
		{"picture_dropped", now.PicturesDropped, old.PicturesDropped},
	} {
		if c.now > c.then {
			p.cfg.Metrics.corrected.WithLabelValues(c.what).Add(float64(c.now - c.then))
		}
	}
}
