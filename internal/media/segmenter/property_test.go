package segmenter_test

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/barrage-live/barrage/internal/media"
	"github.com/barrage-live/barrage/internal/media/fmp4"
	"github.com/barrage-live/barrage/internal/media/mediatest"
	"github.com/barrage-live/barrage/internal/media/segmenter"
)

// exact is how true media time is at best. How long it may take after a start or a jump is a matter of how
// late the line was then: the clock goes back by a picture with each segment.
const exact = 100 * time.Millisecond

// exact is how true media time is of a publication that sends enough to know its line.
func (t *trial) exact() time.Duration {
	return exact + t.late/time.Duration(2*t.src.FPS)
}

func (t *trial) settling() time.Duration {
	segments := int64(max(0, t.late-exact)) * int64(t.src.FPS) / int64(time.Second)
	few := 30 * time.Second / time.Duration(t.src.FPS) // until enough came to know the line
	return 10*time.Second + few + time.Duration(segments)*1500*time.Millisecond
}

// trial is one publication of the property below, with what is true of it.
type trial struct {
	src    mediatest.Source
	units  []media.Unit
	seen   map[uint32]time.Duration // since the epoch, by our clock: when a picture could be here at the earliest
	late   time.Duration            // what it may be late by when it begins, and not later
	breaks int                      // discontinuities it may cause
	lost   int                      // key pictures that nobody can place
	broken []time.Duration          // when they come
}

// draw makes a publication on a line, with faults.
func draw(r *rapid.T, start time.Time) *trial {
	fps := rapid.IntRange(1, 120).Draw(r, "fps")
	t := &trial{src: mediatest.Source{
		FPS: fps, GOP: max(1, fps*rapid.IntRange(2, 3).Draw(r, "half seconds of a GOP")/2), Size: 16,
		Sound: rapid.Bool().Draw(r, "sound"), Millis: rapid.Bool().Draw(r, "millis"), Start: start,
		From: rapid.SampledFrom([]time.Duration{0, time.Hour, 1<<32*time.Millisecond - 40*time.Second}).Draw(r, "from"),
	}, seen: map[uint32]time.Duration{}}
	if fps >= 10 && t.src.GOP%3 == 1 {
		t.src.BFrames = 2
	}
	const ms = time.Millisecond
	l := line{
		delay: time.Duration(rapid.IntRange(0, 200).Draw(r, "delay")) * ms,
		slow:  time.Duration(rapid.IntRange(0, 200).Draw(r, "slow")) * ms, fades: 2 * time.Second,
		waves: time.Duration(rapid.IntRange(0, 500).Draw(r, "waves")) * ms,
		ppm:   rapid.IntRange(-200, 200).Draw(r, "ppm"),
	}
	t.late = l.slow + l.waves
	noise := rand.New(rand.NewPCG(rapid.Uint64().Draw(r, "noise"), 0))
	t.units = t.src.Units(time.Duration(rapid.IntRange(5, 50).Draw(r, "seconds")) * time.Second)
	frame := time.Second / time.Duration(fps)
	shake := min(5*ms, frame/5) * time.Duration(rapid.IntRange(0, 1).Draw(r, "shake"))
	for i := range t.units {
		u := &t.units[i]
		since := u.Arrival.Sub(start)
		if u.Track == 0 {
			t.seen[number(u)] = start.Sub(mediatest.Epoch()) + since - since*time.Duration(l.ppm)/1_000_000 + l.delay
			d := time.Duration(noise.Int64N(int64(2*shake + 1)))
			u.DTS, u.PTS = u.DTS+d, u.PTS+d
		}
	}
	t.units = l.carry(t.units, noise)
	for i := range t.units { // timestamps of RTMP wrap
		t.units[i].DTS %= 1 << 32 * ms
		t.units[i].PTS %= 1 << 32 * ms
		if i > 0 && t.units[i-1].DTS-t.units[i].DTS > time.Hour {
			t.breaks++
			t.broken = append(t.broken, t.units[i].Arrival.Sub(mediatest.Epoch()))
		}
	}
	t.faults(r)
	return t
}

