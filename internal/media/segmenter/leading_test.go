package segmenter_test

import (
	"slices"
	"testing"
	"time"

	"github.com/barrage-live/barrage/internal/media"
	"github.com/barrage-live/barrage/internal/media/mediatest"
)

// TestAnnouncedPicturesThatNeverCome do not silence the sound: it leads, without a picture track that players
// would wait for, until pictures come.
func TestAnnouncedPicturesThatNeverCome(t *testing.T) {
	src := mediatest.Source{Sound: true}
	for _, c := range []struct {
		name  string
		from  time.Duration // of the pictures
		inits int
	}{
		{"never", time.Hour, 1}, {"after 20 s", 20 * time.Second, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			units := slices.DeleteFunc(src.Units(time.Minute), func(u media.Unit) bool { return u.Track == 0 && u.DTS < c.from })
			b := run(t, src.Tracks(), units)
			b.check()
			first, last := b.segments[0], b.segments[len(b.segments)-1]
			if first.Media > 100*time.Millisecond || last.Media+last.close.Duration() < 59*time.Second {
				t.Errorf("the playlist is from %v to %v", first.Media, last.Media+last.close.Duration())
			}
			if n := len(b.inits[0].Tracks); n != 1 || len(b.inits) != c.inits {
				t.Errorf("%d init segments, the first with %d tracks", len(b.inits), n)
			}
			if d := b.discontinuities(); len(d) != c.inits-1 {
				t.Errorf("discontinuities: %v", d)
			}
		})
	}
}

// TestFewPictures: a picture stands until the next comes, with sound or without.
func TestFewPictures(t *testing.T) {
	for _, c := range []struct {
		name  string
		src   mediatest.Source
		every time.Duration // after 5 s
	}{
		{"shared screen, each 600 ms", mediatest.Source{}, 600 * time.Millisecond},
		{"shared screen, each 2 s", mediatest.Source{}, 2 * time.Second},
		{"shared screen with sound, each 2 s", mediatest.Source{Sound: true}, 2 * time.Second},
		{"one in 5 s", mediatest.Source{Frame: 5 * time.Second, GOP: 1}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			next := 5 * time.Second
			units := slices.DeleteFunc(c.src.Units(65*time.Second), func(u media.Unit) bool {
				if u.Track == 1 || u.DTS < 5*time.Second || c.every == 0 {
					return false
				}
				if u.DTS < next {
					return true
				}
				next = u.DTS + c.every
				return false
			})
			b := run(t, c.src.Tracks(), units)
			b.check()
			var sum time.Duration
			for _, s := range b.segments {
				sum += s.close.Duration()
			}
			if d := b.discontinuities(); d != nil || sum < 60*time.Second {
				t.Errorf("discontinuities at %v, the playlist lasts %v", d, sum)
			}
		})
	}
}

// TestGradualRefresh: pictures that never stand alone are played from the first of which the encoder says
// that what follows becomes right, also after one was dropped; no segment says that it is independent.
func TestGradualRefresh(t *testing.T) {
	units := mediatest.Source{GOP: 1 << 20}.Units(30 * time.Second)
	for i := range units {
		units[i].Key, units[i].Gradual = false, i%30 == 15
	}
	units[400].PTS, units[400].DTS = time.Hour, time.Hour
	b := run(t, mediatest.Source{}.Tracks(), units)
	var sum time.Duration
	for _, s := range b.segments {
		if s.Independent {
			t.Errorf("segment %d says that it is independent", s.Sequence)
		}
		sum += s.close.Duration()
	}
	if d := b.discontinuities(); d != nil || sum < 29*time.Second {
		t.Errorf("discontinuities at %v, the playlist lasts %v", d, sum)
	}
}
