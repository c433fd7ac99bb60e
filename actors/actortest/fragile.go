package actortest

import (
	"context"
	"math"
	"slices"

	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/barrage-live/barrage/cluster"
)

// Fragile is a kind whose actors panic when they are told Panic, and otherwise are what they are.
func Fragile(k cluster.Kind) cluster.Kind {
	activate := k.Activate
	k.Activate = func(ctx context.Context, a cluster.Activation) (cluster.Actor, error) {
		actor, err := activate(ctx, a)
		if err != nil {
			return nil, err
		}
		return fragile{actor}, nil
	}
	if k.Messages != nil {
		k.Messages = append(slices.Clip(k.Messages), told())
	}
	return k
}

// told is how Panic crosses to them.
func told() cluster.Message {
	return cluster.MessageOf(math.MaxUint32, wrapperspb.String, func(m *wrapperspb.StringValue) (string, error) { return m.GetValue(), nil })
}

type fragile struct{ cluster.Actor }

// Start implements cluster.Starter.
func (f fragile) Start(t *cluster.Turn) {
	if s, ok := f.Actor.(cluster.Starter); ok {
		s.Start(t)
	}
}

// Receive implements cluster.Actor.
func (f fragile) Receive(t *cluster.Turn, msg any) {
	if msg == Panic {
		panic("as told")
	}
	f.Actor.Receive(t, msg)
}

// Passivate implements cluster.Passivator.
func (f fragile) Passivate(ctx context.Context) error {
	if p, ok := f.Actor.(cluster.Passivator); ok {
		return p.Passivate(ctx)
	}
	return nil
}

// Close implements cluster.Closer.
func (f fragile) Close(cause error) {
	if c, ok := f.Actor.(cluster.Closer); ok {
		c.Close(cause)
	}
}
