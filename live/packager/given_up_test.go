package packager

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/id"
	"github.com/barrage-live/barrage/internal/media/mediatest"
	"github.com/barrage-live/barrage/live"
)

// TestAStreamThatBreaksTooMuchIsClosed with the reason, which its encoder hears; another one can be attached.
func TestAStreamThatBreaksTooMuchIsClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := start(t, forgetful{})
		src := mediatest.Source{Sound: true}
		s := live.NewStream(id.NewStream(), src.Tracks())
		if err := p.Attach(s); err != nil {
			t.Fatal(err)
		}
		for i, u := range src.Units(time.Minute) {
			u.DTS += time.Duration(i/7) * 20 * time.Second
			u.PTS = u.DTS
			if s.Write(u) != nil {
				break
			}
			synctest.Wait()
		}
		if code := fault.CodeOf(s.Err()); code != "bad_timestamps" {
			t.Errorf("the stream ended with %v", s.Err())
		}
		src.Start = mediatest.Epoch().Add(2 * time.Minute)
		s = live.NewStream(id.NewStream(), src.Tracks())
		if err := p.Attach(s); err != nil {
			t.Fatal(err)
		}
		for _, u := range src.Units(10 * time.Second) {
			if err := s.Write(u); err != nil {
				t.Fatal(err)
			}
		}
		synctest.Wait()
		if m := text(t, p); m.Segments[len(m.Segments)-1].Duration < time.Second {
			t.Errorf("the playlist does not go on: %+v", m.Segments)
		}
		p.Close()
	})
}
