package live

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/id"
	"github.com/barrage-live/barrage/internal/media"
	"github.com/barrage-live/barrage/internal/media/mediatest"
)

func write(t *testing.T, s *Stream, units ...media.Unit) {
	t.Helper()
	for _, u := range units {
		if err := s.Write(u); err != nil {
			t.Fatal(err)
		}
	}
}

// drain reads what is there without waiting.
func drain(r *Reader) (units []media.Unit) {
	for {
		u, ok, _ := r.take()
		if !ok {
			return units
		}
		units = append(units, u)
	}
}

func TestReadersReadWhatIsWritten(t *testing.T) {
	src := mediatest.Source{Sound: true}
	units := src.Units(10 * time.Second)
	s := NewStream(id.NewStream(), src.Tracks())
	a, b := s.NewReader(), s.NewReader()
	write(t, s, units...)
	for _, r := range []*Reader{a, b} {
		if got := drain(r); len(got) != len(units) || r.Skipped() != 0 {
			t.Errorf("read %d of %d units, skipped %d", len(got), len(units), r.Skipped())
		}
	}
}

func TestLateReaderStartsAtTheNewestKeyPicture(t *testing.T) {
	src := mediatest.Source{Sound: true}
	s := NewStream(id.NewStream(), src.Tracks())
	write(t, s, src.Units(5*time.Second)...)
	got := drain(s.NewReader())
	if len(got) == 0 || !got[0].Key || got[0].Track != 0 || got[0].DTS != 4*time.Second {
		t.Fatalf("starts at %+v", got[0])
	}
}

func TestReaderBeforeAnyKeyPictureWaitsForIt(t *testing.T) {
	src := mediatest.Source{Sound: true}
	s := NewStream(id.NewStream(), src.Tracks())
	units := src.Units(3 * time.Second)
	write(t, s, units[1:]...) // without the first key picture
	r := s.NewReader()
	if got := drain(r); got[0].DTS != 2*time.Second || !got[0].Key {
		t.Fatalf("starts at %+v", got[0])
	}
}

func TestSlowReaderSkipsToAKeyPictureAndCounts(t *testing.T) {
	src := mediatest.Source{Sound: true}
	s := newStream(id.NewStream(), src.Tracks(), 256, 1<<30)
	units := src.Units(20 * time.Second)
	r := s.NewReader()
	write(t, s, units[:10]...)
	if got := drain(r); len(got) != 10 {
		t.Fatalf("read %d of 10", len(got))
	}
	write(t, s, units[10:]...)
	got := drain(r)
	if !got[0].Key || got[0].Track != 0 {
		t.Errorf("continues in the middle of a group of pictures: %+v", got[0])
	}
	if n := int(r.Skipped()) + 10 + len(got); n != len(units) {
		t.Errorf("read and skipped %d of %d", n, len(units))
	}
}

func TestRingIsBoundedInBytes(t *testing.T) {
	src := mediatest.Source{Size: 10_000}
	s := newStream(id.NewStream(), src.Tracks(), 1<<12, 100_000)
	write(t, s, src.Units(10*time.Second)...)
	if s.mu.bytes > 100_000 {
		t.Errorf("the ring holds %d bytes", s.mu.bytes)
	}
}

// TestRingHoldsWhatSomebodyWants: the newest group of pictures for those who come, and what the slowest
// reader has not read.
func TestRingHoldsWhatSomebodyWants(t *testing.T) {
	src := mediatest.Source{Sound: true, Size: 10_000} // a key picture every 2 s
	units := src.Units(20 * time.Second)
	s := NewStream(id.NewStream(), src.Tracks())
	held := func() time.Duration {
		first := &s.mu.ring[s.mu.tail%uint64(len(s.mu.ring))]
		return units[s.mu.head-1].DTS - first.DTS
	}
	quick, slow := s.NewReader(), s.NewReader()
	for i, u := range units {
		write(t, s, u)
		drain(quick)
		if u.DTS < 12*time.Second {
			drain(slow)
		}
		if d := held(); u.DTS < 12*time.Second && d > 2100*time.Millisecond {
			t.Fatalf("%v are held at %v", d, u.DTS)
		}
		if i == len(units)-1 && held() < 8*time.Second-100*time.Millisecond {
			t.Errorf("%v are held for a reader that is 8 s behind", held())
		}
	}
	if got := drain(slow); slow.Skipped() != 0 || got[len(got)-1].DTS != units[len(units)-1].DTS {
		t.Errorf("the slow one skipped %d", slow.Skipped())
	}
	slow.Close()
	quick.Close()
	next := src.Units(24 * time.Second)
	write(t, s, next[len(units):]...)
	if n := s.mu.bytes; n > 3*30*10_000 {
		t.Errorf("%d bytes are held for nobody", n)
	}
}

