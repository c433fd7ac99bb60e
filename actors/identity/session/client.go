package session

import (
	"context"
	"errors"
	"math"
	"slices"
	"strings"
	"unicode"

	"github.com/barrage-live/barrage/actors/document"
	"github.com/barrage-live/barrage/cluster"
	"github.com/barrage-live/barrage/internal/auth"
	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/id"
	"github.com/barrage-live/barrage/storage/table"
)

const maxDevice = 120 // characters kept of a device's own description

// unlimited asks for all names.
const unlimited = math.MaxInt

// Client is how everyone talks to sessions. It is safe for concurrent use.
type Client struct {
	node  *cluster.Node
	store store
	cfg   Config
}

// NewClient talks through n; t is the table the kind writes, cfg that of the kind.
func NewClient(n *cluster.Node, t *table.Store, cfg Config) *Client {
	cfg = cfg.filled()
	return &Client{n, store{table: t}, cfg}
}

// Open begins a session and gives its first refresh token when it is durable. Device is what the device
// says of itself; logins is the account's version of logins that the password was looked at with.
func (c *Client) Open(ctx context.Context, user id.User, logins uint64, device string) (Rotation, error) {
	if err := c.makeRoom(ctx, user); err != nil {
		return Rotation{}, err
	}
	s, family := id.NewSession(), auth.NewFamilyKey()
	cmd := open{s, user, printable(device), logins, family, auth.FirstRefresh(s, family)}
	return cluster.Ask[Rotation](ctx, c.node, KindName, string(s), cmd)
}

// makeRoom ends the oldest sessions of a user who has too many.
func (c *Client) makeRoom(ctx context.Context, user id.User) error {
	names, err := c.store.list(ctx, user, c.cfg.MaxPerUser)
	if err != nil || len(names) < c.cfg.MaxPerUser {
		return err
	}
	live, err := c.List(ctx, user)
	if err != nil || len(live) < c.cfg.MaxPerUser {
		return err
	}
	return c.end(ctx, live[0].Session, revoke{user: user, reason: Replaced})
}

// Refresh exchanges a refresh token for its successor.
func (c *Client) Refresh(ctx context.Context, token string) (Rotation, error) {
	r, err := auth.ParseRefresh(token)
	if err != nil {
		return Rotation{}, err
	}
	if !c.store.known(ctx, r.Session) {
		return Rotation{}, auth.ErrTokenInvalid
	}
	return cluster.Ask[Rotation](ctx, c.node, KindName, string(r.Session), refresh{r, auth.NewSalt()})
}

// Logout ends the session of a refresh token; it may be an old one. Ending an ended session is no error.
func (c *Client) Logout(ctx context.Context, token string) error {
	r, err := auth.ParseRefresh(token)
	if err != nil {
		return err
	}
	if !c.store.known(ctx, r.Session) {
		return auth.ErrTokenInvalid
	}
	return c.end(ctx, r.Session, logout{r})
}

// Revoke ends a session of the user: auth.ErrSessionEnded if there is no such session of this user.
func (c *Client) Revoke(ctx context.Context, user id.User, s id.Session) error {
	if !c.store.known(ctx, s) {
		return auth.ErrSessionEnded
	}
	return c.end(ctx, s, revoke{user: user, reason: Revoked})
}

// RevokeAll ends the sessions of the user but the one to keep (none if empty) and says how many: those that
// were opened with a version of logins before this one, or all if it is 0. One that cannot be ended keeps no
// other alive. One that is damaged, which nobody can refresh, is left alone.
func (c *Client) RevokeAll(ctx context.Context, user id.User, keep id.Session, before uint64) (ended int, err error) {
	names, err := c.store.list(ctx, user, unlimited)
	failed := []error{err}
	for _, s := range names {
		if s == keep {
			continue
		}
		switch err := c.end(ctx, s, revoke{user, Revoked, before}); {
		case err == nil:
			ended++
		case ctx.Err() != nil:
			return ended, errors.Join(append(failed, err)...)
		case !dead(err):
			failed = append(failed, err)
		}
	}
	return ended, errors.Join(failed...)
}

// List gives the living sessions of a user, the oldest first; one that is damaged lives no more.
func (c *Client) List(ctx context.Context, user id.User) ([]Info, error) {
	names, err := c.store.list(ctx, user, unlimited)
	if err != nil {
		return nil, err
	}
	out := make([]Info, 0, len(names))
	for _, s := range names {
		i, err := c.Get(ctx, s)
		switch {
		case err == nil:
			out = append(out, i)
		case !dead(err):
			return nil, err
		}
	}
	slices.SortFunc(out, func(a, b Info) int { return a.Opened.Compare(b.Opened) })
	return out, nil
}

// dead tells a session that does not live, or is damaged and can never be refreshed, from one that cannot be
// asked.
func dead(err error) bool {
	return fault.KindOf(err) == fault.Unauthenticated || document.Damaged(KindName, err)
}

// Get describes a living session.
func (c *Client) Get(ctx context.Context, s id.Session) (Info, error) {
	return cluster.Ask[Info](ctx, c.node, KindName, string(s), get{})
}

func (c *Client) end(ctx context.Context, s id.Session, msg any) error {
	_, err := cluster.Ask[Info](ctx, c.node, KindName, string(s), msg)
	return err
}

// printable keeps what may safely be shown and logged of a text that a stranger wrote.
func printable(s string) string {
	s = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) || r == unicode.ReplacementChar {
			return -1
		}
		return r
	}, s)
	if r := []rune(s); len(r) > maxDevice {
		return string(r[:maxDevice])
	}
	return s
}
