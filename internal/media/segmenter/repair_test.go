package segmenter_test

import (
	"encoding/binary"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/barrage-live/barrage/internal/media"
	"github.com/barrage-live/barrage/internal/media/fmp4"
	"github.com/barrage-live/barrage/internal/media/mediatest"
)

// placed is where a picture was put: its decode time since the first one's, and how much later it is shown.
type placed struct{ at, later time.Duration }

// placed gives the pictures that were written, by their numbers.
func (b *broadcast) placed() map[uint32]placed {
	all, first := map[uint32]placed{}, uint64(0)
	for i, s := range b.segments {
		for k, p := range s.parts {
			for n, got := range b.read(p, s.Init)[1].samples {
				if i+k+n == 0 {
					first = got.DecodeTime
				}
				all[binary.BigEndian.Uint32(got.Data[5:])] = placed{
					time.Duration(got.DecodeTime-first) * time.Second / fmp4.VideoScale,
					time.Duration(got.CompositionTimeOffset) * time.Second / fmp4.VideoScale,
				}
			}
		}
	}
	return all
}

// TestGlitchesAreGivenTimesBetween the last picture that fitted and the next, not further apart than those
// were before, and are shown as much later as their encoder said.
func TestGlitchesAreGivenTimesBetween(t *testing.T) {
	const frame = 40 * time.Millisecond
	for _, c := range []struct {
		name     string
		glitches int
		missing  int // pictures behind them that never came
		want     []time.Duration
	}{
		{"one", 1, 0, []time.Duration{frame}},
		{"two", 2, 0, []time.Duration{frame, 2 * frame}},
		{"two before a gap", 2, 10, []time.Duration{frame, 2 * frame}},
	} {
		t.Run(c.name, func(t *testing.T) {
			src := mediatest.Source{FPS: 25, BFrames: 2}
			units := src.Units(10 * time.Second)
			const at = 130
			for i := range c.glitches {
				units[at+i].DTS += time.Hour
				units[at+i].PTS += time.Hour
			}
			later := units[at].PTS - units[at].DTS - (units[0].PTS - units[0].DTS)
			last := number(&units[at-1])
			units = slices.Delete(units, at+c.glitches, at+c.glitches+c.missing)
			b := run(t, src.Tracks(), units)
			b.check()
			all := b.placed()
			if len(all) != len(units) || b.g.Counters().Glitches != uint64(c.glitches) || b.discontinuities() != nil {
				t.Errorf("%d pictures of %d, %+v", len(all), len(units), b.g.Counters())
			}
			for i, want := range c.want {
				if got := all[last+uint32(i)+1].at - all[last].at; (got - want).Abs() > time.Millisecond {
					t.Errorf("glitch %d is %v behind the last picture, want %v", i, got, want)
				}
			}
			if got := all[last+1].later; (got - later).Abs() > time.Millisecond {
				t.Errorf("the glitch is shown %v later than it is decoded, want %v", got, later)
			}
		})
	}
}

// TestAGlitchWithoutRoomIsDropped, and the pictures that refer to it.
func TestAGlitchWithoutRoomIsDropped(t *testing.T) {
	src := mediatest.Source{FPS: 25}
	units := src.Units(10 * time.Second)
	units[130].DTS += time.Hour
	for i := range units[131:] { // the encoder goes on from the picture before
		units[131+i].DTS -= 2 * 40 * time.Millisecond
	}
	for i := range units {
		units[i].PTS = units[i].DTS
	}
	b := run(t, src.Tracks(), units)
	b.check()
	all := b.placed()
	if _, kept := all[130]; kept || len(all) != len(units)-20 { // to the key picture at 150
		t.Errorf("%d pictures of %d, the glitch is among them: %v, %+v", len(all), len(units), kept, b.g.Counters())
	}
}

// TestWhatKeyPicturesTellOfTheOrder: two that agree on another delay are believed, at the price of a
// discontinuity. One alone is not, nor are two that differ, nor what rounding or leading pictures explain.
func TestWhatKeyPicturesTellOfTheOrder(t *testing.T) {
	const ms = time.Millisecond
	always := func(by time.Duration) func(int) time.Duration {
		return func(int) time.Duration { return by }
	}
	for _, c := range []struct {
		name  string
		by    func(key int) time.Duration // how much later than before the key pictures behind 9 s are shown
		jumps uint64
	}{
		{"2 ms later, for good", always(2 * ms), 0},
		{"8 pictures later, for good", always(264 * ms), 0},
		{"9 pictures later, for good", always(300 * ms), 1},
		{"2 ms earlier, for good", always(-2 * ms), 0},
		{"a picture earlier, for good", always(-33 * ms), 1},
		{"10 pictures later, once", func(key int) time.Duration { return 330 * ms * time.Duration(max(0, 1-key)) }, 0},
		{"more and more", func(key int) time.Duration { return 300*ms + 10*ms*time.Duration(key) }, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			src := mediatest.Source{Sound: true, BFrames: 2}
			units := src.Units(40 * time.Second)
			key := 0
			for i := range units {
				if u := &units[i]; u.Track == 0 && u.Key && u.DTS > 9*time.Second {
					u.PTS += c.by(key)
					key++
				}
			}
			b := run(t, src.Tracks(), units)
			b.check()
			if n := len(b.discontinuities()); n != int(c.jumps) {
				t.Errorf("discontinuities at %v, want %d; %+v", b.discontinuities(), c.jumps, b.g.Counters())
			}
		})
	}
}

// TestPicturesThatComeBackFarBehindTheSound do not take the lead again: they would never be played with it.
// Those that are behind by less are, as soon as they have caught up.
func TestPicturesThatComeBackFarBehindTheSound(t *testing.T) {
	for _, bframes := range []int{0, 2} {
		for by, back := range map[time.Duration]bool{
			0: true, time.Second: true, 2900 * time.Millisecond: true, 3200 * time.Millisecond: false, 5 * time.Second: false,
		} {
			t.Run(fmt.Sprintf("%v, %d B-frames", by, bframes), func(t *testing.T) {
				src := mediatest.Source{Sound: true, BFrames: bframes}
				units := slices.DeleteFunc(src.Units(time.Minute), func(u media.Unit) bool {
					return u.Track == 0 && u.DTS > 5*time.Second && u.DTS < 20*time.Second
				})
				for i := range units {
					if u := &units[i]; u.Track == 0 && u.DTS > 6*time.Second {
						u.DTS, u.PTS = u.DTS-by, u.PTS-by
					}
				}
				b := run(t, src.Tracks(), units)
				b.check()
				want, most := 1, 151
				if back {
					want, most = 2, 1351
				}
				if n := b.pictures(); len(b.discontinuities()) != want || n > most || n < most-150 {
					t.Errorf("%d pictures of %d, discontinuities at %v, %+v", n, most, b.discontinuities(), b.g.Counters())
				}
			})
		}
	}
}