func TestCloseTellsEveryReaderTheReason(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := mediatest.Source{}
		s := NewStream(id.NewStream(), src.Tracks())
		write(t, s, src.Units(time.Second)...)
		r := s.NewReader()
		ended := make(chan error)
		count := 0
		go func() {
			for {
				if _, err := r.Next(t.Context()); err != nil {
					ended <- err
					return
				}
				count++
			}
		}()
		synctest.Wait()
		s.Close(ErrTakenOver)
		s.Close(errors.New("a second reason does not count"))
		if err := <-ended; !errors.Is(err, ErrTakenOver) || count != 30 {
			t.Errorf("after %d units: %v", count, err)
		}
		<-s.Done()
		if err := s.Write(media.Unit{}); !errors.Is(err, ErrClosed) || !errors.Is(s.Err(), ErrTakenOver) {
			t.Errorf("write: %v, reason: %v", err, s.Err())
		}
	})
}

func TestNextEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := NewStream(id.NewStream(), mediatest.Source{}.Tracks())
		defer s.Close(nil)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		r := s.NewReader()
		defer r.Close()
		if _, err := r.Next(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
	})
}

func TestWriteRefusesAForeignTrack(t *testing.T) {
	s := NewStream(id.NewStream(), mediatest.Source{}.Tracks())
	if err := s.Write(media.Unit{Track: 1}); fault.CodeOf(err) != "no_track" {
		t.Errorf("got %v", err)
	}
}

func TestStats(t *testing.T) {
	cases := []struct {
		name string
		src  mediatest.Source
		gop  time.Duration
	}{
		{"plain", mediatest.Source{Sound: true, Size: 10_000}, 2 * time.Second},
		{"B-frames", mediatest.Source{Size: 10_000, BFrames: 2, GOP: 61}, 61 * time.Second / 30},
		{"long gap", mediatest.Source{Size: 10_000, GOP: 300}, 10 * time.Second},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s := NewStream(id.NewStream(), c.src.Tracks())
			write(t, s, c.src.Units(25*time.Second)...)
			got := s.Stats()
			if got.FPS < 29 || got.FPS > 31 {
				t.Errorf("fps: %v", got.FPS)
			}
			if got.BitrateBPS < 2_300_000 || got.BitrateBPS > 3_000_000 {
				t.Errorf("bitrate: %d", got.BitrateBPS)
			}
			if got.KeyframeInterval.Round(time.Millisecond) != c.gop.Round(time.Millisecond) {
				t.Errorf("keyframe interval: %v, want %v", got.KeyframeInterval, c.gop)
			}
			if got.BFrames != (c.src.BFrames > 0) {
				t.Errorf("B-frames: %v", got.BFrames)
			}
		})
	}
}

// TestStatsTellWhatIsOdd: of what came, and of what did not.
func TestStatsTellWhatIsOdd(t *testing.T) {
	s := NewStream(id.NewStream(), mediatest.Source{Sound: true}.Tracks())
	at := mediatest.Epoch()
	s.Unreadable(at)
	if got := s.Stats(); got.Unreadable != 1 || got.Units != 0 {
		t.Errorf("before the first unit: %+v", got)
	}
	for i, u := range []media.Unit{{Key: true, Open: true}, {Gradual: true}, {Track: 1, Key: true}} {
		u.Arrival = at.Add(time.Duration(i) * time.Second)
		write(t, s, u)
	}
	s.Unreadable(at.Add(2 * time.Second))
	got := s.Stats()
	if !got.OpenGOP || !got.GradualRefresh || got.Unreadable != 2 || !got.LastPicture.Equal(at.Add(time.Second)) || !got.LastSound.Equal(at.Add(2*time.Second)) {
		t.Errorf("got %+v", got)
	}
	write(t, s, media.Unit{Track: 1, Key: true, Arrival: at.Add(10 * time.Second)})
	if n := s.Stats().Unreadable; n != 0 {
		t.Errorf("%d are told of long ago", n)
	}
}

// TestAReaderStartsAtAGradualRefresh for want of a picture that stands alone.
func TestAReaderStartsAtAGradualRefresh(t *testing.T) {
	s := NewStream(id.NewStream(), mediatest.Source{}.Tracks())
	write(t, s, media.Unit{DTS: 1}, media.Unit{DTS: 2, Gradual: true}, media.Unit{DTS: 3})
	if got := drain(s.NewReader()); len(got) != 2 || got[0].DTS != 2 {
		t.Errorf("got %+v", got)
	}
}

