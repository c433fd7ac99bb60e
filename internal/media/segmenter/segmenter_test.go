package segmenter_test

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"github.com/Eyevinn/mp4ff/mp4"

	"github.com/barrage-live/barrage/internal/media"
	"github.com/barrage-live/barrage/internal/media/fmp4"
	"github.com/barrage-live/barrage/internal/media/mediatest"
	"github.com/barrage-live/barrage/internal/media/segmenter"
)

// segment is what a playlist would say of a segment.
type segment struct {
	segmenter.Open
	close *segmenter.Close
	parts []*segmenter.Part
}

// broadcast collects events and remembers when each came.
type broadcast struct {
	t        tester
	g        *segmenter.Segmenter
	inits    []*segmenter.Init
	segments []*segment
	// lead is the largest distance a segment's end lay in the future when its last part was written.
	lead time.Duration
	now  time.Time
	gaps bool // sound is missing in places
	// quicker says that the line becomes quicker by more than the clock slews.
	quicker bool
}

// back is by which share of a segment the clock may go back, as a divisor.
func (b *broadcast) back() time.Duration {
	if b.quicker {
		return 2
	}
	return 20
}

// ahead is how far the end of a part may be ahead of the wall clock when it is written.
const ahead = 34 * time.Millisecond

// tester is what *testing.T and *rapid.T have in common.
type tester interface {
	Helper()
	Error(args ...any)
	Errorf(format string, args ...any)
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}

func newBroadcast(t tester, cfg segmenter.Config) *broadcast {
	t.Helper()
	return &broadcast{t: t, g: segmenter.New(cfg, mediatest.Epoch()), now: mediatest.Epoch()}
}

func (b *broadcast) begin(tracks []media.Track) {
	b.t.Helper()
	events, err := b.g.Begin(tracks)
	if err != nil {
		b.t.Fatal(err)
	}
	b.take(events)
}

func (b *broadcast) push(units []media.Unit) {
	b.t.Helper()
	for _, u := range units {
		b.now = u.Arrival
		b.take(b.g.Push(u))
	}
}

func (b *broadcast) publish(s mediatest.Source, d time.Duration) {
	b.t.Helper()
	b.begin(s.Tracks())
	b.push(s.Units(d))
	b.flush()
}

// flush ends the publication a little after its last unit, when that has been shown.
func (b *broadcast) flush() {
	b.t.Helper()
	b.now = b.now.Add(time.Second)
	b.take(b.g.Flush())
}

func (b *broadcast) take(events []segmenter.Event) {
	b.t.Helper()
	for _, e := range events {
		switch e := e.(type) {
		case *segmenter.Init:
			b.init(e)
		case *segmenter.Open:
			b.segments = append(b.segments, &segment{Open: *e})
		case *segmenter.Part:
			s := b.last()
			if e.Sequence != s.Sequence || e.Index != len(s.parts) {
				b.t.Fatalf("part %d.%d came after %d parts of segment %d", e.Sequence, e.Index, len(s.parts), s.Sequence)
			}
			s.parts = append(s.parts, e)
			end := mediatest.Epoch().Add(s.Media + e.End - s.parts[0].Start)
			b.lead = max(b.lead, end.Sub(b.now))
		case *segmenter.Close:
			b.last().close = e
		}
	}
}

func (b *broadcast) last() *segment {
	b.t.Helper()
	if len(b.segments) == 0 {
		b.t.Fatal("a part came before its segment")
	}
	return b.segments[len(b.segments)-1]
}

// check holds every promise of the package that needs no knowledge of the source.
func (b *broadcast) check() {
	b.t.Helper()
	target := b.g.PartTarget()
	for i, s := range b.segments {
		if s.Sequence != uint64(i) {
			b.t.Errorf("segment %d has sequence number %d", i, s.Sequence)
		}
		if i == 0 && s.Discontinuity {
			b.t.Error("the first segment is marked as a discontinuity")
		}
		if s.close == nil {
			b.t.Fatalf("segment %d was not closed", i)
		}
		b.checkParts(s, target)
		if i > 0 {
			b.checkClock(b.segments[i-1], s)
		}
	}
	b.checkDecodeTimes()
}

func (b *broadcast) checkParts(s *segment, target time.Duration) {
	b.t.Helper()
	var sum time.Duration
	at := s.close.Start
	for k, p := range s.parts {
		d := p.Duration()
		sum += d
		if d > target {
			b.t.Errorf("part %d.%d lasts %v, over the target of %v", p.Sequence, k, d, target)
		}
		if k < len(s.parts)-1 && d*100 < target*85 {
			b.t.Errorf("part %d.%d lasts %v, under 85 %% of %v", p.Sequence, k, d, target)
		}
		if p.Start != at {
			b.t.Errorf("part %d.%d starts at %v, the one before ended at %v", p.Sequence, k, p.Start, at)
		}
		at = p.End
	}
	if sum != s.close.Duration() {
		b.t.Errorf("segment %d lasts %v, its parts %v", s.Sequence, s.close.Duration(), sum)
	}
	if s.close.Duration().Round(time.Second) > b.g.Target() {
		b.t.Errorf("segment %d lasts %v, over the target", s.Sequence, s.close.Duration())
	}
	if s.Independent != s.parts[0].Independent && s.Independent {
		b.t.Errorf("segment %d is independent, its first part is not", s.Sequence)
	}
}

