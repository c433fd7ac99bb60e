package pebbletable

import (
	"io"
	"log/slog"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/barrage-live/barrage/internal/fault"
)

// Config says where the tables live. Only Dir is required.
type Config struct {
	// Dir is the directory; it is made if it does not exist.
	Dir string
	// FS is where Dir lives; nil is the operating system's.
	FS vfs.FS
	// CacheBytes is the block cache; zero means 256 MiB.
	CacheBytes int64
	// MemTableBytes is how much is written before a flush; zero means 64 MiB. A third of it must exceed a
	// full batch.
	MemTableBytes uint64
	// Queue is how many calls may wait for the committer; zero means 1024. Further calls wait until their
	// context ends.
	Queue int
	// SweepEvery is the pause between sweeps of expired rows; zero means 10 s.
	SweepEvery time.Duration
	// Reserve is how many bytes of the disk are kept for what keeps the platform going: below it writes are
	// refused as on a full disk, but fences and rows of shared tables. So a full disk still lets a process
	// start and serve what is stored. Zero means 64 MiB, negative none.
	Reserve int64
	// Now is the clock that expiry is judged by, as long as it does not go back; nil means time.Now.
	Now func() time.Time
	// Log receives warnings and errors; nil discards them.
	Log *slog.Logger
	// Metrics counts; nil counts into the void.
	Metrics *Metrics

	lock io.Closer // on the directory
}

func (c Config) withDefaults() (Config, error) {
	if c.Dir == "" || c.CacheBytes < 0 || c.Queue < 0 || c.SweepEvery < 0 {
		return c, fault.New(fault.Invalid, "bad_config", "a directory is required and sizes and durations are not negative")
	}
	if c.FS == nil {
		c.FS = vfs.Default
	}
	if c.CacheBytes == 0 {
		c.CacheBytes = 256 << 20
	}
	if c.MemTableBytes == 0 {
		c.MemTableBytes = 64 << 20
	}
	if c.Queue == 0 {
		c.Queue = 1024
	}
	if c.SweepEvery == 0 {
		c.SweepEvery = 10 * time.Second
	}
	if c.Reserve == 0 {
		c.Reserve = 64 << 20
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Metrics == nil {
		c.Metrics = NewMetrics(prometheus.NewRegistry())
	}
	return c, nil
}
