package channel

import (
	"context"
	"errors"

	"github.com/barrage-live/barrage/actors/document"
	"github.com/barrage-live/barrage/internal/id"
	"github.com/barrage-live/barrage/storage/table"
)

// The tables.
func channels() table.Table { return table.Owned("channel") }           // partition: channel id; row "doc": document
func names() table.Table    { return table.Shared("channel_name") }     // partition: name; row "channel": claim of a channel id
func byOwner() table.Table  { return table.Shared("channel_by_owner") } // partition: user id; row "channel": claim of a channel id
func listing() table.Table  { return table.Plain("channel_live") }      // partition: listOf; row: channel id, value: listedRow, expires

// unfinished has a partition "all"; row: id of a channel whose broadcast was begun, empty value.
func unfinished() table.Table { return table.Plain("channel_unfinished") }

const all = "all" // the partition of lists

func claimKey() []byte { return []byte("channel") }

// store maps channels to rows.
type store struct {
	table *table.Store
	cfg   Config // filled
	rooms Rooms  // nil in a client
}

// around makes what belongs to a new channel, and keeps the list of unfinished broadcasts a superset of the truth: a channel is on it
// before its broadcast begins and until after it is finished.
func (s store) around(ctx context.Context, w document.Write[stored], save func(context.Context) error) error {
	switch {
	case w.First:
		return s.found(ctx, w.Doc, save)
	case w.Note == begins:
		if err := s.list(ctx, unfinished(), all, table.Put([]byte(w.Doc.ID), nil)); err != nil {
			return err
		}
		return save(ctx)
	}
	err := save(ctx)
	if err == nil && w.Note == finishes {
		err = s.list(ctx, unfinished(), all, table.Delete([]byte(w.Doc.ID)))
	}
	return err
}

// found claims owner and name, makes the room, writes the document and confirms the claims. A crash in between leaves claims
// that expire and a channel that nobody can find, or one that only its owner finds until mend has given it its name back.
func (s store) found(ctx context.Context, d stored, save func(context.Context) error) error {
	ours := []byte(d.ID)
	err := s.claim(byOwner()).During(ctx, string(d.Owner), ours, func(ctx context.Context) error {
		err := s.claim(names()).During(ctx, d.Name, ours, func(ctx context.Context) error {
			if err := s.rooms.Create(ctx, d.Room, d.ID, d.Owner); err != nil {
				return err
			}
			return save(ctx)
		})
		return instead(err, ErrNameTaken)
	})
	return instead(err, ErrChannelExists)
}

// mend confirms the claims of a channel that a crash has kept found from confirming, and takes them again if they have expired. What
// somebody else has by now stays theirs.
func (s store) mend(ctx context.Context, d stored) error {
	for _, c := range []struct {
		of   table.Table
		name string
	}{{names(), d.Name}, {byOwner(), string(d.Owner)}} {
		claim, ours := s.claim(c.of), []byte(d.ID)
		err := claim.Confirm(ctx, c.name, ours)
		if errors.Is(err, table.ErrClaimed) {
			err = claim.During(ctx, c.name, ours, func(context.Context) error { return nil })
		}
		if err := instead(err, nil); err != nil {
			return err
		}
	}
	return nil
}

func (s store) claim(t table.Table) table.Claim {
	return table.Claim{Store: s.table, Table: t, Key: claimKey(), TTL: s.cfg.ClaimTTL}
}

// instead gives a lost claim its name.
func instead(err, refusal error) error {
	if errors.Is(err, table.ErrClaimed) || errors.Is(err, table.ErrNoRow) {
		return refusal
	}
	return err
}

// find gives the channel a claim names: ErrNoChannel if there is none.
func (s store) find(ctx context.Context, t table.Table, name string) (id.Channel, error) {
	owner, err := s.claim(t).Owner(ctx, name)
	return id.Channel(owner), instead(err, ErrNoChannel)
}

func (s store) list(ctx context.Context, list table.Table, partition string, op table.Op) error {
	_, err := s.table.Write(ctx, table.Batch{Table: list, Partition: partition, Ops: []table.Op{op}})
	return err
}

// unfinished names channels whose broadcast was begun and not finished, at most limit.
func (s store) unfinished(ctx context.Context, limit int) ([]id.Channel, error) {
	rows, _, err := s.table.Scan(ctx, table.Range{Table: unfinished(), Partition: all, Limit: limit})
	out := make([]id.Channel, 0, len(rows))
	for _, r := range rows {
		out = append(out, id.Channel(r.Key))
	}
	return out, err
}
