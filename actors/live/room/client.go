package room

import (
	"context"
	"time"

	"github.com/barrage-live/barrage/cluster"
	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/id"
	"github.com/barrage-live/barrage/internal/position"
)

// Client asks rooms. Every method refuses with fault.NotFound "no_room" for a room that was not created,
// and with the faults of cluster.Ask; fault.Timeout means that the outcome is unknown. It is safe for
// concurrent use.
type Client struct{ node *cluster.Node }

// NewClient makes a client that goes through n.
func NewClient(n *cluster.Node) *Client { return &Client{node: n} }

// Create makes the room of a channel. To create it again with the same channel and owner changes nothing;
// with others it is refused Conflict "room_exists".
func (c *Client) Create(ctx context.Context, room id.Room, channel id.Channel, owner id.User) error {
	_, err := ask[any](ctx, c, room, createRoom{channel, owner})
	return err
}

// Card says what a room is and how it is set.
func (c *Client) Card(ctx context.Context, room id.Room) (Card, error) {
	return ask[Card](ctx, c, room, getCard{})
}

// Info says what is true of the room now: how many watch, and whether it is live.
func (c *Client) Info(ctx context.Context, room id.Room) (Info, error) {
	return ask[Info](ctx, c, room, getInfo{})
}

// Attach subscribes a node: the batches after the answered position go to it through Deps.Fanout, without a
// hole. The node numbers its attachments to a room, each higher than all before; a higher one replaces a
// lower, the same one is answered again. It is soft state: an attachment that is not reported for 60 s
// ends. Refusals: Invalid "bad_attachment", Conflict "attachment_replaced" for a lower number than the
// present one's, Exhausted "too_many_nodes".
func (c *Client) Attach(ctx context.Context, room id.Room, node id.Node, attachment uint64) (Attached, error) {
	return ask[Attached](ctx, c, room, attach{node, attachment})
}

// Report says how many viewers a node has in the room and renews its attachment; it is due every 20 s, and
// when the number changed. The answer shows a node that lost its newest batches what it should have. One
// that the room does not know is refused Conflict "unknown_attachment": attach anew.
func (c *Client) Report(ctx context.Context, room id.Room, node id.Node, attachment uint64, viewers int) (Attached, error) {
	return ask[Attached](ctx, c, room, report{node, attachment, viewers})
}

// Detach ends an attachment, unless another one has replaced it.
func (c *Client) Detach(room id.Room, node id.Node, attachment uint64) error {
	return cluster.Tell(c.node, kindName, string(room), detach{node, attachment})
}

// Post returns after the danmaku is durable. A key that the author posted before with the same danmaku,
// within the window Config.Window and Config.WindowKeys allow, gives the first position and duplicate.
// Refusals: Unauthenticated "login_required"; Invalid "bad_key", "bad_text", "text_marks", "text_too_long",
// "bad_mode", "bad_colour", "bad_size", "bad_name", "bad_user"; Conflict "key_reused"; Denied "muted";
// Exhausted "slow_mode", "too_fast" and "room_busy" with RetryAfter; Unavailable "room_restarting",
// "room_recovering" or the storage's: not done; Timeout "outcome_unknown": post again with the same key.
func (c *Client) Post(ctx context.Context, room id.Room, a Author, d Draft) (p position.Position, duplicate bool, err error) {
	r, err := ask[posted](ctx, c, room, post{a, d})
	return r.Position, r.Duplicate, err
}

// Resume asks for what comes after a position, a page at a time. The zero position asks from the beginning.
func (c *Client) Resume(ctx context.Context, room id.Room, since position.Position) (Recovery, error) {
	return ask[Recovery](ctx, c, room, resume{since})
}

// History gives at most limit danmaku (at most HistoryLimit, also for a limit of 0) and MaxBatchBytes of
// weight before a position, or the newest for the zero position, in order; more says whether there may be
// older ones.
func (c *Client) History(
	ctx context.Context, room id.Room, before position.Position, limit int,
) (danmaku []Danmaku, more bool, err error) {
	p, err := ask[page](ctx, c, room, history{before, limit})
	return p.Danmaku, p.More, err
}

// PostFunc is Post for those who do not wait: done is called once, as cluster.AskFunc says.
func (c *Client) PostFunc(
	deadline time.Time, room id.Room, a Author, d Draft, done func(p position.Position, duplicate bool, err error),
) {
	askFunc(c, deadline, room, post{a, d}, func(r posted, err error) { done(r.Position, r.Duplicate, err) })
}

// ResumeFunc is Resume for those who do not wait.
func (c *Client) ResumeFunc(deadline time.Time, room id.Room, since position.Position, done func(Recovery, error)) {
	askFunc(c, deadline, room, resume{since}, done)
}

// HistoryFunc is History for those who do not wait.
func (c *Client) HistoryFunc(
	deadline time.Time, room id.Room, before position.Position, limit int, done func(danmaku []Danmaku, more bool, err error),
) {
	askFunc(c, deadline, room, history{before, limit}, func(p page, err error) { done(p.Danmaku, p.More, err) })
}

// Configure changes the settings of the room. Refusals: Invalid "bad_slow_mode", "bad_max_length".
func (c *Client) Configure(ctx context.Context, room id.Room, a Adjustment) error {
	_, err := ask[any](ctx, c, room, configure(a))
	return err
}

// Mute keeps a user from posting until a moment, and replaces an earlier mute. Refusals: Invalid
// "bad_mute", Denied "owner_immune", Exhausted "too_many_mutes".
func (c *Client) Mute(ctx context.Context, room id.Room, user id.User, until time.Time, by id.User) error {
	_, err := ask[any](ctx, c, room, mute{user, until, by})
	return err
}

// Unmute lets a user post again; it is no error if nothing kept it.
func (c *Client) Unmute(ctx context.Context, room id.Room, user id.User) error {
	_, err := ask[any](ctx, c, room, unmute{user})
	return err
}

// Mutes lists those in force, the newest first.
func (c *Client) Mutes(ctx context.Context, room id.Room) ([]Mute, error) {
	return ask[[]Mute](ctx, c, room, mutes{})
}

// SetLive says that a broadcast runs whose media time 0 was at start, and gives how many watch if that was
// known before. by is the fence of the channel's activation: one older than the newest that has spoken is
// refused Fenced "stale_channel".
func (c *Client) SetLive(ctx context.Context, room id.Room, by position.Fence, b id.Broadcast, start time.Time) (viewers int, err error) {
	info, err := ask[Info](ctx, c, room, setLive{by, b, start})
	return info.Online, err
}

// SetOffline says that none runs, as SetLive does.
func (c *Client) SetOffline(ctx context.Context, room id.Room, by position.Fence) error {
	_, err := ask[any](ctx, c, room, setOffline{by})
	return err
}

func ask[R any](ctx context.Context, c *Client, room id.Room, cmd any) (R, error) {
	return cluster.Ask[R](ctx, c.node, kindName, string(room), cmd)
}

func askFunc[R any](c *Client, deadline time.Time, room id.Room, cmd any, done func(R, error)) {
	cluster.AskFunc(c.node, deadline, kindName, string(room), cmd, func(v any, err error) {
		r, ok := v.(R)
		if err == nil && !ok {
			err = fault.Newf(fault.Internal, "bad_reply", "a room answered %T with %T", cmd, v)
		}
		done(r, err)
	})
}
