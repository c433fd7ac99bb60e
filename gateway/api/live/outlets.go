package live

import (
	"context"
	"errors"

	"github.com/barrage-live/barrage/actors/live/channel"
	"github.com/barrage-live/barrage/gateway/rest"
	"github.com/barrage-live/barrage/internal/id"
)

// Outlets is what other wings ask of this one.
type Outlets struct{ handlers }

// NewOutlets asks through d.
func NewOutlets(d Deps) *Outlets { return &Outlets{handlers{d}} }

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
func (h *handlers) own(ctx context.Context, nameOrID string) (channel.Channel, error) {
	i, err := rest.RequireIdentity(ctx)
	if err != nil {
		return channel.Channel{}, err
	}
	ch, err := h.find(ctx, nameOrID)
	if err != nil {
		return channel.Channel{}, err
	}
	return ch, rest.RequireRight(ctx, ch.Owner == i.User)
}
