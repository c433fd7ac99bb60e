package account

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/barrage-live/barrage/internal/auth"
	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/id"
	"github.com/barrage-live/barrage/internal/position"
	"github.com/barrage-live/barrage/storage/table"
)

const (
	accounts = "account"        // partition: user id; row "doc": document
	handles  = "account_handle" // partition: skeleton; row "owner": claim
)

func docKey() []byte   { return []byte("doc") }
func ownerKey() []byte { return []byte("owner") }

// claim says whose a handle is.
type claim struct {
	User   id.User `json:"user"`
	Folded string  `json:"folded"`
}

// store maps accounts to rows.
type store struct {
	table *table.Store
	ttl   time.Duration // of an unconfirmed claim
}

// load reads a document and its version; version 0 means that there is none.
func (s store) load(ctx context.Context, user id.User) (document, uint64, error) {
	return s.documents().Load(ctx, string(user))
}

// save writes the document over the version that was read and gives the new one.
func (s store) save(ctx context.Context, epoch position.Epoch, d document, version uint64) (uint64, error) {
	return s.documents().Save(ctx, epoch, string(d.User), d, version, 0)
}

func (s store) documents() table.Document[document] {
	return table.Document[document]{Store: s.table, Table: accounts, Key: docKey(), Name: "account"}
}

// create claims the handle, writes the document and confirms the claim.
func (s store) create(ctx context.Context, epoch position.Epoch, d document) (uint64, error) {
	value, err := json.Marshal(claim{d.User, d.Handle.Folded})
	if err != nil {
		return 0, fault.Wrap(fault.Internal, "account_unwritable", "a handle cannot be encoded", err)
	}
	write := func(op table.Op) error {
		return s.table.Write(ctx, table.Batch{Table: handles, Partition: d.Handle.Skeleton, Ops: []table.Op{op}})
	}
	if err := write(table.Expiring(table.PutIfAbsent(ownerKey(), value), s.ttl)); err != nil {
		return 0, taken(err)
	}
	version, err := s.save(ctx, epoch, d, 0)
	if err != nil {
		return 0, err
	}
	row, err := s.table.Get(ctx, handles, d.Handle.Skeleton, ownerKey())
	if err != nil {
		return 0, err
	}
	if string(row.Value) != string(value) {
		return 0, ErrHandleTaken
	}
	return version, taken(write(table.PutIfVersion(ownerKey(), value, row.Version)))
}

func taken(err error) error {
	if errors.Is(err, table.ErrConflict) {
		return ErrHandleTaken
	}
	return err
}

// owner finds the account of a handle: ErrNoAccount if nobody has exactly this one.
func (s store) owner(ctx context.Context, h auth.Handle) (id.User, error) {
	row, err := s.table.Get(ctx, handles, h.Skeleton, ownerKey())
	if errors.Is(err, table.ErrNoRow) {
		return "", ErrNoAccount
	}
	if err != nil {
		return "", err
	}
	var c claim
	if err := json.Unmarshal(row.Value, &c); err != nil {
		return "", fault.Wrap(fault.Internal, "account_unreadable", "a stored handle cannot be read", err)
	}
	if c.Folded != h.Folded {
		return "", ErrNoAccount
	}
	return c.User, nil
}
