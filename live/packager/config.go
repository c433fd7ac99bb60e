package packager

import (
	"context"
	"log/slog"
	"time"

	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/id"
	"github.com/barrage-live/barrage/internal/media/segmenter"
	"github.com/barrage-live/barrage/live/recording"
)

// Recorder keeps a broadcast; *recording.Writer does. Append, Keep and End are called by one goroutine, the
// others by any.
type Recorder interface {
	Recorded

	Append(ctx context.Context, p recording.Part) error
	Keep(ctx context.Context, p recording.Piece) error
	End(ctx context.Context, at time.Time) error
	// Paused reports whether nothing is kept for now.
	Paused() bool
}

// Recorded opens what was kept.
type Recorded interface {
	Segment(ctx context.Context, sequence uint64) (*recording.Media, error)
	InitSegment(ctx context.Context, number uint32) (*recording.Media, error)
}

// Config describes one broadcast. Channel, Broadcast, Start, Recorder, Log and Metrics are required,
// Start without Resume only.
type Config struct {
	Channel   id.Channel
	Broadcast id.Broadcast
	// Start is media time zero.
	Start    time.Time
	Recorder Recorder
	// Resume is what there is of a broadcast that goes on, as recording.Store.Resume gives it together with
	// the Recorder; nil: the broadcast begins. Start is that of its header.
	Resume *recording.Recording
	// Waiting bounds what all Packagers of a node hold for their recorders; nil is one of its own.
	Waiting *Waiting
	// Window is how much of the past the playlist lists; 0 means 30 min.
	Window time.Duration
	// Cut says how parts and segments are cut.
	Cut     segmenter.Config
	Log     *slog.Logger
	Metrics *Metrics
}

const defaultWindow = 30 * time.Minute

func (c Config) check() (Config, error) {
	if c.Resume != nil {
		c.Start = c.Resume.Header.Start
	}
	if c.Channel == "" || c.Broadcast == "" || c.Start.IsZero() || c.Recorder == nil || c.Log == nil || c.Metrics == nil {
		return c, fault.New(fault.Invalid, "bad_config", "a packager needs channel, broadcast, start, recorder, log and metrics")
	}
	if c.Window <= 0 {
		c.Window = defaultWindow
	}
	if c.Waiting == nil {
		c.Waiting = new(Waiting)
	}
	c.Log = c.Log.With(slog.String("channel", string(c.Channel)), slog.String("broadcast", string(c.Broadcast)))
	return c, nil
}
