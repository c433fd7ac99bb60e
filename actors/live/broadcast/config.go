package broadcast

import (
	"log/slog"
	"time"

	"github.com/barrage-live/barrage/internal/media/segmenter"
	"github.com/barrage-live/barrage/live/packager"
	"github.com/barrage-live/barrage/live/recording"
)

// Config shapes packaging. The zero value is the house's default.
type Config struct {
	// Window is how far back viewers can seek; 0 means 30 min.
	Window time.Duration
	// Linger is how long the playlist of an ended broadcast stays; 0 means 2 min.
	Linger time.Duration
	// Cut says how parts and segments are cut.
	Cut segmenter.Config
}

const defaultLinger = 2 * time.Minute

// Deps is what the kind needs.
type Deps struct {
	// Recordings keeps what is broadcast.
	Recordings *recording.Store
	// Waiting bounds what waits to be recorded on the node; nil: each broadcast by itself.
	Waiting *packager.Waiting
	Config  Config
	Log     *slog.Logger
	Metrics *packager.Metrics
}
