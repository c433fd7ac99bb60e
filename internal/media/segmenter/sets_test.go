package segmenter_test

import (
	"bytes"
	"encoding/binary"
	"testing"
	"time"

	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/media"
	"github.com/barrage-live/barrage/internal/media/mediatest"
	"github.com/barrage-live/barrage/internal/media/segmenter"
)

// init keeps an init segment under its number, which it must keep too.
func (b *broadcast) init(e *segmenter.Init) {
	b.t.Helper()
	switch {
	case e.Number == len(b.inits):
		b.inits = append(b.inits, e)
	case e.Number > len(b.inits) || !bytes.Equal(b.inits[e.Number].Bytes, e.Bytes):
		b.t.Fatalf("init segment %d is not the %d. and not what it was", e.Number, len(b.inits))
	}
}

// withSets gives every key picture the parameter sets that pps tells for it.
func withSets(units []media.Unit, pps func(i int) []byte) []media.Unit {
	n := 0
	for i := range units {
		if u := &units[i]; u.Track == 0 && u.Key {
			u.Config = mediatest.Config(mediatest.SPS(), pps(n))
			u.Data = append([][]byte{mediatest.SPS(), pps(n)}, u.Data...)
			n++
		}
	}
	return units
}

func alternating(i int) []byte { return append(mediatest.PPS(), byte(i%2)) }

func rising(i int) []byte { return binary.BigEndian.AppendUint32(mediatest.PPS(), uint32(i)|1<<31) }

func TestParameterSetsChangeWithEveryPicture(t *testing.T) {
	for _, c := range []struct {
		name  string
		pps   func(int) []byte
		sound bool
		gop   int
		inits int // at most
	}{
		{"between two sets", alternating, true, 1, 2},
		{"between two sets, without sound", alternating, false, 1, 2},
		{"to ever new sets", rising, true, 1, 100},
		{"with every second picture", alternating, true, 2, 2},
		{"with every third picture", rising, false, 3, 100},
	} {
		t.Run(c.name, func(t *testing.T) {
			src := mediatest.Source{Sound: c.sound, GOP: c.gop}
			b := run(t, src.Tracks(), withSets(src.Units(time.Minute), c.pps))
			for i, s := range b.segments {
				b.checkParts(s, b.g.PartTarget())
				if i > 0 {
					b.checkClock(b.segments[i-1], s)
				}
			}
			last := b.segments[len(b.segments)-1]
			end := last.Media + last.close.Duration()
			if n := len(b.segments); n < int(end/time.Second) || n > 2*int(end/time.Second)+2 {
				t.Errorf("%d segments in %v, want one or two a second", n, end)
			}
			if n := len(b.inits); n > c.inits {
				t.Errorf("%d init segments, want at most %d", n, c.inits)
			}
			if b.g.Counters().PicturesDropped == 0 {
				t.Error("no dropped picture was counted")
			}
			if fault.CodeOf(b.g.Err()) != "config_changes" || end < 10*time.Second || end > 40*time.Second {
				t.Errorf("the broadcast ends at %v with %v", end, b.g.Err())
			}
		})
	}
}

func TestParameterSetsThatChangeNowAndThenCostNoPicture(t *testing.T) {
	src := mediatest.Source{Sound: true, GOP: 120}
	b := run(t, src.Tracks(), withSets(src.Units(2*time.Minute), rising))
	b.check()
	if n := b.pictures(); n != 3600 {
		t.Errorf("pictures: got %d of 3600", n)
	}
}

// TestSetsSentOnceAreRemembered drops the picture that brought the sets; those after it do not repeat them.
func TestSetsSentOnceAreRemembered(t *testing.T) {
	src := mediatest.Source{GOP: 1}
	units := withSets(src.Units(10*time.Second), func(i int) []byte { return alternating(min(i, 40)) })
	for i := range units {
		if i > 40 {
			units[i].Config = nil
		}
	}
	b := run(t, src.Tracks(), units)
	last := b.inits[b.segments[len(b.segments)-1].Init].Tracks[0].Config
	if want := mediatest.Config(mediatest.SPS(), alternating(40)); !last.Equal(want) {
		t.Errorf("the broadcast ends with the parameter sets %x, want %x", last.Record, want.Record)
	}
}

func TestInitThatComesBackKeepsItsNumber(t *testing.T) {
	b := newBroadcast(t, segmenter.Config{})
	src := mediatest.Source{GOP: 60}
	b.begin(src.Tracks())
	b.push(withSets(src.Units(20*time.Second), alternating))
	b.flush()
	b.check()
	if len(b.inits) != 2 {
		t.Errorf("%d init segments, want 2", len(b.inits))
	}
	for i, s := range b.segments {
		if s.Init != i%2 {
			t.Errorf("segment %d needs init segment %d", i, s.Init)
		}
	}
}
