package broadcast

import (
	"context"
	"errors"
	"time"

	"github.com/barrage-live/barrage/actors/live/channel"
	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/id"
	"github.com/barrage-live/barrage/internal/media/index"
	"github.com/barrage-live/barrage/live/origin"
	"github.com/barrage-live/barrage/live/recording"
)

// The refusals of this package.
var (
	// ErrNoBroadcast: nothing was recorded under this id.
	ErrNoBroadcast = fault.New(fault.NotFound, "no_broadcast", "no such broadcast")
	// ErrLive refuses to delete a broadcast that goes on.
	ErrLive = origin.ErrLive
)

// Client is how everyone looks at broadcasts. It is safe for concurrent use.
type Client struct {
	channels   *channel.Client
	recordings *recording.Store
}

// NewClient reads r, and has the channels change it.
func NewClient(c *channel.Client, r *recording.Store) *Client { return &Client{c, r} }

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
	return c.channels.Erase(ctx, ch, b)
}

// Settle ends what a crash has left open of a recording; one whose broadcast goes on, or waits for its
// publisher, is left alone.
func (c *Client) Settle(ctx context.Context, ch id.Channel, b id.Broadcast) error {
	return c.channels.Settle(ctx, ch, b)
}
