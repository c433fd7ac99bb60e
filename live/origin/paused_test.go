package origin_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/barrage-live/barrage/internal/media/m3u8"
	"github.com/barrage-live/barrage/internal/media/mediatest"
	"github.com/barrage-live/barrage/live"
	"github.com/barrage-live/barrage/live/origin"
	"github.com/barrage-live/barrage/live/packager"
	"github.com/barrage-live/barrage/live/recording"
	"github.com/barrage-live/barrage/live/recording/recordingtest"
)

// pause records six seconds of a broadcast, and nothing after that, when its publisher is gone.
func pause(t *testing.T, o *origin.Origin, r *recording.Store) {
	t.Helper()
	s, err := o.Open(t.Context(), lease(b1, 1), tracks())
	if err != nil {
		t.Fatal(err)
	}
	publish(t, s, 6*time.Second)
	r.Pause(true)
	if err := o.Interrupt(t.Context(), ch, 1, live.ErrEnded); err != nil {
		t.Fatal(err)
	}
}

// comeback opens the broadcast that goes on, under a lease of this fence.
func comeback(t *testing.T, o *origin.Origin, fence uint64, src mediatest.Source) *live.Stream {
	t.Helper()
	l := lease(b1, fence)
	l.Resumes = true
	s, err := o.Open(t.Context(), l, src.Tracks())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// send writes some seconds of a source, in their own time.
func send(t *testing.T, s *live.Stream, src mediatest.Source, d time.Duration) {
	t.Helper()
	src.Start = time.Now()
	for _, u := range src.Units(d) {
		<-time.After(time.Until(u.Arrival))
		if err := s.Write(u); err != nil {
			t.Fatal(err)
		}
	}
	synctest.Wait()
}

// served is the packager of the channel with what its playlist says now.
func served(t *testing.T, o *origin.Origin) (*packager.Packager, *packager.Snapshot, string) {
	t.Helper()
	p, err := o.Locate(ch)
	if err != nil {
		t.Fatal(err)
	}
	s, err := p.Playlist(t.Context(), m3u8.Directives{Part: -1})
	if err != nil {
		t.Fatal(err)
	}
	return p, s, string(s.Full().Plain())
}

func fetch(t *testing.T, p *packager.Packager, n packager.Name) []byte {
	t.Helper()
	r, err := p.Open(t.Context(), n)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(r)
	if err := errors.Join(err, r.Close()); err != nil {
		t.Fatal(err)
	}
	return b
}

// TestNamesOfInitSegmentsWhilePaused: an init segment that was listed while nothing is recorded keeps its
// name for itself, also over a restart.
func TestNamesOfInitSegmentsWhilePaused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := recordingtest.New(t)
		o := origin.New(config(r))
		pause(t, o, r)
		silent := mediatest.Source{}
		send(t, comeback(t, o, 2, silent), silent, 20*time.Second)
		p, _, _ := served(t, o)
		before := fetch(t, p, packager.Name{Kind: packager.Init, Number: 1})
		if err := o.Drain(context.Background()); err != nil {
			t.Fatal(err)
		}
		r.Pause(false)
		o = origin.New(config(r))
		defer func() { _ = o.Drain(context.Background()) }()
		dark := mediatest.Source{Sound: true, NoPictures: true}
		send(t, comeback(t, o, 3, dark), dark, 10*time.Second)
		p, _, text := served(t, o)
		if !strings.Contains(text, `"init-2.mp4"`) {
			t.Errorf("after the restart there is no init segment 2:\n%s", text)
		}
		if r, err := p.Open(t.Context(), packager.Name{Kind: packager.Init, Number: 1}); err == nil {
			again, _ := io.ReadAll(r)
			if _ = r.Close(); !bytes.Equal(before, again) {
				t.Errorf("init segment 1 had %d bytes and has %d others now", len(before), len(again))
			}
		}
	})
}

// TestNumbersOfSegmentsWhilePaused: while nothing is recorded, the number of a segment is taken as soon as
// its first part is listed.
func TestNumbersOfSegmentsWhilePaused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := recordingtest.New(t)
		o := origin.New(config(r))
		defer func() { _ = o.Drain(context.Background()) }()
		pause(t, o, r)
		s := comeback(t, o, 2, mediatest.Source{Sound: true})
		for at := time.Duration(0); at < 6*time.Second; at += 600 * time.Millisecond {
			send(t, s, mediatest.Source{Sound: true, From: at}, 600*time.Millisecond)
			_, now, text := served(t, o)
			h, err := r.Header(t.Context(), b1)
			if err != nil {
				t.Fatal(err)
			}
			if listed := strings.Contains(text, fmt.Sprintf(`#EXT-X-PART:DURATION=0.5,URI="%d.0.m4s"`, now.Next)); listed && h.Next <= now.Next {
				t.Errorf("after %v a part of segment %d is listed, and the next is %d", at, now.Next, h.Next)
			}
		}
	})
}
