package account

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/barrage-live/barrage/actors/document"
	"github.com/barrage-live/barrage/actors/identity/revocation"
	"github.com/barrage-live/barrage/internal/auth"
	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/id"
	"github.com/barrage-live/barrage/storage/table"
)

// The tables.
func accounts() table.Table { return table.Owned("account") }         // partition: user id; row "doc": document
func handles() table.Table  { return table.Shared("account_handle") } // partition: skeleton; row "owner": claim; an account has one or two

func ownerKey() []byte { return []byte("owner") }

// claim says whose a handle is.
type claim struct {
	User   id.User `json:"user"`
	Folded string  `json:"folded"`
}

// store maps accounts to rows.
type store struct {
	table   *table.Store
	revoker revocation.Revoker
	ttl     time.Duration // of an unconfirmed claim
}

func (s store) claims() table.Claim {
	return table.Claim{Store: s.table, Table: handles(), Key: ownerKey(), TTL: s.ttl}
}

// around claims the handle of a new account, and has every node refuse the tokens that carry rights which
// were changed.
func (s store) around(ctx context.Context, w document.Write[stored], save func(context.Context) error) error {
	if w.First {
		owner, err := ownerOf(w.Doc)
		if err == nil {
			err = s.during(ctx, w.Doc.Handle.Skeletons(), owner, save)
		}
		if errors.Is(err, table.ErrClaimed) {
			return ErrHandleTaken
		}
		return err
	}
	if err := save(ctx); err != nil || w.Note == nil {
		return err
	}
	return s.revoke(ctx, w.Doc)
}

// during claims all names while it does the work. They are sorted, so that of many who want the same ones
// the first to come gets them.
func (s store) during(ctx context.Context, names []string, owner []byte, work func(context.Context) error) error {
	if len(names) == 0 {
		return work(ctx)
	}
	return s.claims().During(ctx, names[0], owner, func(ctx context.Context) error {
		return s.during(ctx, names[1:], owner, work)
	})
}

// settle gives an account whose creation was cut off its handle, unless somebody else has it by now, and
// repeats what may have been cut off of a change of its rights.
func (s store) settle(ctx context.Context, d stored) error {
	owner, err := ownerOf(d)
	if err != nil {
		return err
	}
	for _, name := range d.Handle.Skeletons() {
		if err := s.claims().Keep(ctx, name, owner); err != nil && !errors.Is(err, table.ErrClaimed) {
			return err
		}
	}
	if d.Rights == 0 {
		return nil
	}
	return s.revoke(ctx, d)
}

func (s store) revoke(ctx context.Context, d stored) error {
	return s.revoker.Revoke(ctx, revocation.Notice{User: d.User, Rights: d.Rights})
}

func ownerOf(d stored) ([]byte, error) {
	owner, err := json.Marshal(claim{d.User, d.Handle.Folded})
	if err != nil {
		return nil, fault.Wrap(fault.Internal, "account_unwritable", "a handle cannot be encoded", err)
	}
	return owner, nil
}

// owner finds the account of a handle, and whether the handle is confirmed: ErrNoAccount if nobody has
// exactly this one.
func (s store) owner(ctx context.Context, h auth.Handle) (user id.User, confirmed bool, err error) {
	owner, confirmed, err := s.claims().Look(ctx, h.Skeleton)
	if errors.Is(err, table.ErrNoRow) {
		return "", false, ErrNoAccount
	}
	if err != nil {
		return "", false, err
	}
	var c claim
	if err := json.Unmarshal(owner, &c); err != nil {
		return "", false, fault.Wrap(fault.Internal, "account_unreadable", "a stored handle cannot be read", err)
	}
	if c.Folded != h.Folded {
		return "", false, ErrNoAccount
	}
	return c.User, confirmed, nil
}
