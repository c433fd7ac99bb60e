package broadcast

import (
	"context"

	"github.com/barrage-live/barrage/actors/live/channel"
	"github.com/barrage-live/barrage/cluster"
	"github.com/barrage-live/barrage/internal/id"
	"github.com/barrage-live/barrage/live"
	"github.com/barrage-live/barrage/live/egress/hls"
	"github.com/barrage-live/barrage/live/packager"
)

// Client is how everyone talks to broadcasts. It is safe for concurrent use.
type Client struct{ node *cluster.Node }

var _ channel.Packager = (*Client)(nil)

// NewClient talks through n.
func NewClient(n *cluster.Node) *Client { return &Client{n} }

// Open makes the Stream that the holder of the fence writes, after which a Stream of a lower fence is closed.
func (c *Client) Open(ctx context.Context, o channel.Opening) (*live.Stream, error) {
	return ask[*live.Stream](ctx, c, o.Channel, open{o})
}

// Held is what there is of a broadcast; it refuses ErrNotLive for one that is unknown or over.
func (c *Client) Held(ctx context.Context, ch id.Channel, b id.Broadcast) (channel.Held, error) {
	return ask[channel.Held](ctx, c, ch, inquire{b})
}

// Interrupt tells that the publisher of the fence is gone and may return. The playlist stays as it is.
func (c *Client) Interrupt(ctx context.Context, ch id.Channel, fence channel.Fence) error {
	_, err := ask[struct{}](ctx, c, ch, interrupt{fence})
	return err
}

// Finish ends a broadcast for good; one that is unknown or has ended is no error.
func (c *Client) Finish(ctx context.Context, ch id.Channel, b id.Broadcast) error {
	_, err := ask[struct{}](ctx, c, ch, finish{b})
	return err
}

// Stats tells how the channel's publication is doing; the zero Health when nothing is on.
func (c *Client) Stats(ctx context.Context, ch id.Channel) (packager.Health, error) {
	return ask[packager.Health](ctx, c, ch, health{})
}

// Locate gives the channel's broadcast for serving it. It fails with ErrNotLive when nothing is on.
func (c *Client) Locate(ctx context.Context, ch id.Channel) (*packager.Packager, error) {
	return ask[*packager.Packager](ctx, c, ch, locate{})
}

func ask[R any](ctx context.Context, c *Client, ch id.Channel, msg any) (R, error) {
	return cluster.Ask[R](ctx, c.node, KindName, string(ch), msg)
}

// Locator finds broadcasts for the HLS handler.
type Locator struct {
	client  *Client
	resolve func(ctx context.Context, channel string) (id.Channel, error)
}

var _ hls.Locator = (*Locator)(nil)

// NewLocator makes a Locator. resolve turns what a URL names, an id or a name, into the channel's id.
func NewLocator(c *Client, resolve func(ctx context.Context, channel string) (id.Channel, error)) *Locator {
	return &Locator{c, resolve}
}

// Locate implements hls.Locator.
func (l *Locator) Locate(ctx context.Context, name string) (hls.Source, error) {
	ch, err := l.resolve(ctx, name)
	if err != nil {
		return nil, err
	}
	p, err := l.client.Locate(ctx, ch)
	if err != nil {
		return nil, err
	}
	return p, nil
}
