package segmenter_test

import (
	"encoding/binary"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/barrage-live/barrage/internal/media"
	"github.com/barrage-live/barrage/internal/media/mediatest"
	"github.com/barrage-live/barrage/internal/media/segmenter"
)

// run publishes prepared units as one publication.
func run(t *testing.T, tracks []media.Track, units []media.Unit) *broadcast {
	t.Helper()
	b := newBroadcast(t, segmenter.Config{})
	b.begin(tracks)
	b.push(units)
	b.flush()
	return b
}

func TestTimestampsJump(t *testing.T) {
	cases := []struct {
		name string
		by   time.Duration
	}{
		{"an hour ahead", time.Hour},
		{"an hour back", -time.Hour},
		{"six seconds ahead", 6 * time.Second},
		{"a second back", -time.Second},
		{"over the 32 bits of RTMP", -(1<<32 - 1) * time.Millisecond},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			src := mediatest.Source{Sound: true, From: 2 * time.Hour}
			units := src.Units(20 * time.Second)
			b := run(t, src.Tracks(), mediatest.Shift(units, mediatest.Index(units, 9*time.Second), c.by))
			b.check()
			if d := b.discontinuities(); len(d) != 1 {
				t.Errorf("discontinuities: got %v, want one", d)
			}
			if got := b.g.Counters().Jumps; got != 1 {
				t.Errorf("jumps: got %d, want 1", got)
			}
			if got := b.pictures(); got != 570 { // those from the jump at 9 s to the IDR picture at 10 s are dropped
				t.Errorf("pictures: got %d, want 570", got)
			}
			last := b.segments[len(b.segments)-1]
			if end := last.Media + last.close.Duration(); end < 19900*time.Millisecond || end > 20100*time.Millisecond {
				t.Errorf("media time ends at %v, want about 20 s", end)
			}
			if b.lead > ahead {
				t.Errorf("program date time was %v in the future", b.lead)
			}
		})
	}
}

func TestJumpKeepsSoundWithPicture(t *testing.T) {
	src := mediatest.Source{Sound: true}
	units := src.Units(20 * time.Second)
	b := run(t, src.Tracks(), mediatest.Shift(units, mediatest.Index(units, 9*time.Second), time.Hour))
	for _, s := range b.segments {
		in := b.read(s.parts[0], s.Init)
		v, a := float64(in[1].from)/90000, float64(in[2].from)/48000
		if d := v - a; d > 0.07 || d < -0.07 {
			t.Errorf("segment %d: video at %.3f s, audio at %.3f s", s.Sequence, v, a)
		}
	}
}

// TestOneBadTimestampCostsNothing: others refer to its picture, which is given a time in between.
func TestOneBadTimestampCostsNothing(t *testing.T) {
	src := mediatest.Source{Sound: true}
	units := src.Units(10 * time.Second)
	for i, u := range units {
		if u.Track == 0 && u.DTS == 5*time.Second {
			units[i].DTS += time.Hour
			units[i].PTS += time.Hour
			break
		}
	}
	b := run(t, src.Tracks(), units)
	b.check()
	if c := b.g.Counters(); c.Glitches != 1 || c.Jumps != 0 || b.discontinuities() != nil {
		t.Errorf("got %+v with discontinuities %v", c, b.discontinuities())
	}
	if n := b.pictures(); n != 300 {
		t.Errorf("pictures: got %d of 300", n)
	}
}

// TestPicturesThatReferToADroppedOneAreDropped: timestamps of which no two agree are nobody's.
func TestPicturesThatReferToADroppedOneAreDropped(t *testing.T) {
	src := mediatest.Source{Sound: true}
	units := src.Units(20 * time.Second)
	for i := range units {
		if u := &units[i]; u.Track == 0 && u.DTS > 9*time.Second && u.DTS < 9200*time.Millisecond {
			u.DTS *= 50 * time.Duration(i%5+1)
			u.PTS = u.DTS
		}
	}
	b := run(t, src.Tracks(), units)
	b.check()
	next := uint32(0)
	for _, s := range b.segments {
		for _, p := range s.parts {
			for _, got := range b.read(p, s.Init)[1].samples {
				n := binary.BigEndian.Uint32(got.Data[5:])
				if key := got.Data[4] == 0x65; !key && n != next {
					t.Errorf("picture %d of part %d.%d follows %d", n, p.Sequence, p.Index, int(next)-1)
				}
				next = n + 1
			}
		}
	}
}