func (b *broadcast) checkClock(before, s *segment) {
	b.t.Helper()
	step := s.Media - before.Media
	length := before.close.Duration()
	switch drift := step - length; {
	case step <= 0:
		b.t.Errorf("the media time of segment %d goes back by %v", s.Sequence, -step)
	case !s.Discontinuity && (drift > length/20+time.Millisecond || drift < -length/b.back()-time.Millisecond):
		b.t.Errorf("segment %d: media time is off by %v inside a continuity", s.Sequence, drift)
	}
}

// track is one track of a part as another library reads it.
type track struct {
	from, to uint64
	samples  []mp4.FullSample
}

func (b *broadcast) read(p *segmenter.Part, init int) map[uint32]track {
	b.t.Helper()
	f, err := mp4.DecodeFile(bytes.NewReader(append(bytes.Clone(b.inits[init].Bytes), p.Bytes...)))
	if err != nil {
		b.t.Fatalf("part %d.%d: %v", p.Sequence, p.Index, err)
	}
	out := map[uint32]track{}
	frag := f.Segments[0].Fragments[0]
	for _, traf := range frag.Moof.Trafs {
		trex, _ := f.Init.Moov.Mvex.GetTrex(traf.Tfhd.TrackID)
		full, err := frag.GetFullSamples(trex)
		if err != nil {
			b.t.Fatal(err)
		}
		t := track{from: traf.Tfdt.BaseMediaDecodeTime(), samples: full}
		t.to = t.from
		for _, s := range full {
			t.to += uint64(s.Dur)
		}
		out[traf.Tfhd.TrackID] = t
	}
	return out
}

// checkDecodeTimes reads every part and holds that each track continues exactly where it ended.
func (b *broadcast) checkDecodeTimes() {
	b.t.Helper()
	ends := map[uint32]uint64{}
	for _, s := range b.segments {
		if s.Discontinuity {
			clear(ends)
		}
		for _, p := range s.parts {
			for id, t := range b.read(p, s.Init) {
				if end, ok := ends[id]; ok && t.from != end && (!b.gaps || id == 1 || t.from < end) {
					b.t.Errorf("track %d of part %d.%d starts at %d, it ended at %d", id, p.Sequence, p.Index, t.from, end)
				}
				ends[id] = t.to
			}
		}
	}
}

func (b *broadcast) pictures() (n int) {
	for _, s := range b.segments {
		for _, p := range s.parts {
			n += len(b.read(p, s.Init)[1].samples)
		}
	}
	return n
}

func (b *broadcast) discontinuities() (at []uint64) {
	for _, s := range b.segments {
		if s.Discontinuity {
			at = append(at, s.Sequence)
		}
	}
	return at
}

func TestFrameRates(t *testing.T) {
	cases := []struct {
		name       string
		fps        int
		frame      time.Duration
		wantTarget time.Duration
	}{
		{"60", 60, 0, 500 * time.Millisecond},
		{"59.94", 0, time.Second * 1001 / 60000, 500 * time.Millisecond},
		{"30", 30, 0, 500 * time.Millisecond},
		{"29.97", 0, time.Second * 1001 / 30000, 500 * time.Millisecond},
		{"25", 25, 0, 500 * time.Millisecond},
		{"24", 24, 0, 500 * time.Millisecond},
		{"15", 15, 0, 500 * time.Millisecond},
		{"5", 5, 0, 630 * time.Millisecond},
		{"1", 1, 0, 1050 * time.Millisecond},
	}
	for _, c := range cases {
		for _, millis := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s fps, timestamps in milliseconds %v", c.name, millis), func(t *testing.T) {
				b := newBroadcast(t, segmenter.Config{})
				b.publish(mediatest.Source{FPS: c.fps, Frame: c.frame, Sound: true, Millis: millis}, 21*time.Second)
				b.check()
				if got := b.g.PartTarget(); got != c.wantTarget {
					t.Errorf("part target: got %v, want %v", got, c.wantTarget)
				}
				want := 21 * c.fps
				if c.fps == 0 {
					want = int(21*time.Second/c.frame) + 1
				}
				if b.pictures() != want {
					t.Errorf("pictures: got %d, want %d", b.pictures(), want)
				}
				if d := b.discontinuities(); d != nil {
					t.Errorf("discontinuities at %v", d)
				}
				for _, s := range b.segments {
					if !s.Independent {
						t.Errorf("segment %d does not start at an IDR picture", s.Sequence)
					}
				}
				if b.lead > 0 {
					t.Errorf("program date time was %v in the future", b.lead)
				}
			})
		}
	}
}

