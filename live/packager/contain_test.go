package packager

import (
	"bytes"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/id"
	"github.com/barrage-live/barrage/internal/media/mediatest"
	"github.com/barrage-live/barrage/live"
	"github.com/barrage-live/barrage/live/recording/recordingtest"
)

// TestAPanicEndsOneBroadcast and not the process: the publisher hears of it, what was packaged is played and
// recorded to its end, and a publisher that returns is told that the broadcast is over.
func TestAPanicEndsOneBroadcast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := recordingtest.New(t)
		p := start(t, recordingtest.Writer(store, channel, broadcast, time.Now()))
		var log bytes.Buffer
		p.cfg.Log = slog.New(slog.NewTextHandler(&log, nil))
		src := mediatest.Source{Sound: true}
		b := attach(t, p, src)
		b.play(0, 11500*time.Millisecond)
		before := text(t, p)
		listed := p.snapshot.Load()
		if listed.Parts == 0 {
			t.Fatal("no segment is open")
		}
		p.cutter = nil // which panics at the next unit
		if err := b.stream.Write(src.Units(12 * time.Second)[0]); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if code := fault.CodeOf(b.stream.Err()); code != "packager_panicked" || fault.KindOf(b.stream.Err()) != fault.Internal {
			t.Errorf("the stream ended with %v", b.stream.Err())
		}
		if !bytes.Contains(log.Bytes(), []byte("the packager panicked")) || !bytes.Contains(log.Bytes(), []byte("Segmenter).Push")) {
			t.Errorf("the log says %s", log.Bytes())
		}
		if err := p.Attach(live.NewStream(id.NewStream(), src.Tracks())); fault.CodeOf(err) != "broadcast_ended" {
			t.Errorf("another stream: %v", err)
		}
		p.Interrupt()
		p.Finish()
		after := text(t, p)
		last := after.Segments[len(after.Segments)-1]
		if !after.Endlist || len(after.Segments) != len(before.Segments)+1 || last.Duration < time.Second {
			t.Errorf("%d segments before, %d after, the last of %v, ended %v", len(before.Segments), len(after.Segments), last.Duration, after.Endlist)
		}
		p.Close() // what is read now is recorded
		if n := len(read(t, p, last.URI)); n == 0 {
			t.Error("the last segment is not recorded")
		}
	})
}