func TestOneTrackJumpsAlone(t *testing.T) {
	src := mediatest.Source{Sound: true}
	units := src.Units(60 * time.Second)
	for i := range units {
		if units[i].Track == 1 && units[i].DTS > 9*time.Second {
			units[i].DTS += time.Hour
			units[i].PTS += time.Hour
		}
	}
	b := run(t, src.Tracks(), units)
	b.check()
	if d := b.discontinuities(); len(d) > 2 {
		t.Errorf("one track's jump opened discontinuities %v", d)
	}
	if got := b.pictures(); got < 1795 {
		t.Errorf("pictures: got %d of 1800", got)
	}
}

func TestTimestampsThatStandStill(t *testing.T) {
	src := mediatest.Source{Sound: true}
	units := src.Units(10 * time.Second)
	for i := range units {
		if d := units[i].DTS - 5*time.Second; d > 0 && d < 200*time.Millisecond {
			units[i].DTS, units[i].PTS = 5*time.Second, 5*time.Second
		}
	}
	b := run(t, src.Tracks(), units)
	b.check()
	if b.g.Counters().Clamped == 0 {
		t.Error("nothing was moved")
	}
}

func TestPublisherIsSilentForAWhile(t *testing.T) {
	cases := []struct {
		name       string
		sound      bool
		from, to   time.Duration
		onlyVideo  bool
		wantBreaks int
	}{
		{name: "all for 2 s", sound: true, from: 5 * time.Second, to: 7 * time.Second},
		{name: "all for 8 s", sound: true, from: 5 * time.Second, to: 13 * time.Second, wantBreaks: 1},
		{name: "video without sound for 2 s", from: 5 * time.Second, to: 7 * time.Second},
		{name: "video without sound for 8 s", from: 5 * time.Second, to: 13 * time.Second, wantBreaks: 1},
		{name: "pictures only for 2 s", sound: true, from: 5 * time.Second, to: 7 * time.Second, onlyVideo: true},
		{name: "pictures only for 30 s", sound: true, from: 5 * time.Second, to: 35 * time.Second, onlyVideo: true, wantBreaks: 2},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			src := mediatest.Source{Sound: c.sound}
			var units []media.Unit
			for _, u := range src.Units(50 * time.Second) {
				if u.DTS < c.from || u.DTS >= c.to || (c.onlyVideo && u.Track == 1) {
					units = append(units, u)
				}
			}
			b := run(t, src.Tracks(), units)
			b.gaps = true
			b.check()
			if d := b.discontinuities(); len(d) != c.wantBreaks {
				t.Errorf("discontinuities: got %v, want %d", d, c.wantBreaks)
			}
			last := b.segments[len(b.segments)-1]
			if end := last.Media + last.close.Duration(); end < 49900*time.Millisecond || end > 50100*time.Millisecond {
				t.Errorf("media time ends at %v, want about 50 s", end)
			}
		})
	}
}

