package segmenter_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/barrage-live/barrage/internal/media"
	"github.com/barrage-live/barrage/internal/media/fmp4"
	"github.com/barrage-live/barrage/internal/media/mediatest"
	"github.com/barrage-live/barrage/internal/media/segmenter"
)

// TestEverySegmentStartsWithAKeyframe: neither uneven pictures nor pictures that stand for a while, nor
// another frame rate after a reconnect, cost a segment its start.
func TestEverySegmentStartsWithAKeyframe(t *testing.T) {
	for _, part := range []time.Duration{200 * time.Millisecond, 500 * time.Millisecond} {
		for _, fps := range []int{8, 12, 24, 30, 60} {
			for _, stands := range []time.Duration{0, 150 * time.Millisecond, 450 * time.Millisecond} {
				t.Run(fmt.Sprintf("parts of %v, %d fps, one stands for %v", part, fps, stands), func(t *testing.T) {
					r := rand.New(rand.NewPCG(uint64(fps), 1))
					src := mediatest.Source{FPS: fps, Sound: true, Millis: true, From: time.Second}
					units := src.Units(time.Minute)
					for i := range units {
						if u := &units[i]; u.Track == 0 {
							u.DTS += time.Duration(r.IntN(7)-3) * time.Millisecond
							u.PTS = u.DTS
						}
					}
					units = slices.DeleteFunc(units, func(u media.Unit) bool {
						return u.Track == 0 && !u.Key && stands > 0 && u.DTS%(5*time.Second) < stands
					})
					b := newBroadcast(t, segmenter.Config{PartTarget: part})
					b.publish(mediatest.Source{FPS: 30, Sound: true}, 4*time.Second)
					for i := range units {
						units[i].Arrival = units[i].Arrival.Add(10 * time.Second)
					}
					b.begin(src.Tracks())
					b.push(units)
					b.flush()
					b.check()
					if n := len(b.segments); b.g.Counters().HardCuts > 0 || n > 33 || len(b.discontinuities()) != 1 {
						t.Errorf("%d segments, %+v, discontinuities %v", n, b.g.Counters(), b.discontinuities())
					}
				})
			}
		}
	}
}

// TestOneBadCompositionTimeLeavesNoTrace, not even in the first picture.
func TestOneBadCompositionTimeLeavesNoTrace(t *testing.T) {
	for _, at := range []time.Duration{0, 10 * time.Second} {
		for _, by := range []time.Duration{300 * time.Millisecond, 1500 * time.Millisecond, 4500 * time.Millisecond} {
			t.Run(fmt.Sprintf("%v at %v", by, at), func(t *testing.T) {
				src := mediatest.Source{Sound: true}
				units := src.Units(80 * time.Second)
				units[slices.IndexFunc(units, func(u media.Unit) bool { return u.Track == 0 && u.DTS >= at })].PTS += by
				b := run(t, src.Tracks(), units)
				b.check()
				s := b.segments[len(b.segments)-2]
				if want := 2 * time.Second * time.Duration(38); (s.Media-want).Abs() > time.Millisecond || len(b.discontinuities()) > 1 {
					t.Errorf("the segment at %v has media time %v; discontinuities %v", want, s.Media, b.discontinuities())
				}
				in := b.read(s.parts[0], s.Init)
				if off := in[1].samples[0].CompositionTimeOffset; off != 0 {
					t.Errorf("a picture is shown %d ticks behind its decode time", off)
				}
			})
		}
	}
}

// TestLateSoundLandsInItsPart, however late a publisher's interleave is, up to a second; one whose sound is
// on time waits for nothing.
func TestLateSoundLandsInItsPart(t *testing.T) {
	for _, late := range []time.Duration{0, 200 * time.Millisecond, 400 * time.Millisecond, 800 * time.Millisecond, 950 * time.Millisecond} {
		t.Run(late.String(), func(t *testing.T) {
			src := mediatest.Source{Sound: true}
			units := src.Units(30 * time.Second)
			for i := range units {
				if units[i].Track == 1 {
					units[i].Arrival = units[i].Arrival.Add(late)
				}
			}
			slices.SortStableFunc(units, func(a, b media.Unit) int { return a.Arrival.Compare(b.Arrival) })
			b := run(t, src.Tracks(), units)
			b.check()
			for _, s := range b.segments[:len(b.segments)-1] {
				for _, p := range s.parts {
					in := b.read(p, s.Init)
					v, a := float64(in[1].from)/fmp4.VideoScale, float64(in[2].from)/48000
					if d := v - a; len(in[2].samples) == 0 || d > 0.03 || d < -0.03 {
						t.Errorf("part %d.%d: pictures start at %.3f s, %d frames of sound at %.3f s", p.Sequence, p.Index, v, len(in[2].samples), a)
					}
				}
			}
		})
	}
}

// TestSoundFollowsItsTimestampsSmoothly: where the clock of the sound is not that of the pictures no frame is
// dropped or stretched, and lips stay in step.
func TestSoundFollowsItsTimestampsSmoothly(t *testing.T) {
	for _, ppm := range []int64{200, -200} {
		src := mediatest.Source{Sound: true, Millis: true, FPS: 5}
		units := src.Units(10 * time.Minute)
		for i := range units {
			if units[i].Track == 1 {
				units[i].DTS += time.Duration(int64(units[i].DTS) / 1_000_000 * ppm)
				units[i].PTS = units[i].DTS
			}
		}
		b := run(t, src.Tracks(), units)
		if c := b.g.Counters(); c != (segmenter.Counters{}) {
			t.Errorf("%+v", c)
		}
		first := b.read(b.segments[0].parts[0], 0)[2].from
		frames := uint64(0)
		for _, s := range b.segments {
			for _, p := range s.parts {
				in := b.read(p, 0)[2]
				stamp := frames * 1024
				stamp += uint64(int64(stamp) / 1_000_000 * ppm) // what the encoder said
				if off := (int64(in.from-first) - int64(stamp)) * 1000 / 48000; off > 8 || off < -8 {
					t.Fatalf("part %d.%d: sound is off by %d ms", p.Sequence, p.Index, off)
				}
				frames += uint64(len(in.samples))
			}
		}
	}
}
