package channel

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"time"

	"github.com/barrage-live/barrage/actors/document"
	"github.com/barrage-live/barrage/cluster"
	"github.com/barrage-live/barrage/internal/auth"
	"github.com/barrage-live/barrage/internal/id"
	"github.com/barrage-live/barrage/internal/reserved"
	"github.com/barrage-live/barrage/storage/table"
)

const (
	// draws is how often ids are drawn before giving up; two channels of one millisecond collide once in
	// 4096 pairs.
	draws = 8
	// MaxList is how many live channels a page of the list has.
	MaxList = 100
)

// Client is how everyone but ingest talks to channels. It is safe for concurrent use.
type Client struct {
	node  *cluster.Node
	store store
	live  *liveList
}

// NewClient talks through n; t is the table the kind writes.
func NewClient(n *cluster.Node, t *table.Store) *Client {
	s := store{table: t, cfg: Config{}.filled()}
	return &Client{n, s, &liveList{store: s}}
}

// Create makes the one channel of an account, with its room, and returns when it is durable. Without a
// title it shows its name.
func (c *Client) Create(ctx context.Context, owner id.User, name, title string) (Channel, error) {
	folded, err := ParseName(name)
	if err != nil {
		return Channel{}, err
	}
	if reserved.Alike(folded) {
		return Channel{}, badName("name_reserved", "this name is reserved")
	}
	if title == "" {
		title = name
	}
	if title, err = ParseTitle(title); err != nil {
		return Channel{}, err
	}
	for range draws {
		now := time.Now()
		var ch id.Channel
		// A try that was cut off has left a claim of its id: it is that channel which is made now, or has
		// been made already.
		ch, _, err = c.store.ownedBy(ctx, owner)
		switch {
		case errors.Is(err, ErrNoChannel):
			ch = id.NewChannel(now)
		case err != nil:
			return Channel{}, err
		}
		var made Channel
		made, err = ask[Channel](ctx, c.node, ch, create{ch, folded, title, owner, id.NewRoom(now)})
		if !errors.Is(err, errIDTaken) {
			return made, err
		}
	}
	return Channel{}, err
}

// Resolve turns a name or an id into the id; an id need not exist.
func (c *Client) Resolve(ctx context.Context, nameOrID string) (id.Channel, error) {
	if ch, err := id.ParseNumber[id.Channel](nameOrID); err == nil {
		return ch, nil
	}
	name, err := ParseName(nameOrID)
	if err != nil {
		return "", ErrNoChannel
	}
	return c.found(c.store.byName(ctx, name))
}

// found is a channel that a claim leads to. One whose creation nobody has heard the end of is told to look
// after its names, or it would lose them when the claims expire.
func (c *Client) found(ch id.Channel, confirmed bool, err error) (id.Channel, error) {
	if err == nil && !confirmed {
		_ = cluster.Tell(c.node, KindName, string(ch), document.Wake{}) // if it does not hear this, the next who asks tells it
	}
	return ch, err
}

// Get describes a channel.
func (c *Client) Get(ctx context.Context, ch id.Channel) (Channel, error) {
	return ask[Channel](ctx, c.node, ch, get{})
}

// Owned gives the channel of an account, or ErrNoChannel.
func (c *Client) Owned(ctx context.Context, owner id.User) (Channel, error) {
	ch, err := c.found(c.store.ownedBy(ctx, owner))
	if err != nil {
		return Channel{}, err
	}
	return c.Get(ctx, ch)
}

// SetTitle changes the title.
func (c *Client) SetTitle(ctx context.Context, ch id.Channel, title string) (Channel, error) {
	title, err := ParseTitle(title)
	if err != nil {
		return Channel{}, err
	}
	return ask[Channel](ctx, c.node, ch, setTitle{title})
}

// MintKey makes a stream key. The text is given here and never again; older keys stay valid for the overlap.
// Rights is the version that the rights of the channel's owner have: auth.ErrTokenOutdated if the owner was
// shut out since.
func (c *Client) MintKey(ctx context.Context, ch id.Channel, rights uint64) (Key, auth.StreamKey, error) {
	var b [8]byte
	_, _ = rand.Read(b[:]) // ends the process itself if the system has no randomness
	secret := auth.NewStreamKey(ch)
	k, err := ask[Key](ctx, c.node, ch, mintKey{hex.EncodeToString(b[:]), secret, rights})
	return k, secret, err
}

// Keys lists the stream keys, the newest first, the dead ones of the last day among them.
func (c *Client) Keys(ctx context.Context, ch id.Channel) ([]Key, error) {
	return ask[[]Key](ctx, c.node, ch, listKeys{})
}

// RevokeKey ends a key at once; a publisher that came with it is closed with ErrKeyRevoked.
func (c *Client) RevokeKey(ctx context.Context, ch id.Channel, key string) (Key, error) {
	return ask[Key](ctx, c.node, ch, revokeKey{key})
}

// RevokeOwned ends the keys of an account's channel, if it has one, that were made under lower rights than
// these, and closes a publisher that came with one with ErrKeyRevoked. A channel that is damaged, whose keys
// let nobody publish, is left alone.
func (c *Client) RevokeOwned(ctx context.Context, owner id.User, rights uint64) error {
	ch, err := c.found(c.store.ownedBy(ctx, owner))
	if err != nil {
		if errors.Is(err, ErrNoChannel) {
			return nil
		}
		return err
	}
	if _, err = ask[[]Key](ctx, c.node, ch, revokeKeys{rights}); errors.Is(err, ErrNoChannel) || document.Damaged(KindName, err) {
		return nil
	}
	return err
}

// Erase deletes what was recorded of a broadcast, and returns when that is done. One that goes on is refused
// origin.ErrLive; one that there is not is no error.
func (c *Client) Erase(ctx context.Context, ch id.Channel, b id.Broadcast) error {
	_, err := ask[struct{}](ctx, c.node, ch, erase{b})
	return err
}

// Settle ends what is left open of the recording of a broadcast that does not go on.
func (c *Client) Settle(ctx context.Context, ch id.Channel, b id.Broadcast) error {
	_, err := ask[struct{}](ctx, c.node, ch, settle{b})
	return err
}

// Ingest measures the publisher of a channel.
func (c *Client) Ingest(ctx context.Context, ch id.Channel) (Ingest, error) {
	return ask[Ingest](ctx, c.node, ch, measure{})
}

func ask[R any](ctx context.Context, n *cluster.Node, ch id.Channel, msg any) (R, error) {
	return cluster.Ask[R](ctx, n, KindName, string(ch), msg)
}
