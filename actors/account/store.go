package account

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/barrage-live/barrage/actors/revocation"
	"github.com/barrage-live/barrage/internal/auth"
	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/id"
	"github.com/barrage-live/barrage/internal/position"
	"github.com/barrage-live/barrage/storage/table"
)

// The tables.
func accounts() table.Table { return table.Owned("account") }         // partition: user id; row "doc": document
func handles() table.Table  { return table.Shared("account_handle") } // partition: skeleton; row "owner": claim

func docKey() []byte   { return []byte("doc") }
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

// load reads the document of the account that exists and its version.
func (s store) load(ctx context.Context, user id.User) (document, table.Version, error) {
	return s.documents().Load(ctx, string(user))
}

// save writes the document over the version that was read and gives the new one.
func (s store) save(ctx context.Context, fence position.Fence, d document, version table.Version) (table.Version, error) {
	if version == 0 {
		if err := s.table.Fence(ctx, accounts(), string(d.User), fence); err != nil {
			return 0, err
		}
	}
	return s.documents().Save(ctx, fence, string(d.User), d, version, 0)
}

func (s store) documents() table.Document[document] {
	return table.Document[document]{Store: s.table, Table: accounts(), Key: docKey(), Name: "account"}
}

func (s store) claims() table.Claim {
	return table.Claim{Store: s.table, Table: handles(), Key: ownerKey(), TTL: s.ttl}
}

// change saves, and where rights have changed has every node refuse the tokens that carry the old ones.
func (s store) change(ctx context.Context, fence position.Fence, p persist, version table.Version) (table.Version, error) {
	version, err := s.save(ctx, fence, p.doc, version)
	if err != nil || !p.rights {
		return version, err
	}
	if err := s.revoker.Revoke(ctx, revocation.Notice{User: p.doc.User, Rights: p.doc.Rights}); err != nil {
		return 0, fault.Wrap(fault.Timeout, "outcome_unknown", "the account is changed, but not everybody knows it; change it again", err)
	}
	return version, nil
}

// create claims the handle, writes the document and confirms the claim.
func (s store) create(ctx context.Context, fence position.Fence, d document) (version table.Version, err error) {
	owner, err := json.Marshal(claim{d.User, d.Handle.Folded})
	if err != nil {
		return 0, fault.Wrap(fault.Internal, "account_unwritable", "a handle cannot be encoded", err)
	}
	err = s.claims().During(ctx, d.Handle.Skeleton, owner, func(ctx context.Context) (err error) {
		version, err = s.save(ctx, fence, d, 0)
		return err
	})
	if errors.Is(err, table.ErrClaimed) {
		return 0, ErrHandleTaken
	}
	return version, err
}

// owner finds the account of a handle: ErrNoAccount if nobody has exactly this one.
func (s store) owner(ctx context.Context, h auth.Handle) (id.User, error) {
	owner, err := s.claims().Owner(ctx, h.Skeleton)
	if errors.Is(err, table.ErrNoRow) {
		return "", ErrNoAccount
	}
	if err != nil {
		return "", err
	}
	var c claim
	if err := json.Unmarshal(owner, &c); err != nil {
		return "", fault.Wrap(fault.Internal, "account_unreadable", "a stored handle cannot be read", err)
	}
	if c.Folded != h.Folded {
		return "", ErrNoAccount
	}
	return c.User, nil
}
