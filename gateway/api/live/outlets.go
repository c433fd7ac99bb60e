package live

import (
	"context"
	"errors"

	"github.com/barrage-live/barrage/actors/live/channel"
	"github.com/barrage-live/barrage/gateway/rest"
	"github.com/barrage-live/barrage/internal/id"
)

// Outlets is what other wings ask of this one.
type Outlets struct{ face }

// NewOutlets asks through p.
func NewOutlets(p Ports) *Outlets { return &Outlets{face{p}} }

// Owned shows the channel of a user, nil if there is none.
func (o *Outlets) Owned(ctx context.Context, user id.User) (*Channel, error) {
	ch, err := o.ChannelViews.Owned(ctx, user)
	if errors.Is(err, channel.ErrNoChannel) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	view, err := o.watched(ctx, ch)
	return &view, err
}

// own finds a channel on which the asker has the right of the operation.
func (f *face) own(ctx context.Context, nameOrID string) (channel.Channel, error) {
	i, err := rest.RequireIdentity(ctx)
	if err != nil {
		return channel.Channel{}, err
	}
	ch, err := f.find(ctx, nameOrID)
	if err != nil {
		return channel.Channel{}, err
	}
	return ch, rest.RequireRight(ctx, ch.Owner == i.User)
}
