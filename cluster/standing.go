package cluster

import (
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/barrage-live/barrage/cluster/internal/life"
	"github.com/barrage-live/barrage/cluster/internal/ownership"
	"github.com/barrage-live/barrage/internal/position"
)

// trust is what the node knows of its right to act, as everything that acts asks it: before each turn,
// load, flush and work. It decides by the clock, not by what others were told, so that a process which did
// not run for a while finds out first.
type trust struct {
	sleep
	// until is when the lease is not trusted any more, in the node's time; zero: it does not end by time.
	until atomic.Int64
	// epoch is that of the present lease. Grants of earlier leases have lower ones.
	epoch atomic.Uint64
	// suspended says that nothing may act: the lease is in doubt or lost, and there is no new one yet.
	suspended atomic.Bool
	// refusing says that held messages were refused, as new ones are.
	refusing atomic.Bool
	doubts   sync.Mutex // held by what changes suspended
}

// standing tells whether what was begun under the epoch may act.
func (n *Node) standing(now time.Time, epoch position.Epoch) life.Standing {
	switch {
	case uint64(epoch) < n.trust.epoch.Load():
		return life.Lost
	case n.trusted(now):
		return life.Trusted
	}
	return life.Doubted
}

// trusted tells whether the lease may be relied on. It suspends the node if not.
func (n *Node) trusted(now time.Time) bool {
	if n.trust.suspended.Load() {
		return false
	}
	until := n.trust.until.Load()
	if until == 0 || int64(n.elapsed(now)) < until {
		return true
	}
	return !n.suspend(now, false)
}

// elapsed is the node's time: how long ago it was born, the sleep of the machine included.
func (n *Node) elapsed(now time.Time) time.Duration {
	awake := now.Sub(n.born)
	return awake + n.trust.slept(time.Duration(now.UnixNano()-n.born.UnixNano()), awake)
}

// suspend has everything wait that acts, in doubt, or because the lease is lost for certain. It reports
// whether the node is suspended: the lease may have been renewed meanwhile.
func (n *Node) suspend(now time.Time, certain bool) bool {
	n.trust.doubts.Lock()
	defer n.trust.doubts.Unlock()
	if until := n.trust.until.Load(); !certain && (until == 0 || int64(n.elapsed(now)) < until) {
		return false
	}
	if !n.trust.suspended.Swap(true) {
		n.cfg.Metrics.suspended.Set(1)
		select {
		case n.doubted <- struct{}{}:
		default:
		}
	}
	return true
}

// resume lets everything go on that waits: the lease is trusted until then, in the node's time; zero: for
// ever.
func (n *Node) resume(until time.Duration) {
	n.trust.doubts.Lock()
	n.trust.until.Store(int64(until))
	waited := n.trust.suspended.Swap(false)
	n.trust.refusing.Store(false)
	n.trust.doubts.Unlock()
	if waited {
		n.cfg.Metrics.suspended.Set(0)
		n.log.Info("node goes on", slog.Uint64("epoch", uint64(n.present().Epoch)))
		n.tellShards(ownership.Resumed)
		n.signal(signalResume)
	}
}

// sleep counts how long the machine slept, which Go's monotonic clock does not.
type sleep struct {
	// asleep reads how long the machine has slept since it was started.
	asleep func() time.Duration
	before time.Duration // what it read when the node was born
	total  atomic.Int64
	// drift is by how much the wall clock had left the monotonic one when asleep was read last: reading it
	// is dear, and a machine that wakes up has the wall clock jump.
	drift atomic.Int64
}

// wakeDrift is how far the wall clock must jump for the sleep to be read.
const wakeDrift = 50 * time.Millisecond

// begin counts from now.
func (s *sleep) begin(asleep func() time.Duration) { s.asleep, s.before = asleep, asleep() }

// slept is how long the machine slept since the node was born, which was so long ago by the wall clock and
// by the monotonic one.
func (s *sleep) slept(wall, awake time.Duration) time.Duration {
	drift := int64(wall - awake)
	if d := drift - s.drift.Load(); d > int64(wakeDrift) || d < -int64(wakeDrift) {
		s.total.Store(int64(s.asleep() - s.before))
		s.drift.Store(drift)
	}
	return time.Duration(s.total.Load())
}