func (t *trial) faults(r *rapid.T) {
	half := len(t.units) / 2
	for k := range rapid.IntRange(0, 2).Draw(r, "faults") {
		i := rapid.IntRange(min(8, half), half).Draw(r, "at") + k*(half-1)
		u := &t.units[i]
		switch rapid.IntRange(0, 2).Draw(r, "fault") {
		case 0:
			least := 1500 + 3000/t.src.FPS // less looks like a line that became slower
			by := time.Duration(rapid.IntRange(least, 7_200_000).Draw(r, "ms")*rapid.SampledFrom([]int{-1, 1}).Draw(r, "sign")) * time.Millisecond
			mediatest.Shift(t.units, i, by)
			t.breaks++
			t.broken = append(t.broken, u.Arrival.Sub(mediatest.Epoch()))
		case 1:
			d := time.Duration(rapid.Int64Range(-1<<50, 1<<50).Draw(r, "dts"))
			u.DTS, u.PTS = d, d
			if u.Track == 0 && u.Key {
				t.lost++
			}
		case 2:
			u.PTS = u.DTS + time.Duration(rapid.Int64Range(-1<<33, 1<<33).Draw(r, "pts"))
		}
	}
}

// number is which picture a unit is.
func number(u *media.Unit) uint32 { return binary.BigEndian.Uint32(u.Data[0][1:]) }

// watch takes events and holds what is promised of the clock.
type watch struct {
	*broadcast
	of   *trial
	last time.Duration // media time of the last picture
	from time.Duration // where the segment begins on the timeline
}

func (w *watch) take(events []segmenter.Event) {
	since := w.now.Sub(mediatest.Epoch())
	for _, e := range events {
		w.broadcast.take([]segmenter.Event{e})
		switch e := e.(type) {
		case *segmenter.Open:
			w.from = -1
			if e.Media > since {
				w.t.Errorf("segment %d begins at %v, %v before that", e.Sequence, e.Media, e.Media-since)
			}
		case *segmenter.Part:
			if w.from < 0 {
				w.from = e.Start
			}
			most := ahead
			if !w.of.settled(since) {
				most = 250 * time.Millisecond // of the first part, and where timestamps jump
			}
			if end := w.broadcast.last().Media + e.End - w.from; end > since+most {
				w.t.Errorf("part %d.%d ends at %v, written %v before that", e.Sequence, e.Index, end, end-since)
			}
			w.pictures(e, since)
		}
	}
}

// pictures holds of each picture that its media time rises and is true.
func (w *watch) pictures(p *segmenter.Part, since time.Duration) {
	s := w.broadcast.last()
	for _, got := range w.read(p, s.Init)[1].samples {
		at := time.Duration(got.DecodeTime) * time.Second / fmp4.VideoScale
		m := s.Media + at - w.from
		if m < w.last-time.Millisecond {
			w.t.Errorf("a picture of part %d.%d has the media time %v, the one before %v", p.Sequence, p.Index, m, w.last)
		}
		w.last = m
		seen := w.of.seen[binary.BigEndian.Uint32(got.Data[5:])]
		if off := m - seen; w.of.settled(since) && off.Abs() > w.of.exact() {
			w.t.Errorf("part %d.%d: the media time %v of a picture is off by %v", p.Sequence, p.Index, m, off)
		}
	}
}

func (t *trial) settled(now time.Duration) bool {
	ok := now > t.src.Start.Sub(mediatest.Epoch())+t.settling()
	for _, at := range t.broken {
		ok = ok && (now < at-time.Second || now > at+t.settling())
	}
	return ok
}

// TestTheClockAndTheCutsHold is what a viewer may rely on, whatever line and encoder are like.
func TestTheClockAndTheCutsHold(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		part := time.Duration(rapid.SampledFrom([]int{200, 500}).Draw(r, "part")) * time.Millisecond
		w := &watch{broadcast: newBroadcast(r, segmenter.Config{PartTarget: part}), last: -time.Minute}
		breaks, lost, start := -1, 0, mediatest.Epoch()
		for range rapid.IntRange(1, 2).Draw(r, "publications") {
			w.of = draw(r, start)
			w.begin(w.of.src.Tracks())
			for _, u := range w.of.units {
				w.now = u.Arrival
				w.take(w.g.Push(u))
			}
			w.now = w.now.Add(time.Second) // the last picture was shown
			w.take(w.g.Flush())
			breaks += 1 + w.of.breaks
			lost += w.of.lost
			start = w.now.Add(time.Duration(rapid.IntRange(0, 20).Draw(r, "away")) * time.Second)
		}
		for i, s := range w.segments {
			w.checkParts(s, w.g.PartTarget())
			if i > 0 {
				w.checkClock(w.segments[i-1], s)
			}
			if !s.Independent {
				lost--
			}
		}
		if lost < 0 {
			r.Error("a segment does not start with an IDR picture")
		}
		if n := len(w.discontinuities()); n > breaks || w.g.Counters().HardCuts > 0 {
			r.Errorf("%d discontinuities, want %d at most; %+v", n, breaks, w.g.Counters())
		}
	})
}
