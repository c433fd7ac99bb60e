package cluster

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/barrage-live/barrage/cluster/coordination"
)

// A lease is renewed three times in its life and not trusted in its last fifth: by the time another node may own our
// shards, we have long stepped down, unless the process did not run at all; and then the first thing it does is look at
// the clock.
const (
	renewals    = 3
	fenceMargin = 5
)

// fenced reports whether the node may not act any more. It is asked before each message.
func (n *Node) fenced(now time.Time) bool {
	if n.revoked.Load() {
		return true
	}
	limit := n.fenceAt.Load()
	if limit == 0 || int64(now.Sub(n.born)) < limit {
		return false
	}
	n.revoke()
	return true
}

// revoke steps down: nothing is executed any more, what waits is refused, nothing is flushed.
func (n *Node) revoke() {
	if !n.revoked.CompareAndSwap(false, true) {
		return
	}
	n.log.Error("lease lost, node steps down", slog.Uint64("epoch", uint64(n.lease.Epoch)))
	n.signal(signalDrop)
	close(n.lost)
}

// keepLease renews the lease until the node ends or steps down.
func (n *Node) keepLease() {
	defer close(n.renewed)
	ttl := n.lease.TTL
	if ttl == 0 {
		return
	}
	pause := time.NewTimer(ttl / renewals)
	defer pause.Stop()
	for {
		select {
		case <-n.work.Done():
			return
		case <-pause.C:
		}
		begin := time.Now()
		if n.fenced(begin) {
			return
		}
		err := n.renew(ttl / renewals)
		switch {
		case err == nil:
			n.trust(begin)
		case errors.Is(err, coordination.ErrLeaseLost):
			n.revoke()
		default:
			n.log.Warn("lease not renewed", slog.Any("error", err))
		}
		pause.Reset(min(ttl/renewals, time.Until(n.born.Add(time.Duration(n.fenceAt.Load())))))
	}
}

func (n *Node) renew(limit time.Duration) error {
	ctx, cancel := context.WithTimeout(n.work, limit)
	defer cancel()
	return n.cfg.Coordination.Renew(ctx, n.lease)
}

// trust moves the fence: the lease counts from when its last renewal was asked for, which is not after it was granted.
func (n *Node) trust(asked time.Time) {
	ttl := n.lease.TTL
	if ttl == 0 {
		return
	}
	n.fenceAt.Store(max(1, int64(asked.Add(ttl-ttl/fenceMargin).Sub(n.born))))
}
