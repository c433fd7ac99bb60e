package packager

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/media/index"
	"github.com/barrage-live/barrage/internal/media/mediatest"
	"github.com/barrage-live/barrage/live/recording"
	"github.com/barrage-live/barrage/storage/table"
)

// countingRecorder notes which segments were kept.
type countingRecorder struct {
	Recorder
	mu    sync.Mutex
	kept  []uint64
	ended int
}

func (r *countingRecorder) Keep(ctx context.Context, p recording.Piece) error {
	r.mu.Lock()
	r.kept = append(r.kept, p.Sequence)
	r.mu.Unlock()
	return r.Recorder.Keep(ctx, p)
}

func (r *countingRecorder) End(ctx context.Context, at time.Time) error {
	r.mu.Lock()
	r.ended++
	r.mu.Unlock()
	return r.Recorder.End(ctx, at)
}

// once checks that the first n segments, and no others, were kept, each a single time, and the end was told.
func (r *countingRecorder) once(t *testing.T, n int) {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	for i, sequence := range r.kept {
		if sequence != uint64(i) {
			t.Errorf("kept in place %d: segment %d", i, sequence)
		}
	}
	if len(r.kept) != n || r.ended != 1 {
		t.Errorf("%d segments were kept, want %d; the end was told %d times", len(r.kept), n, r.ended)
	}
}

// TestArchiveIsBoundedByBytes fills the queue with one segment that nobody writes, so that no other fits
// beside it.
func TestArchiveIsBoundedByBytes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rec := &brokenRecorder{Recorder: newRecorder(t), hang: make(chan struct{})}
		p := start(t, rec)
		fat := func(n int) recording.Piece {
			return recording.Piece{Segment: index.Segment{Sequence: 99}, Body: make([]byte, n)}
		}
		if err := p.archive.put(fat(archiveBytes + 1)); fault.CodeOf(err) != "archive_full" {
			t.Fatalf("a segment over the bound: %v", err)
		}
		if err := p.archive.put(fat(archiveBytes)); err != nil {
			t.Fatalf("a segment of exactly the bound: %v", err)
		}
		pub := attach(t, p, mediatest.Source{})
		pub.play(0, 30*time.Second)
		if n := len(p.archive.queue); n != 0 || p.archive.held.Load() != archiveBytes {
			t.Errorf("%d segments and %d bytes wait", n, p.archive.held.Load())
		}
		if lost := testutil.ToFloat64(p.cfg.Metrics.lost); lost != 14 {
			t.Errorf("lost: got %v, want the 14 complete segments", lost)
		}
		m := text(t, p)
		for i, s := range m.Segments {
			if aged := len(s.Parts) == 0; s.Gap != aged {
				t.Errorf("segment %d: gap %v, listed without parts %v", i, s.Gap, aged)
			}
		}
		rec.mu.Lock()
		rec.fail = true
		rec.mu.Unlock()
		close(rec.hang)
		pub.play(pub.since(), 40*time.Second) // the segment is given up, its bytes are free again
		rec.mu.Lock()
		rec.fail = false
		rec.mu.Unlock()
		pub.play(pub.since(), 80*time.Second)
		if held := p.archive.held.Load(); held != 0 {
			t.Errorf("%d bytes are held and nothing waits", held)
		}
		m = text(t, p)
		if s := m.Segments[len(m.Segments)-10]; s.Gap {
			t.Error("segments are still lost after the store came back")
		}
	})
}

// TestSegmentLostLateBecomesAGap lets the store time out, so that the archive gives a segment up when its
// parts have long left the playlist.
func TestSegmentLostLateBecomesAGap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rec := &brokenRecorder{Recorder: newRecorder(t), hang: make(chan struct{})}
		p := startListing(t, rec, 10*time.Minute)
		pub := attach(t, p, mediatest.Source{GOP: 120})
		giveUp := (archiveTries+1)*archiveTry + (archiveTries-1)*archivePause // and to say that it is a gap
		pub.play(0, giveUp-10*time.Second)                                    // segment 0 is not given up yet
		read(t, p, "0.m4s")
		pub.play(pub.since(), giveUp+10*time.Second)
		lists := func(want int) {
			t.Helper()
			m := text(t, p)
			gaps := 0
			for i, s := range m.Segments {
				if s.Gap {
					gaps++
				} else {
					read(t, p, Name{Number: uint64(m.MediaSequence + i)}.String())
				}
			}
			if gaps != want {
				t.Errorf("%d of %d segments are gaps, want %d", gaps, len(m.Segments), want)
			}
		}
		lists(1)
		if !text(t, p).Segments[0].Gap {
			t.Error("the segment that was given up is no gap")
		}
		p.Finish() // what is queued is given up
		lists(len(text(t, p).Segments))
	})
}

// answeringRecorder gives an answer to the first try, after its effect.
type answeringRecorder struct {
	Recorder
	answer error
	tries  int
	gaps   int
}

