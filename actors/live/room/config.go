package room

import (
	"cmp"
	"time"

	"github.com/barrage-live/barrage/internal/fault"
)

// Config tunes every room of a node. The zero value works.
type Config struct {
	// Tick is the least time between two batches of a room; zero means 100 ms.
	Tick time.Duration
	// MaxTick bounds how far the tick lengthens; zero means 2 s.
	MaxTick time.Duration
	// WriteBudget is how many socket writes per second one room may cost one node: the tick lengthens to
	// keep it. Zero means 100,000.
	WriteBudget int
	// RingRows and RingBytes bound the newest danmaku kept in memory; zero means 2,048 and 1 MiB.
	RingRows  int
	RingBytes int
	// Window is how long a posted key is remembered, WindowKeys how many of them; zero means 5 minutes and
	// 65,536.
	Window     time.Duration
	WindowKeys int
	// MaxPending and MaxPendingBytes bound the accepted danmaku that wait for the log and the tick
	// together; zero means 4,096 and 2 MiB of weight. Retries that wait for the log count into the first.
	MaxPending      int
	MaxPendingBytes int
	// PostRate is how many danmaku per second one user may post, over all connections and on average after
	// a burst of PostBurst; zero means 10 and 30.
	PostRate  int
	PostBurst int
	// MaxMutes is how many users of a room may be muted at a time; zero means 10,000.
	MaxMutes int
	// Retention is how long the log keeps a danmaku; zero means 30 days.
	Retention time.Duration
	// AppendTimeout is when an append counts as failed with an unknown outcome; zero means 4 s, which is
	// less than askers wait, so that they are told.
	AppendTimeout time.Duration
}

// Validate reports the first field that cannot be.
func (c Config) Validate() error {
	for _, f := range []struct {
		name  string
		value int64
	}{
		{"tick", int64(c.Tick)},
		{"max_tick", int64(c.MaxTick)},
		{"write_budget", int64(c.WriteBudget)},
		{"ring_rows", int64(c.RingRows)},
		{"ring_bytes", int64(c.RingBytes)},
		{"window", int64(c.Window)},
		{"window_keys", int64(c.WindowKeys)},
		{"max_pending", int64(c.MaxPending)},
		{"max_pending_bytes", int64(c.MaxPendingBytes)},
		{"post_rate", int64(c.PostRate)},
		{"post_burst", int64(c.PostBurst)},
		{"max_mutes", int64(c.MaxMutes)},
		{"retention", int64(c.Retention)},
		{"append_timeout", int64(c.AppendTimeout)},
	} {
		if f.value < 0 {
			return fault.New(fault.Invalid, "bad_config", "a room setting is negative").In(f.name)
		}
	}
	d := c.withDefaults()
	if d.MaxTick < d.Tick {
		return fault.New(fault.Invalid, "bad_config", "the longest tick is shorter than the tick").In("max_tick")
	}
	if d.WindowKeys < d.MaxPending {
		return fault.New(fault.Invalid, "bad_config", "fewer keys are remembered than may be pending").In("window_keys")
	}
	return nil
}

func (c Config) withDefaults() Config {
	c.Tick = cmp.Or(c.Tick, 100*time.Millisecond)
	c.MaxTick = cmp.Or(c.MaxTick, 2*time.Second)
	c.WriteBudget = cmp.Or(c.WriteBudget, 100_000)
	c.RingRows = cmp.Or(c.RingRows, 2048)
	c.RingBytes = cmp.Or(c.RingBytes, 1<<20)
	c.Window = cmp.Or(c.Window, 5*time.Minute)
	c.WindowKeys = cmp.Or(c.WindowKeys, 1<<16)
	c.MaxPending = cmp.Or(c.MaxPending, 4096)
	c.MaxPendingBytes = cmp.Or(c.MaxPendingBytes, 2<<20)
	c.PostRate = cmp.Or(c.PostRate, 10)
	c.PostBurst = cmp.Or(c.PostBurst, 30)
	c.MaxMutes = cmp.Or(c.MaxMutes, 10_000)
	c.Retention = cmp.Or(c.Retention, 30*24*time.Hour)
	c.AppendTimeout = cmp.Or(c.AppendTimeout, 4*time.Second)
	return c
}
