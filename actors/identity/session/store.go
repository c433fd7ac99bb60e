package session

import (
	"context"

	"github.com/barrage-live/barrage/actors/document"
	"github.com/barrage-live/barrage/actors/identity/revocation"
	"github.com/barrage-live/barrage/internal/id"
	"github.com/barrage-live/barrage/storage/table"
)

// The tables.
func sessions() table.Table { return table.Owned("session") }         // partition: session id; row "doc": document
func byUser() table.Table   { return table.Plain("session_by_user") } // partition: user id; row: session id, empty value, expires

// store writes what belongs beside a session.
type store struct {
	table   *table.Store
	revoker revocation.Revoker // nil in a client
}

// around lists a session before it is there, and settles one that has ended.
func (s store) around(ctx context.Context, w document.Write[stored], save func(context.Context) error) error {
	if l, ok := w.Note.(listed); ok {
		if err := s.index(ctx, w.Doc.User, table.Expiring(table.Put([]byte(w.Doc.Session), nil), l.ttl)); err != nil {
			return err
		}
	}
	if err := save(ctx); err != nil {
		return err
	}
	return s.settle(ctx, w.Doc)
}

// settle has every node refuse the tokens of a session that has ended, and takes it out of the list.
func (s store) settle(ctx context.Context, d stored) error {
	if d.Ended == "" {
		return nil
	}
	if err := s.revoker.Revoke(ctx, revocation.Notice{Login: d.Session}); err != nil {
		return err
	}
	return s.index(ctx, d.User, table.Delete([]byte(d.Session)))
}

func (s store) index(ctx context.Context, user id.User, op table.Op) error {
	_, err := s.table.Write(ctx, table.Batch{Table: byUser(), Partition: string(user), Ops: []table.Op{op}})
	return err
}

// known reports whether there is a session, or was one not long ago, without an actor: anybody can make up
// names, and each would wake one and claim a shard for it. When the storage cannot tell, the actor has to.
func (s store) known(ctx context.Context, name id.Session) bool {
	exists, err := document.Exists(ctx, s.table, sessions(), string(name))
	return exists || err != nil
}

// list names the sessions of a user, page by page until there are at least limit; some of them may have
// ended.
func (s store) list(ctx context.Context, user id.User, limit int) ([]id.Session, error) {
	var out []id.Session
	add := func(key []byte) { out = append(out, id.Session(key)) }
	// A damaged row names its session all the same: it must not escape those who end all.
	r := table.Range{Table: byUser(), Partition: string(user), Limit: min(limit, table.MaxLimit), Damaged: add}
	for rows, err := range s.table.Pages(ctx, r) {
		if err != nil {
			return nil, err
		}
		for _, row := range rows {
			add(row.Key)
		}
		if len(out) >= limit {
			break
		}
	}
	return out, nil
}
