package channel

import (
	"context"
	"errors"
	"sync"

	"github.com/barrage-live/barrage/cluster"
	"github.com/barrage-live/barrage/internal/auth"
	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/id"
	"github.com/barrage-live/barrage/live"
	"github.com/barrage-live/barrage/live/ingest"
)

// Gate is how ingest asks for the lease to publish: it implements ingest.Gate. It is not part of the actor
// and lives as long as the listeners; all it keeps is which lease each open stream has.
type Gate struct {
	node    *cluster.Node
	metrics *Metrics
	leases  sync.Map // *live.Stream -> lease
}

type lease struct {
	channel id.Channel
	fence   Fence
}

var (
	_ ingest.Gate     = (*Gate)(nil)
	_ ingest.Verifier = (*Gate)(nil)
)

// NewGate asks the channels of n.
func NewGate(n *cluster.Node, m *Metrics) *Gate { return &Gate{node: n, metrics: m} }

// Verify tells whether Begin would let the key in now, and changes nothing.
func (g *Gate) Verify(ctx context.Context, p ingest.Publication) error {
	key, err := auth.ParseStreamKey(p.Key)
	if err == nil {
		_, err = ask[Channel](ctx, g.node, key.Channel, check{key})
	}
	if errors.Is(err, ErrNoChannel) {
		err = auth.ErrStreamKey
	}
	if err != nil {
		g.metrics.leases.WithLabelValues(fault.CodeOf(err)).Inc()
	}
	return err
}

// Begin gives the holder of a valid key a stream to write, in place of whoever publishes to the channel
// now. A wrong key and an unknown channel are auth.ErrStreamKey; a revoked or replaced key is
// ErrKeyRevoked.
func (g *Gate) Begin(ctx context.Context, p ingest.Publication) (*live.Stream, error) {
	key, err := auth.ParseStreamKey(p.Key)
	if err != nil {
		g.metrics.leases.WithLabelValues(auth.ErrStreamKey.Code).Inc()
		return nil, err
	}
	request := id.NewBroadcast()
	l, err := ask[leased](ctx, g.node, key.Channel, begin{key, request, p.Tracks})
	switch kind := fault.KindOf(err); {
	case err == nil:
		g.leases.Store(l.stream, lease{key.Channel, l.fence})
		return l.stream, nil
	case errors.Is(err, ErrNoChannel):
		err = auth.ErrStreamKey
	case kind == fault.Timeout || kind == fault.Internal:
		// The lease may have been given all the same, or may yet be: nobody will write to it.
		err = errors.Join(err, cluster.Tell(g.node, KindName, string(key.Channel), abandoned{request}))
	}
	g.metrics.leases.WithLabelValues(fault.CodeOf(err)).Inc()
	return nil, err
}

// End tells that the publisher of the stream is gone, for whatever reason. The broadcast waits for it for
// the grace, or for a moment if it has said that it ends (live.ErrEnded). Nil means that the channel will
// hear of it; after an error End may be called again. A channel that is never told notices by itself that
// the stream has ended, within a beat.
func (g *Gate) End(_ context.Context, s *live.Stream, reason error) error {
	v, ok := g.leases.Load(s)
	if !ok {
		return nil
	}
	h := v.(lease)
	// Told, not asked: however long the channel waits for its store, this waits in its mailbox.
	if err := cluster.Tell(g.node, KindName, string(h.channel), ended{h.fence, errors.Is(reason, live.ErrEnded)}); err != nil {
		return err
	}
	g.leases.Delete(s)
	return nil
}
