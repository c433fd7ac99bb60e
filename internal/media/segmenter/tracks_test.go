package segmenter_test

import (
	"slices"
	"testing"
	"time"

	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/media"
	"github.com/barrage-live/barrage/internal/media/mediatest"
)

// other are tracks of a kind that Source does not make.
func other(t *testing.T) (sound, picture media.Track) {
	t.Helper()
	mono, err := media.NewAAC([]byte{0x12, 0x08}) // 44.1 kHz
	if err != nil {
		t.Fatal(err)
	}
	return media.Track{Config: mono}, media.Track{Config: mediatest.Encode(t, media.VP9, "", 1).Tracks[0].Config}
}

// TestTracksChange: a publication to which a track joins, or whose codec or format changes, goes on on its
// own clock after one discontinuity, with nothing lost of what it had before and has after.
func TestTracksChange(t *testing.T) {
	mono, vp9 := other(t)
	video, audio := mediatest.Video(), mediatest.Audio()
	for _, c := range []struct {
		name          string
		before, after []media.Track
		drop          func(u *media.Unit) bool // of what comes before 4 s
		swap          bool                     // sound has the first index
	}{
		{"pictures join sound", []media.Track{audio}, []media.Track{audio, video}, func(u *media.Unit) bool { return u.Track == 0 }, true},
		{"sound joins pictures", []media.Track{video}, []media.Track{video, audio}, func(u *media.Unit) bool { return u.Track == 1 }, false},
		{"another format of sound", []media.Track{video, audio}, []media.Track{video, mono}, nil, false},
		{"another codec of pictures", []media.Track{video, audio}, []media.Track{vp9, audio}, nil, false},
		{"both", []media.Track{video, audio}, []media.Track{vp9, mono}, nil, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			const at = 4 * time.Second
			units := slices.DeleteFunc(mediatest.Source{Sound: true}.Units(20*time.Second), func(u media.Unit) bool {
				return u.DTS < at && c.drop != nil && c.drop(&u)
			})
			first := slices.IndexFunc(units, func(u media.Unit) bool { return u.Track == 0 && u.DTS == at })
			units[first].Tracks = c.after
			frames := 0
			for i := range units {
				u := &units[i]
				if i > first && u.Track == 1 && c.after[1].Config == mono.Config { // its frames last longer
					u.DTS = at + time.Duration(frames)*1024*time.Second/44100
					u.PTS, u.Arrival = u.DTS, mediatest.Epoch().Add(u.DTS)
					frames++
				}
				if c.swap {
					u.Track = 1 - u.Track
				}
			}
			slices.SortStableFunc(units, func(a, b media.Unit) int { return a.Arrival.Compare(b.Arrival) })
			b := run(t, c.before, units)
			b.gaps = true
			b.check()
			d := b.discontinuities()
			if len(d) != 1 || len(b.inits) != 2 || b.g.Counters().PicturesDropped+b.g.Counters().AudioDropped > 3 {
				t.Fatalf("discontinuities %v, %d init segments, %+v", d, len(b.inits), b.g.Counters())
			}
			var sum time.Duration
			for i, s := range b.segments {
				sum += s.close.Duration()
				if s.Discontinuity && (s.Init != 1 || (s.Media-at).Abs() > 100*time.Millisecond) {
					t.Errorf("segment %d begins at %v with init segment %d", i, s.Media, s.Init)
				}
			}
			if sum < 19800*time.Millisecond {
				t.Errorf("the playlist lasts %v", sum)
			}
			if got := b.inits[1].Tracks; len(got) != len(c.after) {
				t.Errorf("%d tracks are announced", len(got))
			}
		})
	}
}

// TestTracksThatChangeWithoutEnd are paid of the budget.
func TestTracksThatChangeWithoutEnd(t *testing.T) {
	mono, _ := other(t)
	units := mediatest.Source{Sound: true, NoPictures: true}.Units(time.Minute)
	for i := range units {
		if i%10 == 9 {
			units[i].Tracks = []media.Track{mono}
			if i%20 == 9 {
				units[i].Tracks = []media.Track{mediatest.Audio()}
			}
		}
	}
	b := run(t, []media.Track{mediatest.Audio()}, units)
	if err := b.g.Err(); fault.CodeOf(err) != "config_changes" || len(b.segments) > 25 {
		t.Errorf("%v after %d segments", err, len(b.segments))
	}
}

// TestTracksThatCannotBeDescribed are not followed.
func TestTracksThatCannotBeDescribed(t *testing.T) {
	units := mediatest.Source{}.Units(10 * time.Second)
	units[100].Tracks = []media.Track{{}}
	b := run(t, mediatest.Source{}.Tracks(), units)
	if d := b.discontinuities(); d != nil || len(b.inits) != 1 {
		t.Errorf("discontinuities %v, %d init segments", d, len(b.inits))
	}
}
