package channel

import (
	"context"
	"errors"

	"github.com/barrage-live/barrage/internal/id"
	"github.com/barrage-live/barrage/internal/position"
	"github.com/barrage-live/barrage/storage/table"
)

const (
	channels = "channel"          // partition: channel id; row "doc": document
	names    = "channel_name"     // partition: name; row "channel": channel id
	byOwner  = "channel_by_owner" // partition: user id; row "channel": channel id
	listing  = "channel_live"     // partition "all"; row: channel id, empty value, expires

	unfinished = "channel_unfinished" // partition "all"; row: id of a channel whose broadcast was begun, empty value

	all = "all" // the partition of lists
)

func docKey() []byte   { return []byte("doc") }
func claimKey() []byte { return []byte("channel") }

// store maps channels to rows.
type store struct {
	table *table.Store
	cfg   Config // filled
}

// load reads a document and its version; version 0 means that there is none.
func (s store) load(ctx context.Context, ch id.Channel) (document, uint64, error) {
	return s.documents().Load(ctx, string(ch))
}

// save writes the document over the version that was read and gives the new one.
func (s store) save(ctx context.Context, epoch position.Epoch, d document, version uint64) (uint64, error) {
	return s.documents().Save(ctx, epoch, string(d.ID), d, version, 0)
}

func (s store) documents() table.Document[document] {
	return table.Document[document]{Store: s.table, Table: channels, Key: docKey(), Name: "channel"}
}

// persist writes the document, and keeps the list of unfinished broadcasts a superset of the truth: a channel is on it before
// its broadcast begins and until after it is finished.
func (s store) persist(ctx context.Context, epoch position.Epoch, p persist, version uint64) (uint64, error) {
	if p.end == begins {
		if err := s.list(ctx, unfinished, table.Put([]byte(p.doc.ID), nil)); err != nil {
			return 0, err
		}
	}
	version, err := s.save(ctx, epoch, p.doc, version)
	if err == nil && p.end == finishes {
		err = s.list(ctx, unfinished, table.Delete([]byte(p.doc.ID)))
	}
	return version, err
}

// found claims owner and name, makes the room, writes the document and confirms the claims. A crash in between leaves claims
// that expire and a channel that nobody can find, or one that only its owner finds until mend has given it its name back.
func (s store) found(ctx context.Context, epoch position.Epoch, d document, rooms Rooms) (uint64, error) {
	if err := s.claim(ctx, byOwner, string(d.Owner), d.ID); err != nil {
		return 0, instead(err, ErrChannelExists)
	}
	if err := s.claim(ctx, names, d.Name, d.ID); err != nil {
		return 0, errors.Join(instead(err, ErrNameTaken), s.release(ctx, byOwner, string(d.Owner), d.ID))
	}
	if err := rooms.Create(ctx, d.Room, d.ID, d.Owner); err != nil {
		return 0, err
	}
	version, err := s.save(ctx, epoch, d, 0)
	if err != nil {
		return 0, err
	}
	if err := s.confirm(ctx, byOwner, string(d.Owner), d.ID); err != nil {
		return 0, instead(err, ErrChannelExists)
	}
	return version, instead(s.confirm(ctx, names, d.Name, d.ID), ErrNameTaken)
}

// mend claims the name of a channel that was lost between the two confirmations of found. A name that somebody else has by now stays
// theirs.
func (s store) mend(ctx context.Context, d document) error {
	_, err := s.ours(ctx, names, d.Name, d.ID)
	if !errors.Is(err, table.ErrNoRow) {
		return instead(err, nil)
	}
	op := table.PutIfAbsent(claimKey(), []byte(d.ID))
	return instead(s.table.Write(ctx, table.Batch{Table: names, Partition: d.Name, Ops: []table.Op{op}}), nil)
}

// claim takes a name for a while, on condition that nobody else has it.
func (s store) claim(ctx context.Context, tab, name string, ch id.Channel) error {
	op := table.Expiring(table.PutIfAbsent(claimKey(), []byte(ch)), s.cfg.ClaimTTL)
	return s.table.Write(ctx, table.Batch{Table: tab, Partition: name, Ops: []table.Op{op}})
}

// confirm makes a claim permanent, on condition that it is still ours.
func (s store) confirm(ctx context.Context, tab, name string, ch id.Channel) error {
	version, err := s.ours(ctx, tab, name, ch)
	if err != nil {
		return err
	}
	op := table.PutIfVersion(claimKey(), []byte(ch), version)
	return s.table.Write(ctx, table.Batch{Table: tab, Partition: name, Ops: []table.Op{op}})
}

// release gives a claim back, on condition that it is still ours.
func (s store) release(ctx context.Context, tab, name string, ch id.Channel) error {
	version, err := s.ours(ctx, tab, name, ch)
	if err != nil {
		return err
	}
	op := table.PutIfVersion(claimKey(), nil, version)
	op.Delete = true
	return s.table.Write(ctx, table.Batch{Table: tab, Partition: name, Ops: []table.Op{op}})
}

func (s store) ours(ctx context.Context, tab, name string, ch id.Channel) (uint64, error) {
	row, err := s.table.Get(ctx, tab, name, claimKey())
	if err == nil && string(row.Value) != string(ch) {
		err = table.ErrConflict
	}
	return row.Version, err
}

// instead gives a lost claim its name.
func instead(err, refusal error) error {
	if errors.Is(err, table.ErrConflict) || errors.Is(err, table.ErrNoRow) {
		return refusal
	}
	return err
}

// find gives the channel a claim names: ErrNoChannel if there is none.
func (s store) find(ctx context.Context, tab, name string) (id.Channel, error) {
	row, err := s.table.Get(ctx, tab, name, claimKey())
	return id.Channel(row.Value), instead(err, ErrNoChannel)
}

// show writes or removes the row by which a live channel is found.
func (s store) show(ctx context.Context, ch id.Channel, on bool) error {
	if !on {
		return s.list(ctx, listing, table.Delete([]byte(ch)))
	}
	return s.list(ctx, listing, table.Expiring(table.Put([]byte(ch), nil), s.cfg.ListingTTL))
}

func (s store) list(ctx context.Context, list string, op table.Op) error {
	return s.table.Write(ctx, table.Batch{Table: list, Partition: all, Ops: []table.Op{op}})
}

// listed names channels of a list, the newest channel first.
func (s store) listed(ctx context.Context, list string, limit int) ([]id.Channel, error) {
	rows, err := s.table.Scan(ctx, table.Range{Table: list, Partition: all, Reverse: true, Limit: limit})
	out := make([]id.Channel, 0, len(rows))
	for _, r := range rows {
		out = append(out, id.Channel(r.Key))
	}
	return out, err
}
