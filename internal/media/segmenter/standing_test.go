package segmenter_test

import (
	"slices"
	"testing"
	"time"

	"github.com/Eyevinn/mp4ff/mp4"

	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/media"
	"github.com/barrage-live/barrage/internal/media/mediatest"
	"github.com/barrage-live/barrage/internal/media/segmenter"
)

// TestTimestampsThatGoSlowerThanThePictures: to move each by a little would add up to hours, and a part
// that is never full would be held without bound. Memory is bounded by what a part of clamped pictures
// holds.
func TestTimestampsThatGoSlowerThanThePictures(t *testing.T) {
	for _, c := range []struct {
		name   string
		rate   int
		stamps func(time.Duration) time.Duration
	}{
		{"3000 pictures a second in steps of 33 ms", 3000, func(a time.Duration) time.Duration { return a.Truncate(33 * time.Millisecond) }},
		{"all of zero", 60, func(time.Duration) time.Duration { return 0 }},
	} {
		t.Run(c.name, func(t *testing.T) {
			src := mediatest.Source{}
			u := src.Units(100 * time.Millisecond)[0]
			b := newBroadcast(t, segmenter.Config{})
			b.begin(src.Tracks())
			for i := range c.rate * 60 {
				since := time.Duration(i) * time.Second / time.Duration(c.rate)
				u.Arrival = mediatest.Epoch().Add(since)
				u.DTS = c.stamps(since)
				u.PTS = u.DTS
				b.push([]media.Unit{u})
			}
			if b.lead > 200*time.Millisecond || len(b.segments) > 130 {
				t.Errorf("%d segments, program date time was %v in the future", len(b.segments), b.lead)
			}
			if b.parts() == 0 {
				t.Error("nothing was written before the end")
			}
			if n := b.g.Counters(); n.PicturesDropped == 0 || fault.CodeOf(b.g.Err()) != "bad_timestamps" {
				t.Errorf("given up: %v, %+v", b.g.Err(), n)
			}
		})
	}
}

// TestAPictureStandsWithSound for as long as without.
func TestAPictureStandsWithSound(t *testing.T) {
	src := mediatest.Source{Sound: true}
	next := 5 * time.Second
	units := slices.DeleteFunc(src.Units(2*time.Minute), func(u media.Unit) bool {
		if u.Track == 1 || u.DTS < next {
			return u.Track == 0 && u.DTS >= 5*time.Second
		}
		next = u.DTS + 5*time.Second
		return false
	})
	b := run(t, src.Tracks(), units)
	b.check()
	if d := b.discontinuities(); d != nil {
		t.Errorf("discontinuities at %v", d)
	}
}

// TestAPartSaysWhetherItHoldsAKeyPicture, the one in its middle too.
func TestAPartSaysWhetherItHoldsAKeyPicture(t *testing.T) {
	src := mediatest.Source{Sound: true, GOP: 50}
	b := run(t, src.Tracks(), src.Units(20*time.Second))
	for _, s := range b.segments {
		for _, p := range s.parts {
			key := slices.ContainsFunc(b.read(p, s.Init)[1].samples, func(f mp4.FullSample) bool { return f.Data[4] == 0x65 })
			if p.Independent != key {
				t.Errorf("part %d.%d: independent %v, holds a key picture %v", p.Sequence, p.Index, p.Independent, key)
			}
		}
	}
}

// TestPicturesAreHeldUpToABound in bytes, and what is written is held no longer.
func TestPicturesAreHeldUpToABound(t *testing.T) {
	for _, stands := range []bool{false, true} {
		src := mediatest.Source{}
		units := src.Units(5 * time.Second)
		big := make([]byte, 1<<20)
		for i := range units {
			u := &units[i]
			u.Data = append(slices.Clone(u.Data), big)
			if stands {
				u.DTS, u.PTS = 0, 0
			}
		}
		b := newBroadcast(t, segmenter.Config{})
		b.begin(src.Tracks())
		b.push(units)
		if n := b.g.Counters().PicturesDropped; stands != (n > 80) || (!stands && n > 0) {
			t.Errorf("timestamps stand %v: %d pictures of %d were dropped", stands, n, len(units))
		}
	}
}

// TestTwoEarlyTimestampsMoveNoClock: they are early enough to be believed.
func TestTwoEarlyTimestampsMoveNoClock(t *testing.T) {
	src := mediatest.Source{Sound: true}
	units := src.Units(40 * time.Second)
	for _, at := range []time.Duration{10 * time.Second, 15 * time.Second} {
		i := slices.IndexFunc(units, func(u media.Unit) bool { return u.Track == 0 && u.DTS > at })
		units[i].DTS += 400 * time.Millisecond
		units[i].PTS = units[i].DTS
	}
	b := run(t, src.Tracks(), units)
	for i, s := range b.segments {
		if off := s.Media - 2*time.Second*time.Duration(i); off.Abs() > 10*time.Millisecond {
			t.Errorf("segment %d: media time is off by %v", i, off)
		}
	}
}

// TestTheSoundOfAStandingPictureIsKept when the publication ends, be it with a picture that stands.
func TestTheSoundOfAStandingPictureIsKept(t *testing.T) {
	for _, stands := range []time.Duration{0, time.Second, 5 * time.Second} {
		src := mediatest.Source{Sound: true}
		units := slices.DeleteFunc(src.Units(12*time.Second), func(u media.Unit) bool { return u.Track == 0 && u.DTS > 12*time.Second-stands })
		sent := 0
		for i := range units {
			sent += units[i].Track
		}
		b := run(t, src.Tracks(), units)
		b.check()
		kept := 0
		for _, s := range b.segments {
			for _, p := range s.parts {
				kept += len(b.read(p, s.Init)[2].samples)
			}
		}
		if kept != sent {
			t.Errorf("a picture stands for %v at the end: %d frames of sound of %d", stands, kept, sent)
		}
	}
}
