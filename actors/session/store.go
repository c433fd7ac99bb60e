package session

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/id"
	"github.com/barrage-live/barrage/internal/position"
	"github.com/barrage-live/barrage/storage/table"
)

const (
	sessions = "session"         // partition: session id; row "doc": document
	byUser   = "session_by_user" // partition: user id; row: session id, empty value
)

func docKey() []byte { return []byte("doc") }

// store maps sessions to rows.
type store struct {
	table *table.Store
	age   time.Duration // of an index row
}

// load reads a document and its version; version 0 means that there is none.
func (s store) load(ctx context.Context, session id.Session) (document, uint64, error) {
	row, err := s.table.Get(ctx, sessions, string(session), docKey())
	if errors.Is(err, table.ErrNoRow) {
		return document{}, 0, nil
	}
	if err != nil {
		return document{}, 0, err
	}
	var d document
	if err := json.Unmarshal(row.Value, &d); err != nil {
		return document{}, 0, fault.Wrap(fault.Internal, "session_unreadable", "a stored session cannot be read", err)
	}
	return d, row.Version, nil
}

// save writes the document over the version that was read and gives the new one. A new session is listed first.
func (s store) save(ctx context.Context, epoch position.Epoch, p persist, version uint64) (uint64, error) {
	value, err := json.Marshal(p.doc)
	if err != nil {
		return 0, fault.Wrap(fault.Internal, "session_unwritable", "a session cannot be encoded", err)
	}
	op := table.PutIfVersion(docKey(), value, version)
	if p.first {
		if err := s.index(ctx, p.doc.User, table.Expiring(table.Put([]byte(p.doc.Session), nil), s.age)); err != nil {
			return 0, err
		}
		op = table.PutIfAbsent(docKey(), value)
	}
	partition := string(p.doc.Session)
	err = s.table.Write(ctx, table.Batch{
		Table: sessions, Partition: partition, Epoch: epoch, Ops: []table.Op{table.Expiring(op, p.ttl)},
	})
	if err != nil {
		return 0, err
	}
	if p.doc.Ended != "" {
		if err := s.index(ctx, p.doc.User, table.Delete([]byte(p.doc.Session))); err != nil {
			return 0, err
		}
	}
	row, err := s.table.Get(ctx, sessions, partition, docKey())
	return row.Version, err
}

func (s store) index(ctx context.Context, user id.User, op table.Op) error {
	return s.table.Write(ctx, table.Batch{Table: byUser, Partition: string(user), Ops: []table.Op{op}})
}

// list names the sessions of a user, at most limit; some of them may have ended.
func (s store) list(ctx context.Context, user id.User, limit int) ([]id.Session, error) {
	rows, err := s.table.Scan(ctx, table.Range{Table: byUser, Partition: string(user), Limit: limit})
	out := make([]id.Session, 0, len(rows))
	for _, r := range rows {
		out = append(out, id.Session(r.Key))
	}
	return out, err
}
