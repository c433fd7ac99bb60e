package session

import (
	"context"
	"time"

	"github.com/barrage-live/barrage/actors/revocation"
	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/id"
	"github.com/barrage-live/barrage/internal/position"
	"github.com/barrage-live/barrage/storage/table"
)

// The tables.
func sessions() table.Table { return table.Owned("session") }         // partition: session id; row "doc": document
func byUser() table.Table   { return table.Plain("session_by_user") } // partition: user id; row: session id, empty value

func docKey() []byte { return []byte("doc") }

// store maps sessions to rows.
type store struct {
	table   *table.Store
	revoker revocation.Revoker
	age     time.Duration // of an index row
}

// load reads the document of the session that exists and its version.
func (s store) load(ctx context.Context, session id.Session) (document, table.Version, error) {
	return s.documents().Load(ctx, string(session))
}

// save writes the document over the version that was read and gives the new one. A new session is listed first.
func (s store) save(ctx context.Context, fence position.Fence, p persist, version table.Version) (table.Version, error) {
	if p.first {
		if err := s.index(ctx, p.doc.User, table.Expiring(table.Put([]byte(p.doc.Session), nil), s.age)); err != nil {
			return 0, err
		}
	}
	if version == 0 {
		if err := s.table.Fence(ctx, sessions(), string(p.doc.Session), fence); err != nil {
			return 0, err
		}
	}
	version, err := s.documents().Save(ctx, fence, string(p.doc.Session), p.doc, version, p.ttl)
	if err != nil {
		return 0, err
	}
	if p.doc.Ended != "" {
		if err := s.end(ctx, p.doc); err != nil {
			return 0, fault.Wrap(fault.Timeout, "outcome_unknown", "the session is ended, but not everybody knows it; end it again", err)
		}
	}
	return version, nil
}

// end has every node refuse the tokens of an ended session, and takes it out of the list.
func (s store) end(ctx context.Context, d document) error {
	if err := s.revoker.Revoke(ctx, revocation.Notice{Login: d.Session}); err != nil {
		return err
	}
	return s.index(ctx, d.User, table.Delete([]byte(d.Session)))
}

func (s store) documents() table.Document[document] {
	return table.Document[document]{Store: s.table, Table: sessions(), Key: docKey(), Name: "session"}
}

func (s store) index(ctx context.Context, user id.User, op table.Op) error {
	_, err := s.table.Write(ctx, table.Batch{Table: byUser(), Partition: string(user), Ops: []table.Op{op}})
	return err
}

// list names the sessions of a user, at most limit; some of them may have ended.
func (s store) list(ctx context.Context, user id.User, limit int) ([]id.Session, error) {
	rows, _, err := s.table.Scan(ctx, table.Range{Table: byUser(), Partition: string(user), Limit: limit})
	out := make([]id.Session, 0, len(rows))
	for _, r := range rows {
		out = append(out, id.Session(r.Key))
	}
	return out, err
}
