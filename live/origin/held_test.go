package origin_test

import (
	"context"
	"iter"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/live/origin"
	"github.com/barrage-live/barrage/live/packager"
	"github.com/barrage-live/barrage/live/recording"
	"github.com/barrage-live/barrage/live/recording/recordingtest"
	"github.com/barrage-live/barrage/storage/blob"
	"github.com/barrage-live/barrage/storage/blob/blobtest"
	"github.com/barrage-live/barrage/storage/table/pebbletable/pebbletest"
)

// panicky panics where a recording that goes on is looked through.
type panicky struct {
	recording.Blobs
	on bool
}

func (p *panicky) List(ctx context.Context, prefix, after string) iter.Seq2[blob.Info, error] {
	if p.on {
		panic("on purpose")
	}
	return p.Blobs.List(ctx, prefix, after)
}

// TestAPanicHoldsNoRecording: what panics while a broadcast is resumed keeps it from nobody who comes next.
func TestAPanicHoldsNoRecording(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		blobs := &panicky{Blobs: blob.New(blobtest.NewBucket(0).Client())}
		r := recording.New(pebbletest.Open(t), blobs, slog.New(slog.DiscardHandler))
		o := origin.New(config(r))
		s, err := o.Open(t.Context(), lease(b1, 1), tracks())
		if err != nil {
			t.Fatal(err)
		}
		publish(t, s, 6*time.Second)
		if err := o.Drain(context.Background()); err != nil {
			t.Fatal(err)
		}
		o = origin.New(config(r))
		defer func() { _ = o.Drain(context.Background()) }()
		l := lease(b1, 2)
		l.Resumes, blobs.on = true, true
		if _, err = o.Open(t.Context(), l, tracks()); fault.CodeOf(err) != "origin_panicked" {
			t.Fatalf("the storage panics: %v", err)
		}
		blobs.on = false
		opens(t, o, 3)
	})
}

// TestAFailedStartHoldsNoRecording: nor does a packager that cannot be started, or panics when it is.
func TestAFailedStartHoldsNoRecording(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(c *origin.Config)
		code  string
	}{
		"refused": {func(c *origin.Config) { c.Log = nil }, "bad_config"},
		"panics":  {func(c *origin.Config) { c.Metrics = new(packager.Metrics) }, "origin_panicked"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := recordingtest.New(t)
				good, bad := config(r), config(r)
				c.spoil(&bad)
				for fence := uint64(1); fence <= 3; fence += 2 { // one that begins, and one that goes on
					l := lease(b1, fence)
					l.Resumes = fence > 1
					broken, o := origin.New(bad), origin.New(good)
					if _, err := broken.Open(t.Context(), l, tracks()); fault.CodeOf(err) != c.code {
						t.Fatalf("a packager that does not start: %v", err)
					}
					if fence > 1 {
						opens(t, o, fence+1)
					} else {
						s, err := o.Open(t.Context(), lease(b1, fence+1), tracks())
						if err != nil {
							t.Fatal(err)
						}
						publish(t, s, 6*time.Second)
						if h, err := r.Header(t.Context(), b1); err != nil || h.Bytes == 0 {
							t.Errorf("nothing is recorded: %+v, %v", h, err)
						}
					}
					if err := o.Drain(context.Background()); err != nil {
						t.Fatal(err)
					}
				}
			})
		})
	}
}

// opens checks that the broadcast goes on.
func opens(t *testing.T, o *origin.Origin, fence uint64) {
	t.Helper()
	l := lease(b1, fence)
	l.Resumes = true
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	s, err := o.Open(ctx, l, tracks())
	if err != nil {
		t.Errorf("the next one: %v", err)
		return
	}
	publish(t, s, time.Second)
}
