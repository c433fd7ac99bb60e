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
	shut    func(ctx context.Context, s ShutOut) error
	ttl     time.Duration // of an unconfirmed claim
}

func (s store) claims() table.Claim {
	return table.Claim{Store: s.table, Table: handles(), Key: ownerKey(), TTL: s.ttl}
}

// around claims the handle of a new account, and has every node refuse the tokens that carry rights which
// were changed. An account that is let in has nothing left of the time before it was shut out: if what was
// to be ended then is not, it is not let in.
func (s store) around(ctx context.Context, w document.Write[stored], save func(context.Context) error) error {
	if w.First {
		names, err := s.names(w.Doc)
		if err == nil {
			err = table.DuringAll(ctx, names, save)
		}
		return err
	}
	note, changed := w.Note.(rightsChanged)
	if note.letIn {
		if err := s.end(ctx, w.Doc); err != nil {
			return err
		}
	}
	if err := save(ctx); err != nil || !changed {
		return err
	}
	return s.enforce(ctx, w.Doc)
}

// names are what an account has to have, sorted, so that of many who want the same ones the first to come
// gets them.
func (s store) names(d stored) ([]table.Held, error) {
	owner, err := json.Marshal(claim{d.User, d.Handle.Folded})
	if err != nil {
		return nil, fault.Wrap(fault.Internal, "account_unwritable", "a handle cannot be encoded", err)
	}
	var names []table.Held
	for _, skeleton := range d.Handle.Skeletons() {
		if skeleton != "" { // one that was stored before there were likenesses has none
			names = append(names, table.Held{Claim: s.claims(), Name: skeleton, Owner: owner, Refusal: ErrHandleTaken})
		}
	}
	return names, nil
}

// settle repeats what may have been cut off of a change of an account's rights, and gives an account whose
// creation was cut off its names. Neither waits for the other.
func (s store) settle(ctx context.Context, d stored) error {
	return errors.Join(s.enforce(ctx, d), s.keepNames(ctx, d))
}

// enforce makes the rights of an account known and ends what it may not have any more.
func (s store) enforce(ctx context.Context, d stored) error {
	if d.Rights == 0 {
		return nil
	}
	err := s.revoker.Revoke(ctx, revocation.Notice{User: d.User, Rights: d.Rights})
	if d.Disabled {
		err = errors.Join(err, s.end(ctx, d))
	}
	return err
}

// end ends what an account had before it got these versions.
func (s store) end(ctx context.Context, d stored) error {
	if s.shut == nil {
		return nil
	}
	return s.shut(ctx, ShutOut{d.User, d.Logins, d.Rights})
}

// keepNames makes good all names of an account, or none if somebody else has one of them by now.
func (s store) keepNames(ctx context.Context, d stored) error {
	names, err := s.names(d)
	if err == nil {
		err = table.KeepAll(ctx, names)
	}
	if errors.Is(err, table.ErrClaimed) {
		return nil
	}
	return err
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
