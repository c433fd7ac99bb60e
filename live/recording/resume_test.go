package recording_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/barrage-live/barrage/internal/media/index"
	"github.com/barrage-live/barrage/internal/position"
	"github.com/barrage-live/barrage/live/recording"
	"github.com/barrage-live/barrage/live/recording/recordingtest"
	"github.com/barrage-live/barrage/storage/table"
)

func fence(n uint64) position.Fence { return position.Fence{Epoch: 1, Activation: n} }

// TestResume kills the process again and again: each time another goes on with the same recording, of
// which nothing is lost.
func TestResume(t *testing.T) {
	d := newDisk(t)
	keep(t, recordingtest.Writer(d.open(t), ch, b1, start()), 0, 3)
	n := 3
	for round := range uint64(6) {
		d.fs = d.fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 100, RNG: rand.New(rand.NewPCG(round, 1))})
		s := d.open(t)
		r, w, err := s.Resume(t.Context(), fence(round+2), b1)
		if err != nil {
			t.Fatal(err)
		}
		whole(t, s, n)
		if r.Header.State != index.Open || r.Header.Next != uint64(n) || len(r.Segments) != n || r.NextInit() != uint32((n-1)/7+1) {
			t.Errorf("resumed: %+v with %d segments, the next init segment is %d", r.Header, len(r.Segments), r.NextInit())
		}
		more := 7 + int(round)*13
		keep(t, w, n, n+more)
		n += more
		if round == 5 {
			if err := w.End(t.Context(), start().Add(time.Hour)); err != nil {
				t.Fatal(err)
			}
			if r := whole(t, s, n); r.Header.State != index.Ended || !r.Header.End.Equal(start().Add(time.Hour)) {
				t.Errorf("at the end: %+v", r.Header)
			}
		}
	}
}

// TestResumeOfNothing: what there is not, or has ended, does not go on.
func TestResumeOfNothing(t *testing.T) {
	s := recordingtest.New(t)
	if _, _, err := s.Resume(t.Context(), later(), b1); !errors.Is(err, recording.ErrNone) {
		t.Errorf("nothing: %v", err)
	}
	w := recordingtest.Writer(s, ch, b1, start())
	keep(t, w, 0, 3)
	soon, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := s.Resume(soon, later(), b1); !errors.Is(err, recording.ErrBusy) {
		t.Errorf("while it is written: %v", err)
	}
	if err := w.End(t.Context(), start()); err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.Resume(t.Context(), later(), b1); !errors.Is(err, recording.ErrNone) {
		t.Errorf("what has ended: %v", err)
	}
	if err := s.Remove(t.Context(), later(), ch, b1); err != nil { // and nobody holds it
		t.Error(err)
	}
}

// TestResumeHoldsTheRecording: until its Writer has ended, and against the Writer before.
func TestResumeHoldsTheRecording(t *testing.T) {
	s := recordingtest.New(t)
	old := recordingtest.Writer(s, ch, b1, start())
	keep(t, old, 0, 3)
	old.Die()
	_, w, err := s.Resume(t.Context(), later(), b1)
	if err != nil {
		t.Fatal(err)
	}
	if err := old.Keep(t.Context(), piece(3)); !errors.Is(err, table.ErrFenced) {
		t.Errorf("the writer before: %v, want ErrFenced", err)
	}
	old.Die()
	soon, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Recover(soon, fence(3), b1); !errors.Is(err, recording.ErrBusy) {
		t.Errorf("recovered while it is written: %v", err)
	}
	keep(t, w, 3, 5)
	w.Die()
	if _, w, err = s.Resume(t.Context(), fence(3), b1); err != nil {
		t.Fatal(err)
	}
	keep(t, w, 5, 6)
	if err := w.End(t.Context(), start()); err != nil {
		t.Fatal(err)
	}
	whole(t, s, 6)
}

// TestResumeAfterThePowerWent: what is damaged is a gap, and what follows is whole.
func TestResumeAfterThePowerWent(t *testing.T) {
	lost := 0
	for round := range uint64(10) {
		d := newDisk(t)
		keep(t, recordingtest.Writer(d.open(t), ch, b1, start()), 0, 45)
		rng := rand.New(rand.NewPCG(round, 5))
		d.fs = d.fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: rng.IntN(101), RNG: rng})
		s := d.open(t)
		r, w, err := s.Resume(t.Context(), later(), b1)
		if err != nil {
			t.Fatal(err)
		}
		var gaps []int
		for i := range r.Segments {
			if r.Segments[i].Gap {
				gaps = append(gaps, i)
			}
		}
		lost += len(gaps)
		for n := 45; n < 60; n++ { // as the packager does: with init segments of new numbers
			p := piece(n)
			p.Segment.Init, p.Init.Number = r.NextInit(), r.NextInit()
			if err := w.Keep(t.Context(), p); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.End(t.Context(), start()); err != nil {
			t.Fatal(err)
		}
		again, err := s.Load(t.Context(), b1)
		if err != nil || len(again.Segments) != 60 {
			t.Fatalf("%d segments, %v", len(again.Segments), err)
		}
		for i, seg := range again.Segments {
			if i < 45 && seg.Gap != r.Segments[i].Gap {
				t.Errorf("segment %d: gap %v, when it was resumed %v", i, seg.Gap, r.Segments[i].Gap)
			}
			if !seg.Gap {
				reads(t, body(i), func() (*recording.Media, error) { return s.Segment(t.Context(), ch, b1, uint64(i)) })
			}
		}
	}
	if lost == 0 {
		t.Error("no round lost anything, so nothing was shown")
	}
}

// TestNumbersOfWhatIsNotRecordedAreTaken: while the disk is nearly full, from the beginning or later.
func TestNumbersOfWhatIsNotRecordedAreTaken(t *testing.T) {
	for _, kept := range []int{0, 2} {
		s := recordingtest.New(t)
		w := recordingtest.Writer(s, ch, b1, start())
		keep(t, w, 0, kept)
		s.Pause(true)
		for n := kept; n < 5; n++ {
			if err := w.Keep(t.Context(), piece(n)); !errors.Is(err, recording.ErrPaused) {
				t.Fatal(err)
			}
		}
		w.Die()
		r, w, err := s.Resume(t.Context(), later(), b1)
		if err != nil || r.Header.Next != 5 || len(r.Segments) != kept {
			t.Fatalf("resumed: %+v, %v", r, err)
		}
		if err := w.End(t.Context(), start()); err != nil {
			t.Fatal(err)
		}
		list, _, err := s.List(t.Context(), ch, "", 10)
		if err != nil || len(list) != min(kept, 1) {
			t.Errorf("with %d segments recorded %d recordings are listed, %v", kept, len(list), err)
		}
	}
}
