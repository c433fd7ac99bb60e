package packager

import (
	"bytes"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bluenviron/gohlslib/v2/pkg/playlist"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/barrage-live/barrage/internal/media/m3u8"
	"github.com/barrage-live/barrage/internal/media/mediatest"
	"github.com/barrage-live/barrage/internal/media/segmenter"
	"github.com/barrage-live/barrage/internal/position"
	"github.com/barrage-live/barrage/live/recording"
	"github.com/barrage-live/barrage/live/recording/recordingtest"
)

// life is a broadcast over the deaths of its process.
type life struct {
	store  *recording.Store
	writer *recording.Writer
	fence  uint64
}

// goOn makes the packager of the next process, after the death of the one before.
func (l *life) goOn(t *testing.T, cut segmenter.Config) *Packager {
	t.Helper()
	l.writer.Die()
	l.fence++
	r, w, err := l.store.Resume(t.Context(), position.Fence{Epoch: 1, Activation: l.fence}, broadcast)
	if err != nil {
		t.Fatal(err)
	}
	l.writer = w
	p, err := Start(Config{
		Channel: channel, Broadcast: broadcast, Recorder: w, Resume: r, Window: 40 * time.Second, Cut: cut,
		Log: slog.New(slog.DiscardHandler), Metrics: NewMetrics(prometheus.NewRegistry()),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

// listing are the lines of a playlist but those of parts, as if the open segment were complete.
func listing(t *testing.T, p *Packager) []string {
	t.Helper()
	s, err := p.Playlist(t.Context(), m3u8.Directives{Part: -1})
	if err != nil {
		t.Fatal(err)
	}
	lines := slices.DeleteFunc(strings.Split(strings.TrimSpace(string(s.Full().Plain())), "\n"), func(l string) bool {
		return strings.HasPrefix(l, "#EXT-X-PART:") || strings.HasPrefix(l, "#EXT-X-PRELOAD-HINT:")
	})
	var filled time.Duration
	for _, part := range text(t, p).Parts {
		filled += part.Duration
	}
	if filled > 0 {
		lines = append(lines, fmt.Sprintf("#EXTINF:%.1f,", filled.Seconds()), Name{Number: s.Next}.String())
	}
	return lines
}

// TestGoesOnInAnotherProcess kills the process three times, in the midst of a publication or while nobody
// publishes: the playlist is the same, with the segment that was being filled, and is served before anybody
// publishes again; what follows has the numbers and times that follow, behind a discontinuity. The targets
// stay although the configuration changed.
func TestGoesOnInAnotherProcess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		l := &life{store: recordingtest.New(t), fence: 1}
		l.writer = recordingtest.Writer(l.store, channel, broadcast, began)
		p := startListing(t, l.writer, 40*time.Second)
		bytesOf := map[string][]byte{}
		var end time.Time
		for round := range 4 {
			pub := attach(t, p, mediatest.Source{Sound: true, From: time.Duration(round) * time.Hour})
			pub.play(0, time.Duration(10+6*round)*time.Second)
			if round == 2 {
				p.Interrupt()
				synctest.Wait()
			}
			m := text(t, p)
			check(t, m, end, round)
			for _, s := range m.Segments {
				bytesOf[s.URI] = read(t, p, s.URI)
			}
			open := Name{Number: uint64(m.MediaSequence + len(m.Segments))}.String()
			for _, part := range m.Parts {
				bytesOf[open] = append(bytesOf[open], read(t, p, part.URI)...)
			}
			if opened := len(m.Parts) > 0; opened != (round != 2) {
				t.Fatalf("round %d: a segment is open: %v", round, opened)
			}
			before := listing(t, p)
			variant, err := p.Multivariant(t.Context(), "")
			if err != nil {
				t.Fatal(err)
			}
			<-time.After(time.Duration(round) * 3 * time.Second) // until it dies
			p = l.goOn(t, segmenter.Config{PartTarget: 200 * time.Millisecond, SegmentMax: 6 * time.Second})
			if after := listing(t, p); !slices.Equal(before, after) {
				t.Fatalf("before:\n%s\nafter:\n%s", strings.Join(before, "\n"), strings.Join(after, "\n"))
			}
			again, err := p.Multivariant(t.Context(), "")
			if err != nil || !bytes.Contains(again.Plain(), []byte(`CODECS="avc1.42c028,mp4a.40.2"`)) {
				t.Errorf("the multivariant playlist before:\n%s\nafter:\n%s\n%v", variant.Plain(), again.Plain(), err)
			}
			m = text(t, p)
			last := m.Segments[len(m.Segments)-1]
			end = last.DateTime.Add(last.Duration)
			for _, s := range m.Segments {
				if !bytes.Equal(read(t, p, s.URI), bytesOf[s.URI]) {
					t.Errorf("%s has other bytes", s.URI)
				}
			}
		}
		p.Finish()
		if text(t, p); p.snapshot.Load() == nil || !p.Ended() {
			t.Error("the playlist has not ended")
		}
	})
}

// check holds a playlist to its header and its newest publication, which began behind end.
func check(t *testing.T, m *playlist.Media, end time.Time, round int) {
	t.Helper()
	if m.TargetDuration != 4 || m.PartInf.PartTarget != 500*time.Millisecond {
		t.Errorf("round %d: targets %v and %v", round, m.TargetDuration, m.PartInf.PartTarget)
	}
	var at time.Time
	begun := end.IsZero()
	for i, s := range m.Segments {
		if s.DateTime.Before(at) || s.DateTime.After(time.Now()) {
			t.Errorf("round %d: segment %d is at %v, the one before ended at %v", round, i, s.DateTime, at)
		}
		at = s.DateTime.Add(s.Duration - 40*time.Millisecond)
		if want := (Name{Number: uint64(m.MediaSequence + i)}).String(); s.URI != want {
			t.Errorf("round %d: segment %s, want %s", round, s.URI, want)
		}
		switch first := !begun && !s.DateTime.Before(end); {
		case first:
			begun = true
			if !s.Discontinuity {
				t.Errorf("round %d: segment %d opens the publication without a discontinuity", round, i)
			}
		case begun && s.Discontinuity:
			t.Errorf("round %d: a discontinuity in the midst of the publication, at segment %d", round, i)
		}
	}
	if !begun {
		t.Errorf("round %d: nothing of the publication is listed", round)
	}
}
