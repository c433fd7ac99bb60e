package packager

import (
	"context"
	"io"
	"log/slog"
	"time"

	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/id"
	"github.com/barrage-live/barrage/internal/media/segmenter"
	"github.com/barrage-live/barrage/storage/blob"
)

// Blobs is what a Packager needs of the blob store; *blob.Store has it.
type Blobs interface {
	Put(ctx context.Context, key string, r io.Reader, o blob.PutOptions) (blob.Info, error)
	Open(ctx context.Context, key string) (*blob.Object, error)
}

// Config describes one broadcast. Channel, Broadcast, Start, Blobs, Log and Metrics are required.
type Config struct {
	Channel   id.Channel
	Broadcast id.Broadcast
	// Start is media time zero.
	Start time.Time
	Blobs Blobs
	// Window is how much of the past the playlist lists; 0 means 30 min.
	Window time.Duration
	// Cut says how parts and segments are cut.
	Cut     segmenter.Config
	Log     *slog.Logger
	Metrics *Metrics
}

const defaultWindow = 30 * time.Minute

func (c Config) check() (Config, error) {
	if c.Channel == "" || c.Broadcast == "" || c.Start.IsZero() || c.Blobs == nil || c.Log == nil || c.Metrics == nil {
		return c, fault.New(fault.Invalid, "bad_config", "a packager needs channel, broadcast, start, blobs, log and metrics")
	}
	if c.Window <= 0 {
		c.Window = defaultWindow
	}
	c.Log = c.Log.With(slog.String("channel", string(c.Channel)), slog.String("broadcast", string(c.Broadcast)))
	return c, nil
}

// prefix is where the broadcast's objects lie.
func prefix(channel id.Channel, broadcast id.Broadcast) string {
	return "live/" + string(channel) + "/" + string(broadcast) + "/"
}
