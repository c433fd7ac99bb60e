package cluster

import (
	"cmp"
	"context"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/barrage-live/barrage/cluster/coordination"
	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/id"
	"github.com/barrage-live/barrage/internal/position"
	"github.com/barrage-live/barrage/storage/table"
)

// Config is what a node needs to know.
type Config struct {
	// ID names this run of the process. Empty means a new one.
	ID id.Node
	// Coordination grants the shards; required. The node does not close it.
	Coordination coordination.Store
	// Fencer fences the state of actors before they are activated; required if a kind has State.
	// *table.Store is one.
	Fencer Fencer
	// Log takes what operators should know. Nil means nothing is logged.
	Log *slog.Logger
	// Metrics takes the figures. Nil means they are counted and shown nowhere.
	Metrics *Metrics
	// Workers is how many works of Turn.Await and Turn.Pipe of one kind run at once, and as many
	// activations and flushes. Zero means 256.
	Workers int
	// Backlog is how many works, and as many activations, of one kind may wait for a worker. The next is
	// refused Exhausted "workers_busy". Zero means 65536.
	Backlog int
	// WorkTimeout ends the context of a work, an activation and a flush. Zero means 30 s.
	WorkTimeout time.Duration
	// Encode has every message, answer and error of kinds with Messages encoded, and decoded again before
	// it is handed over, as it would be between two nodes. It costs time and is meant for tests: what could
	// not leave the process is found here.
	Encode bool
}

// Fencer raises the fences of partitions.
type Fencer interface {
	// FenceExisting raises the fence of a partition that has one and reports whether it has. A higher one
	// is refused Fenced.
	FenceExisting(ctx context.Context, t table.Table, partition string, f position.Fence) (exists bool, err error)
}

const (
	defaultWorkers     = 256
	defaultBacklog     = 1 << 16
	defaultWorkTimeout = 30 * time.Second
)

// withDefaults fills the zero fields in.
func (c Config) withDefaults() Config {
	c.ID = cmp.Or(c.ID, id.NewNode())
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Metrics == nil {
		c.Metrics = NewMetrics(prometheus.NewRegistry())
	}
	c.Workers = cmp.Or(c.Workers, defaultWorkers)
	c.Backlog = cmp.Or(c.Backlog, defaultBacklog)
	c.WorkTimeout = cmp.Or(c.WorkTimeout, defaultWorkTimeout)
	return c
}

// Validate reports the first field that cannot work.
func (c Config) Validate() error {
	switch {
	case c.Coordination == nil:
		return fault.New(fault.Invalid, "no_coordination", "a node needs a coordination store")
	case c.Workers < 0 || c.Backlog < 0 || c.WorkTimeout < 0:
		return fault.New(fault.Invalid, "bad_config", "workers, backlog and work timeout are not negative")
	}
	return nil
}