func TestAudioStartsWithVideo(t *testing.T) {
	for _, bframes := range []int{0, 2} {
		t.Run(fmt.Sprintf("%d B-frames", bframes), func(t *testing.T) {
			b := newBroadcast(t, segmenter.Config{})
			b.publish(mediatest.Source{Sound: true, BFrames: bframes}, 12*time.Second)
			b.check()
			for _, s := range b.segments {
				for _, p := range s.parts {
					in := b.read(p, 0)
					v, a := float64(in[1].from)/fmp4.VideoScale, float64(in[2].from)/48000
					if d := v - a; (d > 0.0334 || d < -0.0334) && len(in[2].samples) > 0 {
						t.Errorf("part %d.%d: video starts at %.3f s, audio at %.3f s", p.Sequence, p.Index, v, a)
					}
				}
			}
		})
	}
}

func TestReorderedPicturesKeepTheirTimes(t *testing.T) {
	src := mediatest.Source{BFrames: 2, GOP: 61}
	units := src.Units(10 * time.Second)
	b := newBroadcast(t, segmenter.Config{})
	b.publish(src, 10*time.Second)
	b.check()
	i, base := 0, int64(0)
	for _, s := range b.segments {
		for k, p := range s.parts {
			for n, got := range b.read(p, s.Init)[1].samples {
				shown := int64(got.DecodeTime) + int64(got.CompositionTimeOffset)
				want := units[i].PTS.Microseconds() * 9 / 100
				if i == 0 {
					base = shown - want
				}
				if d := shown - want - base; d > 1 || d < -1 {
					t.Fatalf("picture %d is shown at %d, want %d", i, shown-base, want)
				}
				if k == 0 && n == 0 && got.CompositionTimeOffset != 0 {
					t.Errorf("segment %d: its IDR picture has offset %d", s.Sequence, got.CompositionTimeOffset)
				}
				i++
			}
		}
	}
	if i != len(units) {
		t.Errorf("pictures: got %d, want %d", i, len(units))
	}
}

func TestKeyframeGapOverTheTarget(t *testing.T) {
	b := newBroadcast(t, segmenter.Config{})
	b.publish(mediatest.Source{GOP: 300, Sound: true}, 30*time.Second)
	b.check()
	var independent []bool
	for _, s := range b.segments {
		independent = append(independent, s.Independent)
	}
	want := []bool{true, false, false, true, false, false, true, false, false}
	if fmt.Sprint(independent) != fmt.Sprint(want) {
		t.Errorf("independent segments: got %v, want %v", independent, want)
	}
	if got := b.g.Counters().HardCuts; got != 6 {
		t.Errorf("hard cuts: got %d, want 6", got)
	}
}

func TestShortGOPsShareASegment(t *testing.T) {
	b := newBroadcast(t, segmenter.Config{})
	b.publish(mediatest.Source{GOP: 10}, 10*time.Second)
	b.check()
	for _, s := range b.segments[:len(b.segments)-1] {
		if d := s.close.Duration(); d != time.Second {
			t.Errorf("segment %d lasts %v, want 1 s", s.Sequence, d)
		}
	}
}

func TestAudioOnly(t *testing.T) {
	b := newBroadcast(t, segmenter.Config{})
	b.publish(mediatest.Source{NoPictures: true, Sound: true}, 10*time.Second)
	b.check()
	if n := len(b.segments); n < 7 || n > 12 {
		t.Errorf("segments: got %d", n)
	}
}

func TestParameterSetsChange(t *testing.T) {
	src := mediatest.Source{Sound: true}
	units := src.Units(12 * time.Second)
	for i := range units {
		if units[i].Track == 0 && units[i].DTS == 6*time.Second {
			units[i].Config = mediatest.Config(mediatest.OtherSPS(), mediatest.PPS())
			units[i].Data = append([][]byte{mediatest.OtherSPS(), mediatest.PPS()}, units[i].Data...)
		}
	}
	b := newBroadcast(t, segmenter.Config{})
	b.begin(src.Tracks())
	b.push(units)
	b.flush()
	b.check()
	if len(b.inits) != 2 || !b.inits[1].Tracks[0].Config.Equal(mediatest.Config(mediatest.OtherSPS(), mediatest.PPS())) {
		t.Fatalf("init segments: got %d, want a second one with the new parameter set", len(b.inits))
	}
	if got := fmt.Sprint(b.discontinuities()); got != "[3]" {
		t.Errorf("discontinuities: got %v, want [3]", got)
	}
	if s := b.segments[3]; s.Init != 1 || !s.Independent {
		t.Errorf("segment 3 must need init 1 and start at an IDR picture: %+v", s.Open)
	}
	if first := b.read(b.segments[3].parts[0], 1)[1].samples[0].Data; !bytes.Equal(first[4:4+len(mediatest.OtherSPS())], mediatest.OtherSPS()) {
		t.Errorf("the picture has lost its parameter sets: %x", first[:40])
	}
}

func TestBeginRefuses(t *testing.T) {
	g := segmenter.New(segmenter.Config{}, mediatest.Epoch())
	if _, err := g.Begin(nil); err == nil {
		t.Error("a publication without tracks was accepted")
	}
	if _, err := g.Begin([]media.Track{{Config: &media.Config{Codec: media.H264}}}); err == nil {
		t.Error("a track without parameter sets was accepted")
	}
}
