package packager

import (
	"context"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bluenviron/gohlslib/v2/pkg/playlist"

	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/media/m3u8"
	"github.com/barrage-live/barrage/internal/media/mediatest"
)

func TestRequestWaitsForItsPart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := start(t, newRecorder(t))
		pub := attach(t, p, mediatest.Source{Sound: true})
		began := time.Now()
		type answer struct {
			at   time.Duration
			text string
			err  error
		}
		answers := make(chan answer, 3)
		ask := func(d m3u8.Directives) {
			s, err := p.Playlist(t.Context(), d)
			a := answer{at: time.Since(began), err: err}
			if err == nil {
				a.text = string(s.For(d).Plain())
			}
			answers <- a
		}
		go ask(m3u8.Directives{Part: -1})                      // the first segment, which players without parts need
		go ask(m3u8.Directives{Block: true, MSN: 1, Part: 1})  // seg 1 part 1
		go ask(m3u8.Directives{Block: true, MSN: 1, Part: -1}) // the whole of segment 1
		synctest.Wait()
		if n := p.Waiting(); n != 3 {
			t.Errorf("waiting: %d, want 3", n)
		}
		pub.play(0, 6*time.Second)
		for _, want := range []struct {
			at  time.Duration
			has string
		}{{2 * time.Second, "\n0.m4s\n"}, {3 * time.Second, "1.1.m4s"}, {4 * time.Second, "\n1.m4s\n"}} {
			got := <-answers
			if got.err != nil || !strings.Contains(got.text, want.has) {
				t.Fatalf("got %v without %s", got.err, want.has)
			}
			if late := got.at - want.at; late < 0 || late > 60*time.Millisecond {
				t.Errorf("%s came after %v, want %v", want.has, got.at, want.at)
			}
		}
		if n := p.Waiting(); n != 0 {
			t.Errorf("waiting: %d, want 0", n)
		}
	})
}

func TestWaitingEnds(t *testing.T) {
	silence := func(*publisher, *Packager, context.CancelFunc) {}
	cases := []struct {
		name string
		wait m3u8.Directives
		act  func(pub *publisher, p *Packager, cancel context.CancelFunc)
		want string // code of a refusal, or what the playlist is
		at   time.Duration
	}{
		{
			"with its request",
			m3u8.Directives{Block: true, MSN: 3, Part: -1},
			func(_ *publisher, _ *Packager, cancel context.CancelFunc) { cancel() }, "cancelled", 0,
		},
		{
			"with the broadcast",
			m3u8.Directives{Block: true, MSN: 3, Part: -1},
			func(_ *publisher, p *Packager, _ context.CancelFunc) { p.Finish() }, "ended", 0,
		},
		{"a target duration after the publisher fell silent", m3u8.Directives{Block: true, MSN: 2, Part: 2}, silence, "unchanged", 4 * time.Second},
		{
			"a target duration after the last part",
			m3u8.Directives{Block: true, MSN: 3, Part: -1},
			func(pub *publisher, _ *Packager, _ context.CancelFunc) {
				pub.play(5*time.Second, 6*time.Second+10*time.Millisecond)
			},
			"unchanged", 4*time.Second + 1010*time.Millisecond,
		},
		{
			"while it is interrupted",
			m3u8.Directives{Block: true, MSN: 3, Part: 0},
			func(pub *publisher, p *Packager, _ context.CancelFunc) {
				pub.stream.Close(nil)
				synctest.Wait()
				p.Interrupt()
			}, "unchanged", 4 * time.Second,
		},
		{
			"after three target durations of a publisher that is too slow",
			m3u8.Directives{Block: true, MSN: 3, Part: -1},
			func(pub *publisher, _ *Packager, _ context.CancelFunc) {
				for _, u := range pub.src.Units(7 * time.Second) {
					if u.DTS >= 5*time.Second {
						<-time.After(250 * time.Millisecond) // at 30 pictures a second
						_ = pub.stream.Write(u)
					}
				}
			}, "playlist_timeout", 12 * time.Second,
		},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := start(t, newRecorder(t))
				pub := attach(t, p, mediatest.Source{})
				pub.play(0, 5*time.Second)
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				asked, done := time.Now(), make(chan string)
				var took time.Duration
				go func() {
					s, err := p.Playlist(ctx, c.wait)
					took = time.Since(asked)
					switch {
					case err != nil:
						done <- fault.CodeOf(err)
					case s.Ended:
						done <- "ended"
					case s != p.snapshot.Load() || s.Has(c.wait):
						done <- "changed"
					default:
						done <- "unchanged"
					}
				}()
				synctest.Wait()
				var acting sync.WaitGroup
				acting.Go(func() { c.act(pub, p, cancel) })
				defer acting.Wait()
				if got := <-done; got != c.want || (took-c.at).Abs() > 30*time.Millisecond {
					t.Errorf("after %v: %s", took, got)
				}
				if n := p.Waiting(); n != 0 {
					t.Errorf("%d requests still wait", n)
				}
			})
		})
	}
}

// TestFirstSegmentIsAwaited holds that a silent publisher is no reason to show a playlist without a complete
// segment: who knows no parts would give up on it.
func TestFirstSegmentIsAwaited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := start(t, newRecorder(t))
		pub := attach(t, p, mediatest.Source{})
		pub.play(0, 1100*time.Millisecond)
		asked := time.Now()
		if _, err := p.Playlist(t.Context(), m3u8.Directives{Part: -1}); fault.CodeOf(err) != "playlist_timeout" || time.Since(asked) != 12*time.Second {
			t.Errorf("after %v: %v", time.Since(asked), err)
		}
	})
}

// TestHintedPartOfASilentPublisher holds that whoever asks for the hinted part is told to come again, and not
// that it is not there.
func TestHintedPartOfASilentPublisher(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := start(t, newRecorder(t))
		pub := attach(t, p, mediatest.Source{})
		pub.play(0, 5*time.Second)
		hint, ok := ParseName(text(t, p).PreloadHint.URI)
		asked := time.Now()
		_, err := p.Open(t.Context(), hint)
		if !ok || fault.CodeOf(err) != "playlist_timeout" || time.Since(asked) != 4*time.Second {
			t.Errorf("after %v: %v", time.Since(asked), err)
		}
	})
}

func TestHintedPartIsAwaited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := start(t, newRecorder(t))
		pub := attach(t, p, mediatest.Source{Sound: true})
		pub.play(0, 3500*time.Millisecond+20*time.Millisecond)
		for i := range 8 {
			hint := text(t, p).PreloadHint.URI
			got := make(chan int)
			go func() { got <- len(read(t, p, strings.TrimPrefix(hint, string(broadcast)+"/"))) }()
			synctest.Wait()
			pub.play(pub.since(), pub.since()+500*time.Millisecond)
			if n := <-got; n == 0 {
				t.Fatal("the hinted part is empty")
			}
			if !listed(text(t, p), hint) {
				t.Errorf("hint %d, %s, was not listed", i, hint)
			}
		}
		if _, err := p.Open(t.Context(), Name{Kind: Part, Number: 99}); fault.CodeOf(err) != "no_media" {
			t.Errorf("a part that is not hinted: %v", err)
		}
	})
}

// since is how long the publisher has been publishing.
func (b *publisher) since() time.Duration { return time.Since(b.src.Start) }

func listed(m *playlist.Media, uri string) bool {
	parts := m.Parts
	for _, s := range m.Segments {
		parts = append(parts, s.Parts...)
	}
	for _, p := range parts {
		if p.URI == uri {
			return true
		}
	}
	return false
}
