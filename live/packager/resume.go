package packager

import (
	"time"

	"github.com/barrage-live/barrage/internal/media/index"
	"github.com/barrage-live/barrage/internal/media/m3u8"
	"github.com/barrage-live/barrage/internal/media/segmenter"
	"github.com/barrage-live/barrage/live/recording"
)

// resume goes on where another process left a broadcast: in the same playlist, on the same clock, with
// the numbers that follow. The target durations stay what they were, whatever Config.Cut says today,
// because a playlist never changes them. Init segments get new numbers.
func (p *Packager) resume(r *recording.Recording) {
	h := &r.Header
	all := index.Dense(r.Segments, h.Next, h.Target, time.Since(h.Start))
	past := segmenter.Past{Next: h.Next, Init: int(r.NextInit()), Target: h.Target, PartTarget: h.PartTarget}
	if n := len(all); n > 0 {
		past.End = all[n-1].Media + all[n-1].Duration
	}
	p.cutter = segmenter.Resume(p.cfg.Cut, h.Start, past)
	p.mu.part = p.cutter.PartTarget()
	p.mu.playlist = index.Continue(h, all, m3u8.Config{
		Target: h.Target, PartTarget: p.mu.part, Window: p.cfg.Window,
	}, Name{Kind: Part, Number: h.Next}.String())
	p.mu.past = r.Variant()
	p.mu.rates.resume(h)
	p.show()
}

// resume takes what was measured before.
func (r *rates) resume(h *index.Header) {
	r.peak = float64(h.Peak) / headroom
	if h.Duration > 0 {
		r.bits, r.length = float64(h.Bytes)*8, h.Duration
		r.segments = []rate{{r.bits, r.length}}
	}
}
