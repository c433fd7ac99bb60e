package broadcast

import (
	"context"
	"errors"
	"time"

	"github.com/barrage-live/barrage/actors/live/channel"
	"github.com/barrage-live/barrage/cluster"
	"github.com/barrage-live/barrage/internal/id"
	"github.com/barrage-live/barrage/internal/media/index"
	"github.com/barrage-live/barrage/live"
	"github.com/barrage-live/barrage/live/egress/hls"
	"github.com/barrage-live/barrage/live/packager"
	"github.com/barrage-live/barrage/live/recording"
)

// Client is how everyone talks to broadcasts. It is safe for concurrent use.
type Client struct {
	node       *cluster.Node
	recordings *recording.Store
}

var _ channel.Packager = (*Client)(nil)

// NewClient talks through n; r is what the kind records to.
func NewClient(n *cluster.Node, r *recording.Store) *Client { return &Client{n, r} }

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

// Finish ends a broadcast for good, and its recording if it is left open; one that is unknown or has ended is
// no error.
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

// Recording is what there is of a broadcast.
type Recording struct {
	Broadcast id.Broadcast
	Channel   id.Channel
	Title     string // of the channel, when it began
	Start     time.Time
	Duration  time.Duration
	Bytes     int64
	// Ended says that nothing follows. A recording that a crash has left open is not ended until it is
	// recovered, whether or not its broadcast goes on.
	Ended bool
}

func recordingOf(b id.Broadcast, h index.Header) Recording {
	return Recording{b, h.Channel, h.Title, h.Start, h.Duration, h.Bytes, h.State == index.Ended}
}

// Recordings lists what was recorded of a channel, the newest first, as it is now: at most limit of them
// after the cursor ("": from the beginning). next is the cursor to go on with, "" at the end. A bad
// cursor is refused Invalid "bad_cursor".
func (c *Client) Recordings(ctx context.Context, ch id.Channel, cursor string, limit int) (page []Recording, next string, err error) {
	list, next, err := c.recordings.List(ctx, ch, cursor, limit)
	if err != nil {
		return nil, "", err
	}
	page = make([]Recording, len(list))
	for i, e := range list {
		page[i] = recordingOf(e.Broadcast, e.Header)
	}
	return page, next, nil
}

// Recording describes one; it refuses ErrNoBroadcast if the channel has none such.
func (c *Client) Recording(ctx context.Context, ch id.Channel, b id.Broadcast) (Recording, error) {
	h, err := c.recordings.Header(ctx, b)
	if errors.Is(err, recording.ErrNone) || err == nil && h.Channel != ch {
		return Recording{}, ErrNoBroadcast
	}
	return recordingOf(b, h), err
}

// Erase deletes what was recorded of a broadcast, and returns when that is done. One that goes on is refused
// ErrLive; one that there is not is no error.
func (c *Client) Erase(ctx context.Context, ch id.Channel, b id.Broadcast) error {
	_, err := ask[struct{}](ctx, c, ch, erase{b})
	return err
}

// Settle ends what a crash has left open of a recording; one whose broadcast goes on is left alone.
func (c *Client) Settle(ctx context.Context, ch id.Channel, b id.Broadcast) error {
	_, err := ask[struct{}](ctx, c, ch, tend{b})
	return err
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
	p, err := l.client.Locate(ctx, ch)
	if err != nil {
		return nil, err
	}
	return p, nil
}