func (r *answeringRecorder) Keep(ctx context.Context, p recording.Piece) error {
	if p.Gap {
		r.gaps++
		return r.Recorder.Keep(ctx, p)
	}
	r.tries++
	err := r.Recorder.Keep(ctx, p)
	if r.tries == 1 {
		err = r.answer
	}
	return err
}

// TestAnswersOfTheRecorder: what is repeated, what is given up, and what then becomes of it.
func TestAnswersOfTheRecorder(t *testing.T) {
	for _, c := range []struct {
		answer      error
		tries, gaps int
		lost        bool
	}{
		{nil, 1, 0, false},
		{table.ErrUnknown, 2, 0, false},
		{fault.New(fault.Unavailable, "storage_failed", "the disk failed"), 2, 0, false},
		{fault.New(fault.Unavailable, "storage_full", "the disk is full"), 1, 1, true},
		{table.ErrFenced, 1, 1, true},
		{recording.ErrPaused, 1, 0, true},
	} {
		synctest.Test(t, func(t *testing.T) {
			rec := &answeringRecorder{Recorder: newRecorder(t), answer: c.answer}
			cfg := start(t, forgetful{}).cfg
			cfg.Recorder = rec
			var outcome error
			a := startArchive(cfg, func(_ uint64, err error) { outcome = err })
			if err := a.put(recording.Piece{
				Segment: index.Segment{Sequence: 7, Duration: time.Second}, Target: 4 * time.Second, Body: []byte("media"), InitBody: []byte("init"),
			}); err != nil {
				t.Fatal(err)
			}
			a.close()
			if rec.tries != c.tries || rec.gaps != c.gaps || (outcome != nil) != c.lost {
				t.Errorf("the recorder answered %v: %d tries, %d gaps, in the end %v", c.answer, rec.tries, rec.gaps, outcome)
			}
		})
	}
}

// TestNodeIsBoundedByBytes: broadcasts share one bound, and give back what they took.
func TestNodeIsBoundedByBytes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var node Waiting
		hang := make(chan struct{})
		var all []*archive
		for range waitingBytes / archiveBytes {
			cfg := start(t, forgetful{}).cfg
			cfg.Waiting, cfg.Recorder = &node, &brokenRecorder{Recorder: forgetful{}, hang: hang}
			a := startArchive(cfg, func(uint64, error) {})
			if err := a.put(recording.Piece{Body: make([]byte, archiveBytes)}); err != nil {
				t.Fatal(err)
			}
			all = append(all, a)
		}
		for _, a := range all {
			if err := a.put(recording.Piece{Body: []byte("x")}); fault.CodeOf(err) != "archive_full" {
				t.Errorf("a byte more than the node may hold: %v", err)
			}
		}
		close(hang)
		for _, a := range all {
			a.close()
		}
		if n := node.bytes.Load(); n != 0 {
			t.Errorf("%d bytes are counted and nothing waits", n)
		}
	})
}

// pausedRecorder keeps nothing while it is told to.
type pausedRecorder struct {
	Recorder
	paused atomic.Bool
}

func (r *pausedRecorder) Paused() bool { return r.paused.Load() }

func (r *pausedRecorder) Keep(ctx context.Context, p recording.Piece) error {
	if r.Paused() {
		return recording.ErrPaused
	}
	return r.Recorder.Keep(ctx, p)
}

// TestLiveGoesOnWhileNothingIsRecorded fills the disk in the midst of a broadcast: the streamer is told, what
// is not recorded is a gap once it has left the memory, and no error is logged for each.
func TestLiveGoesOnWhileNothingIsRecorded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rec := &pausedRecorder{Recorder: newRecorder(t)}
		p := startListing(t, rec, 10*time.Minute)
		pub := attach(t, p, mediatest.Source{Sound: true})
		told := func() bool {
			for _, w := range p.Health().Warnings {
				if w.Code == "not_recorded" {
					return true
				}
			}
			return false
		}
		pub.play(0, 20*time.Second)
		if told() {
			t.Error("the streamer is told that nothing is recorded while everything is")
		}
		rec.paused.Store(true)
		pub.play(pub.since(), 80*time.Second)
		if !told() {
			t.Error("the streamer is not told")
		}
		rec.paused.Store(false)
		pub.play(pub.since(), 120*time.Second)
		m := text(t, p)
		for i, s := range m.Segments {
			if at := time.Duration(i) * 2 * time.Second; s.Gap != (at >= 18*time.Second && at < 78*time.Second) {
				t.Errorf("segment %d at %v: gap %v", i, at, s.Gap)
			}
			if !s.Gap {
				read(t, p, s.URI)
			}
		}
		if lost, paused := testutil.ToFloat64(p.cfg.Metrics.lost), testutil.ToFloat64(p.cfg.Metrics.paused); lost != 0 || paused != 30 {
			t.Errorf("%v are said to be lost, and %v not to be recorded", lost, paused)
		}
		if told() {
			t.Error("the streamer is still told")
		}
	})
}
