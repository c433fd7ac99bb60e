package cluster

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/barrage-live/barrage/cluster/coordination"
	"github.com/barrage-live/barrage/cluster/internal/ownership"
	"github.com/barrage-live/barrage/internal/position"
)

// keeper keeps the node's membership: it renews the lease, and joins again under a new one when it is lost.
// Its goroutine is the only one that changes the lease; attempts run beside it, because one that hangs must
// not hold the others up.
type keeper struct {
	n     *Node
	state ownership.Lease
	ended chan attempt
	timer *time.Timer
}

// attempt is a call to the coordination store that has ended.
type attempt struct {
	join  bool
	lease coordination.Lease // that was to be renewed, or was given
	asked time.Duration
	err   error
}

// keepLease runs until the node closes.
func (n *Node) keepLease(k *keeper) {
	defer close(n.kept)
	defer k.timer.Stop()
	for {
		what, at := k.state.Next()
		k.timer.Reset(time.Hour)
		if what != ownership.Rest {
			k.timer.Reset(at - n.elapsed(time.Now()))
		}
		select {
		case <-n.work.Done():
			k.wait()
			return
		case <-k.timer.C:
			if what != ownership.Rest {
				k.act(what)
			}
		case a := <-k.ended:
			k.finish(a)
		case <-n.doubted:
			k.doubt()
		case lease := <-n.losses:
			if lease.Epoch == n.present().Epoch {
				k.lose(time.Now())
			}
		}
	}
}

// act does what is due.
func (k *keeper) act(what ownership.Action) {
	now := time.Now()
	if !k.n.trusted(now) {
		k.state.Doubt(k.n.elapsed(now))
	}
	if what == ownership.Expel {
		k.state.Expelled()
		k.n.expel()
		return
	}
	a := attempt{join: what == ownership.Join, lease: k.n.present(), asked: k.n.elapsed(now)}
	limit := k.state.Limit()
	k.state.Began(a.asked, rand.Float64())
	go func() {
		ctx, cancel := context.WithTimeout(k.n.work, limit)
		defer cancel()
		if a.join {
			a.lease, a.err = k.n.cfg.Coordination.Join(ctx, k.n.cfg.ID)
		} else {
			a.err = k.n.cfg.Coordination.Renew(ctx, a.lease)
		}
		k.ended <- a
	}()
}

// finish takes the end of an attempt.
func (k *keeper) finish(a attempt) {
	now := time.Now()
	elapsed := k.n.elapsed(now)
	outcome := ownership.Failed
	switch {
	case a.err == nil:
		outcome = ownership.Done
	case !a.join && errors.Is(a.err, coordination.ErrLeaseLost):
		outcome = ownership.Gone
	}
	k.n.cfg.Metrics.attempts.WithLabelValues(outcome.String()).Inc()
	switch {
	case a.join && outcome == ownership.Done:
		k.state.Forget()
		k.joined(a, elapsed)
	case !a.join && a.lease.Epoch != k.n.present().Epoch:
		k.state.Forget()
	case outcome == ownership.Gone:
		k.state.Forget()
		k.lose(now)
	default:
		k.state.Ended(a.asked, elapsed, outcome, rand.Float64())
		if outcome == ownership.Failed {
			k.n.log.Warn("lease not renewed", slog.Any("error", a.err), slog.Bool("trusted", k.state.Trusted(elapsed)))
		}
		k.goOn(elapsed)
	}
}

// joined begins a new lease.
func (k *keeper) joined(a attempt, elapsed time.Duration) {
	k.state.Joined(a.asked, elapsed, a.lease.TTL)
	k.n.log.Warn("node joined again", slog.Uint64("epoch", uint64(a.lease.Epoch)))
	k.n.take(a.lease)
	k.goOn(elapsed)
}

// goOn lets the node act for as long as the lease is trusted.
func (k *keeper) goOn(elapsed time.Duration) {
	if !k.state.Trusted(elapsed) {
		return
	}
	until, bounded := k.state.Until()
	if !bounded {
		until = 0
	}
	k.n.resume(until)
}

// doubt notes that somebody found the lease in doubt.
func (k *keeper) doubt() {
	now := time.Now()
	if !k.n.trusted(now) && k.state.Doubt(k.n.elapsed(now)) {
		k.n.log.Warn("lease in doubt, node waits", slog.Uint64("epoch", uint64(k.n.present().Epoch)))
	}
}

// lose ends the ownership of everything for certain: activations end without a flush, what waits for them
// waits for the next lease.
func (k *keeper) lose(now time.Time) {
	k.n.log.Error("lease lost, node joins again", slog.Uint64("epoch", uint64(k.n.present().Epoch)))
	k.n.cfg.Metrics.losses.Inc()
	k.n.suspend(now, true)
	k.state.Lost(k.n.elapsed(now))
	k.n.tellShards(ownership.Dropped)
	k.n.signal(signalLose)
}

// wait lets the attempts end that are under way.
func (k *keeper) wait() {
	for k.state.Flying() > 0 {
		a := <-k.ended
		k.state.Forget()
		if a.join && a.err == nil { // to be given back
			k.n.take(a.lease)
		}
	}
}

// present is the node's lease, the last one if it is lost.
func (n *Node) present() coordination.Lease { return *n.lease.Load() }

// take makes the lease the present one: what is of an earlier one is lost from here on.
func (n *Node) take(l coordination.Lease) {
	n.lease.Store(&l)
	n.trust.epoch.Store(uint64(l.Epoch))
}

// lost notes that the coordination store said of a lease that it is lost.
func (n *Node) lost(l coordination.Lease) {
	select {
	case n.losses <- l:
	default: // it was said already
	}
}

// expel refuses what was held back in doubt, and what comes.
func (n *Node) expel() {
	n.trust.doubts.Lock()
	expels := n.trust.suspended.Load()
	n.trust.refusing.Store(expels)
	n.trust.doubts.Unlock()
	if expels {
		n.log.Error("messages are refused until the lease is sure")
		n.signal(signalExpel)
	}
}

// tellShards hands an event to every shard in use.
func (n *Node) tellShards(w ownership.What) {
	n.each(func(s *shardActor) { s.box.post(own, shardEvent(w)) })
}

// Epoch is that of the node's lease: higher than every epoch of any earlier lease. Call it once the node
// has started.
func (n *Node) Epoch() position.Epoch { return n.present().Epoch }
