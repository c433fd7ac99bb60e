package packager

import (
	"fmt"
	"log/slog"
	"runtime/debug"

	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/media/segmenter"
	"github.com/barrage-live/barrage/live"
)

var errPanicked = fault.New(fault.Internal, "packager_panicked", "the broadcast could not be packaged any further; connect again")

// contain is deferred by the pump: a panic ends no more than its broadcast. Its stream is closed with the
// reason. What the segmenter knows cannot be trusted any more, so nothing is attached again: the owner
// finishes the broadcast, and the publisher begins another. What viewers have and what is recorded stays.
func (p *Packager) contain(s *live.Stream) {
	v := recover()
	if v == nil {
		return
	}
	p.panicked = true
	p.report(v)
	s.Close(errPanicked)
	defer func() {
		if v := recover(); v != nil { // it was not the segmenter; the parts of the open segment stay listed
			p.report(v)
		}
	}()
	p.closeOpen()
}

// report logs a panic; it is called where it was recovered, whose stack still shows it.
func (p *Packager) report(v any) {
	p.cfg.Log.Error("the packager panicked", slog.String("panic", fmt.Sprint(v)), slog.String("stack", string(debug.Stack())))
}

// closeOpen ends the segment that is open with the parts it has.
func (p *Packager) closeOpen() {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := len(p.mu.memory.segments)
	if n == 0 {
		return
	}
	open := p.mu.memory.segments[n-1]
	if open.whole != nil || len(open.parts) == 0 {
		return
	}
	p.apply(&segmenter.Close{Sequence: open.sequence, End: open.duration, Parts: len(open.parts)}, nil)
	p.wake(p.show())
}