func TestSoundIsMissing(t *testing.T) {
	src := mediatest.Source{Sound: true}
	keep := func(u media.Unit, from, to time.Duration) bool { return u.Track == 0 || u.DTS < from || u.DTS >= to }
	for name, span := range map[string][2]time.Duration{
		"from the start":  {0, time.Hour},
		"for a minute":    {5 * time.Second, 65 * time.Second},
		"for 300 ms":      {5 * time.Second, 5300 * time.Millisecond},
		"until the end":   {5 * time.Second, time.Hour},
		"at the start":    {0, 3 * time.Second},
		"for one frame":   {5 * time.Second, 5020 * time.Millisecond},
		"for five frames": {5 * time.Second, 5100 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBroadcast(t, segmenter.Config{})
			b.begin(src.Tracks())
			for _, u := range src.Units(80 * time.Second) {
				if keep(u, span[0], span[1]) {
					b.push([]media.Unit{u})
				}
			}
			b.flush()
			for i, s := range b.segments {
				b.checkParts(s, b.g.PartTarget())
				if i > 0 {
					b.checkClock(b.segments[i-1], s)
				}
			}
			if got := b.pictures(); got != 2400 {
				t.Errorf("pictures: got %d, want 2400", got)
			}
		})
	}
}

func TestReconnect(t *testing.T) {
	b := newBroadcast(t, segmenter.Config{})
	src := mediatest.Source{Sound: true}
	b.publish(src, 10*time.Second)
	src.Start = mediatest.Epoch().Add(22 * time.Second)
	src.From = 5 * time.Hour
	b.publish(src, 10*time.Second)
	src.Start = mediatest.Epoch().Add(34 * time.Second)
	src.Sound = false
	b.publish(src, 10*time.Second)
	b.check()
	if d := b.discontinuities(); len(d) != 2 {
		t.Errorf("discontinuities: got %v, want two", d)
	}
	if len(b.inits) != 2 {
		t.Errorf("init segments: got %d; the second publication has the first's tracks, the third has no sound", len(b.inits))
	}
	for i, want := range []time.Duration{0, 22 * time.Second, 34 * time.Second} {
		s := b.segments[0]
		if i > 0 {
			s = b.segments[b.discontinuities()[i-1]]
		}
		if d := s.Media - want; d < -40*time.Millisecond || d > 40*time.Millisecond {
			t.Errorf("publication %d starts at media time %v, want about %v", i, s.Media, want)
		}
	}
}

func TestBurstAtTheStartIsNotInTheFuture(t *testing.T) {
	src := mediatest.Source{Sound: true}
	units := src.Units(30 * time.Second)
	late := units[0].Arrival.Add(2 * time.Second)
	for i := range units {
		if units[i].Arrival.Before(late) {
			units[i].Arrival = late
		}
	}
	b := run(t, src.Tracks(), units)
	b.check()
	if b.lead > 0 {
		t.Errorf("program date time was %v in the future", b.lead)
	}
	if d := b.discontinuities(); len(d) > 0 {
		t.Errorf("the clock was put right behind %v: its first estimate was wrong", d)
	}
	tail := b.segments[len(b.segments)-1]
	if end := tail.Media + tail.close.Duration(); end > 30*time.Second+50*time.Millisecond {
		t.Errorf("media time ends at %v, after the last arrival", end)
	}
}

// TestAPublisherInRealTimeIsNotHeldBack: waiting for the end of a burst that is none would delay
// everybody's first picture.
func TestAPublisherInRealTimeIsNotHeldBack(t *testing.T) {
	for _, src := range []mediatest.Source{{Sound: true}, {}, {Sound: true, BFrames: 2}} {
		g := segmenter.New(segmenter.Config{}, mediatest.Epoch())
		if _, err := g.Begin(src.Tracks()); err != nil {
			t.Fatal(err)
		}
		first := func() time.Duration {
			for _, u := range src.Units(5 * time.Second) {
				for _, e := range g.Push(u) {
					if _, ok := e.(*segmenter.Part); ok {
						return u.Arrival.Sub(mediatest.Epoch())
					}
				}
			}
			return time.Minute
		}()
		if first > 800*time.Millisecond {
			t.Errorf("%+v: the first part came after %v", src, first)
		}
	}
}