// TestTheFirstUnitBringsOtherTracks: a publication whose sound is announced behind its pictures, and begins
// with both. A reader from the beginning hears of it like any other.
func TestTheFirstUnitBringsOtherTracks(t *testing.T) {
	s := NewStream(id.NewStream(), []media.Track{mediatest.Video()})
	early := s.NewReader()
	both := []media.Track{mediatest.Video(), mediatest.Audio()}
	write(t, s, media.Unit{DTS: 1, Key: true, Tracks: both}, media.Unit{Track: 1, DTS: 1, Key: true})
	if got := drain(early); len(got) != 2 || len(got[0].Tracks) != 2 || got[1].Tracks != nil || len(early.Tracks()) != 2 {
		t.Errorf("who was there gets %+v, with %d tracks", got, len(early.Tracks()))
	}
	late := s.NewReader()
	if got := drain(late); len(got) != 2 || got[0].Tracks != nil || len(late.Tracks()) != 2 {
		t.Errorf("who comes later gets %+v, with %d tracks", got, len(late.Tracks()))
	}
}

// TestTracksChange: every reader learns which tracks hold with the first unit that has them, whatever it
// missed, and one that comes later begins with them.
func TestTracksChange(t *testing.T) {
	sound, both := []media.Track{mediatest.Audio()}, []media.Track{mediatest.Audio(), mediatest.Video()}
	s := newStream(id.NewStream(), sound, 8, 1000)
	follows, sleeps := s.NewReader(), s.NewReader()
	write(t, s, media.Unit{DTS: 1, Key: true}, media.Unit{DTS: 2, Key: true})
	write(t, s, media.Unit{Track: 1, DTS: 3, Key: true, Tracks: both}, media.Unit{DTS: 4, Key: true})
	if got := drain(follows); len(got) != 4 || got[0].Tracks != nil || len(got[2].Tracks) != 2 || got[3].Tracks != nil {
		t.Errorf("who follows gets %+v", got)
	}
	late := s.NewReader()
	if got := drain(late); len(late.Tracks()) != 2 || len(got) != 2 || got[0].Track != 1 || got[0].Tracks != nil {
		t.Errorf("who comes later gets %+v", got)
	}
	for i := range 3 { // again and again, beyond what the ring holds
		write(t, s, media.Unit{DTS: 5, Key: true, Tracks: both}, media.Unit{Track: 1, DTS: 6, Key: true})
		for range 9 {
			write(t, s, media.Unit{DTS: time.Duration(7 + i)})
		}
	}
	write(t, s, media.Unit{Track: 1, DTS: 20, Key: true})
	if got := drain(sleeps); len(got) != 1 || got[0].DTS != 20 || len(got[0].Tracks) != 2 || len(sleeps.Tracks()) != 2 {
		t.Errorf("who sleeps gets %+v", got)
	}
	if n := len(s.mu.changes); n > 2 {
		t.Errorf("%d changes are remembered", n)
	}
	if err := s.Write(media.Unit{Tracks: sound}); fault.CodeOf(err) != "no_track" {
		t.Errorf("a track is left out: %v", err)
	}
	if c := s.Configs(); len(c) != 2 || !c[1].Codec.Video() {
		t.Errorf("the configurations are %v", c)
	}
}

// TestReadersAgainstAModel holds promises 1 and 2 for any order of writes and reads.
func TestReadersAgainstAModel(t *testing.T) {
	units := mediatest.Source{Sound: true, GOP: 7}.Units(time.Minute)
	rapid.Check(t, func(t *rapid.T) {
		s := newStream(id.NewStream(), mediatest.Source{Sound: true}.Tracks(), 32, 1<<30)
		r := s.NewReader()
		written, next := 0, 0
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			for range rapid.IntRange(0, 50).Draw(t, "write") {
				if err := s.Write(units[written]); err != nil {
					t.Fatal(err)
				}
				written++
			}
			for range rapid.IntRange(0, 50).Draw(t, "read") {
				u, ok, _ := r.take()
				if !ok {
					break
				}
				i := next
				for units[i].DTS != u.DTS || units[i].Track != u.Track {
					i++
				}
				if i != next && (!u.Key || u.Track != 0) {
					t.Fatalf("skipped %d units into the middle of a group of pictures", i-next)
				}
				next = i + 1
			}
		}
	})
}

func BenchmarkWrite(b *testing.B) {
	units := mediatest.Source{Sound: true}.Units(10 * time.Second)
	s := NewStream(id.NewStream(), mediatest.Source{Sound: true}.Tracks())
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		if err := s.Write(units[i%len(units)]); err != nil {
			b.Fatal(err)
		}
		i++
	}
}
