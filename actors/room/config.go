package room

import (
	"time"

	"github.com/barrage-live/barrage/internal/fault"
)

// Config tunes every room of a node. The zero value works.
type Config struct {
	// Tick is the least time between two batches of a room; zero means 100 ms.
	Tick time.Duration
	// MaxTick bounds how far the tick lengthens; zero means 2 s.
	MaxTick time.Duration
	// WriteBudget is how many socket writes per second one room may cost one node: the tick lengthens to keep it.
	// Zero means 100,000.
	WriteBudget int
	// RingRows and RingBytes bound the newest danmaku kept in memory; zero means 2,048 and 1 MiB.
	RingRows  int
	RingBytes int
	// Window is how long a posted key is remembered, WindowKeys how many of them; zero means 5 minutes and 65,536.
	Window     time.Duration
	WindowKeys int
	// MaxPending is how many accepted danmaku may wait for the log and the tick together; zero means 4,096.
	MaxPending int
	// MaxMutes is how many users of a room may be muted at a time; zero means 10,000.
	MaxMutes int
	// Retention is how long the log keeps a danmaku; zero means 30 days.
	Retention time.Duration
	// AppendTimeout is when an append counts as failed with an unknown outcome; zero means 4 s, which is less than
	// askers wait, so that they are told.
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
	c.Tick = or(c.Tick, 100*time.Millisecond)
	c.MaxTick = or(c.MaxTick, 2*time.Second)
	c.WriteBudget = or(c.WriteBudget, 100_000)
	c.RingRows = or(c.RingRows, 2048)
	c.RingBytes = or(c.RingBytes, 1<<20)
	c.Window = or(c.Window, 5*time.Minute)
	c.WindowKeys = or(c.WindowKeys, 1<<16)
	c.MaxPending = or(c.MaxPending, 4096)
	c.MaxMutes = or(c.MaxMutes, 10_000)
	c.Retention = or(c.Retention, 30*24*time.Hour)
	c.AppendTimeout = or(c.AppendTimeout, 4*time.Second)
	return c
}

func or[T ~int | ~int64](v, otherwise T) T {
	if v == 0 {
		return otherwise
	}
	return v
}