func TestTheClockFollowsADriftingPublisher(t *testing.T) {
	src := mediatest.Source{Sound: true}
	units := src.Units(20 * time.Minute)
	for i := range units { // the publisher's clock is 100 ppm slow
		units[i].Arrival = units[i].Arrival.Add(units[i].DTS / 10000)
	}
	b := run(t, src.Tracks(), units)
	b.check()
	tail := b.segments[len(b.segments)-1]
	want := 20*time.Minute + 120*time.Millisecond
	if d := tail.Media + tail.close.Duration() - want; d < -50*time.Millisecond || d > 50*time.Millisecond {
		t.Errorf("after 20 minutes the clock is off by %v", d)
	}
}

// TestWhereNothingBeginsThePictureStands: a picture that stands for longer than a part is cut, and where
// sound is lost too nothing begins in what follows the cut.
func TestWhereNothingBeginsThePictureStands(t *testing.T) {
	src := mediatest.Source{Frame: 251 * time.Millisecond, GOP: 1, Sound: true}
	units := src.Units(20 * time.Second)
	units = mediatest.Shift(units, 1, 174*time.Millisecond)
	units = append(units[:268], units[281:]...) // a picture, and the sound around it
	b := run(t, src.Tracks(), units)
	b.gaps = true
	b.check()
	if d := b.discontinuities(); len(d) != 0 || b.g.Counters().Holes != 0 {
		t.Errorf("discontinuities: got %v and %d holes, want none", d, b.g.Counters().Holes)
	}
}

// TestAnythingGoes feeds arbitrary timestamps and holds the promises that know no source.
func TestAnythingGoes(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		src := mediatest.Source{
			Frame:   time.Duration(rapid.IntRange(10, 300).Draw(r, "frame")) * time.Millisecond,
			GOP:     rapid.IntRange(1, 400).Draw(r, "gop"),
			BFrames: rapid.IntRange(0, 3).Draw(r, "b"),
			Sound:   rapid.Bool().Draw(r, "sound"),
			Millis:  rapid.Bool().Draw(r, "millis"),
		}
		units := src.Units(20 * time.Second)
		for range rapid.IntRange(0, 6).Draw(r, "faults") {
			i := rapid.IntRange(0, len(units)-1).Draw(r, "at")
			switch rapid.IntRange(0, 5).Draw(r, "fault") {
			case 0:
				ms := rapid.IntRange(-7_200_000, 7_200_000).Draw(r, "ms")
				mediatest.Shift(units, i, time.Duration(ms)*time.Millisecond)
			case 1:
				units[i].DTS = time.Duration(rapid.Int64Range(-1<<50, 1<<50).Draw(r, "dts"))
			case 2:
				units[i].PTS = time.Duration(rapid.Int64Range(-1<<50, 1<<50).Draw(r, "pts"))
			case 3:
				n := min(len(units), i+rapid.IntRange(1, 200).Draw(r, "lost"))
				units = append(units[:i], units[n:]...)
			case 5:
				units[i].Tracks = rapid.SampledFrom([][]media.Track{src.Tracks(), {mediatest.Audio(), mediatest.Video()}, {mediatest.Video()}, {{}}}).Draw(r, "tracks")
			case 4:
				for k := i; k < min(len(units), i+rapid.IntRange(1, 200).Draw(r, "sets")); k++ {
					units[k].Config = mediatest.Config(mediatest.SPS(), alternating(k))
				}
			}
			if len(units) == 0 {
				return
			}
		}
		b := newBroadcast(r, segmenter.Config{})
		b.begin(src.Tracks())
		b.push(units)
		b.flush()
		target := b.g.PartTarget()
		for i, s := range b.segments {
			b.checkParts(s, target)
			if s.Sequence != uint64(i) || s.close == nil {
				r.Fatalf("segment %d: %+v", i, s.Open)
			}
			if i > 0 && s.Media < b.segments[i-1].Media {
				r.Fatalf("media time goes back at segment %d: %+v %+v; %+v", i, b.segments[i-1].Open, b.segments[i-1].close, s.Open)
			}
		}
	})
}
