package channel

import (
	"context"
	"errors"
	"sync"

	"github.com/barrage-live/barrage/cluster"
	"github.com/barrage-live/barrage/internal/auth"
	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/id"
	"github.com/barrage-live/barrage/internal/media"
	"github.com/barrage-live/barrage/live"
	"github.com/barrage-live/barrage/live/ingest"
	"github.com/barrage-live/barrage/live/origin"
)

// Opener makes the streams that publishers of this node write; *origin.Origin is one.
type Opener interface {
	Open(ctx context.Context, l origin.Lease, tracks []media.Track) (*live.Stream, error)
}

// Gate is how ingest asks for the lease to publish: it implements ingest.Gate. It is not part of the actor
// and lives as long as the listeners, on the node that holds the publishers: it opens there what the channel
// grants, and tells the channel what became of it. All it keeps is which lease each open stream has.
type Gate struct {
	node    *cluster.Node
	origin  Opener
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
	_ ingest.Refuser  = (*Gate)(nil)
)

// NewGate asks the channels of n, and opens their leases at o.
func NewGate(n *cluster.Node, o Opener, m *Metrics) *Gate {
	return &Gate{node: n, origin: o, metrics: m}
}

// Verify tells whether Begin would let the key in now, and takes nothing over. A refusal for too many
// takeovers counts as that of Begin does.
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
	if errors.Is(err, ErrKeyRevoked) || fault.KindOf(err) == fault.Conflict { // the channel knows the key
		g.Refused(p, err)
	}
	return err
}

// Refused tells the channel why a publisher with one of its keys was turned away, for its owner to see.
func (g *Gate) Refused(p ingest.Publication, reason error) {
	key, err := auth.ParseStreamKey(p.Key)
	if err != nil {
		return
	}
	e := fault.From(reason)
	// Nothing depends on it: a channel that does not hear of it shows the refusal before.
	_ = cluster.Tell(g.node, KindName, string(key.Channel), refused{key, Refusal{Code: e.Code, Message: e.Message, Protocol: p.Protocol}})
}

// Begin gives the holder of a valid key a stream to write, in place of whoever publishes to the channel
// now. A wrong key and an unknown channel are auth.ErrStreamKey; a revoked or replaced key is
// ErrKeyRevoked.
func (g *Gate) Begin(ctx context.Context, p ingest.Publication) (*live.Stream, error) {
	s, err := g.begin(ctx, p)
	result := "ok"
	if err != nil {
		result = fault.CodeOf(err)
	}
	g.metrics.leases.WithLabelValues(result).Inc()
	return s, err
}

func (g *Gate) begin(ctx context.Context, p ingest.Publication) (*live.Stream, error) {
	key, err := auth.ParseStreamKey(p.Key)
	if err != nil {
		return nil, err
	}
	request := id.NewBroadcast()
	l, err := ask[origin.Lease](ctx, g.node, key.Channel, begin{key, request})
	switch kind := fault.KindOf(err); {
	case err == nil:
		return g.open(ctx, l, p.Tracks)
	case errors.Is(err, ErrNoChannel):
		err = auth.ErrStreamKey
	case kind == fault.Timeout || kind == fault.Internal:
		// The lease may have been given all the same, or may yet be: nobody will open it.
		err = errors.Join(err, g.tell(key.Channel, abandoned{request}))
	}
	return nil, err
}

// open makes the stream of a lease. Where the channel does not hear of it, it finds out at its next beat.
func (g *Gate) open(ctx context.Context, l origin.Lease, tracks []media.Track) (*live.Stream, error) {
	s, err := g.origin.Open(ctx, l, tracks)
	if err != nil {
		return nil, errors.Join(err, g.tell(l.Channel, openFailed{l.Fence, fault.CodeOf(err) == origin.ErrEnded.Code}))
	}
	g.leases.Store(s, lease{l.Channel, l.Fence})
	_ = g.tell(l.Channel, opened{l.Fence})
	return s, nil
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
	if err := g.tell(h.channel, ended{h.fence, errors.Is(reason, live.ErrEnded)}); err != nil {
		return err
	}
	g.leases.Delete(s)
	return nil
}

func (g *Gate) tell(ch id.Channel, what any) error {
	return cluster.Tell(g.node, KindName, string(ch), what)
}
