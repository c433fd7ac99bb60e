package origin

import (
	"context"

	"github.com/barrage-live/barrage/internal/id"
	"github.com/barrage-live/barrage/live/egress/hls"
)

// Locator finds broadcasts of an Origin for the HLS handler.
type Locator struct {
	origin  *Origin
	resolve func(ctx context.Context, channel string) (id.Channel, error)
}

var _ hls.Locator = (*Locator)(nil)

// NewLocator makes a Locator. resolve turns what a URL names, an id or a name, into the channel's id.
func NewLocator(o *Origin, resolve func(ctx context.Context, channel string) (id.Channel, error)) *Locator {
	return &Locator{o, resolve}
}

// Resolve implements hls.Locator.
func (l *Locator) Resolve(ctx context.Context, name string) (id.Channel, error) {
	return l.resolve(ctx, name)
}

// Locate implements hls.Locator.
func (l *Locator) Locate(ctx context.Context, name string) (hls.Source, error) {
	ch, err := l.resolve(ctx, name)
	if err != nil {
		return nil, err
	}
	p, err := l.origin.Locate(ch)
	if err != nil {
		return nil, err
	}
	return p, nil
}
