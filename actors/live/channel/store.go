package channel

import (
	"context"
	"errors"
	"strings"

	"github.com/barrage-live/barrage/actors/document"
	"github.com/barrage-live/barrage/internal/id"
	"github.com/barrage-live/barrage/internal/text"
	"github.com/barrage-live/barrage/storage/table"
)

// The tables.
func channels() table.Table { return table.Owned("channel") }           // partition: channel id; row "doc": document
func names() table.Table    { return table.Shared("channel_name") }     // partition: skeleton of a name; row "channel": claim of named
func byOwner() table.Table  { return table.Shared("channel_by_owner") } // partition: user id; row "channel": claim of a channel id
func listing() table.Table  { return table.Plain("channel_live") }      // partition: listOf; row: channel id, value: listedRow, expires

func claimKey() []byte { return []byte("channel") }

// store maps channels to rows.
type store struct {
	table *table.Store
	cfg   Config // filled
	rooms Rooms  // nil in a client
}

// around makes what belongs to a new channel.
func (s store) around(ctx context.Context, w document.Write[stored], save func(context.Context) error) error {
	if w.First {
		return s.establish(ctx, w.Doc, save)
	}
	return save(ctx)
}

// establish claims owner and name, makes the room, writes the document and confirms the claims. A crash in
// between leaves claims that expire, and a channel that is found by its owner alone, or by nobody, until
// settle has given it its names: when somebody looks for it while the claims last, when its owner tries to
// make it again, or at the next start.
func (s store) establish(ctx context.Context, d stored, save func(context.Context) error) error {
	return table.DuringAll(ctx, s.held(d), func(ctx context.Context) error {
		if err := s.rooms.Create(ctx, d.Room, d.ID, d.Owner); err != nil {
			return err
		}
		return save(ctx)
	})
}

// held are the names of a channel.
func (s store) held(d stored) []table.Held {
	return []table.Held{
		{Claim: s.claim(byOwner()), Name: string(d.Owner), Owner: []byte(d.ID), Refusal: ErrChannelExists},
		{Claim: s.claim(names()), Name: text.Skeleton(d.Name), Owner: named(d), Refusal: ErrNameTaken},
	}
}

// settle confirms the claims of a channel whose creation was cut off, and takes them again if they have
// expired. What somebody else has by now stays theirs, and the channel has neither then, so that its owner
// can make another one.
func (s store) settle(ctx context.Context, d stored) error {
	return instead(table.KeepAll(ctx, s.held(d)), nil)
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

// named says which channel has a skeleton, and which of the names that look like it is the channel's.
func named(d stored) []byte { return []byte(string(d.ID) + " " + d.Name) }

// byName gives the channel of exactly this name, and whether the name is confirmed: ErrNoChannel if there
// is none, also if one has a name that looks like it.
func (s store) byName(ctx context.Context, name string) (ch id.Channel, confirmed bool, err error) {
	owner, confirmed, err := s.claim(names()).Look(ctx, text.Skeleton(name))
	if err != nil {
		return "", false, instead(err, ErrNoChannel)
	}
	first, of, _ := strings.Cut(string(owner), " ")
	if of != name {
		return "", false, ErrNoChannel
	}
	return id.Channel(first), confirmed, nil
}

// ownedBy gives the channel of an account, and whether that is confirmed: ErrNoChannel if there is none.
func (s store) ownedBy(ctx context.Context, owner id.User) (ch id.Channel, confirmed bool, err error) {
	claimed, confirmed, err := s.claim(byOwner()).Look(ctx, string(owner))
	return id.Channel(claimed), confirmed, instead(err, ErrNoChannel)
}

func (s store) list(ctx context.Context, list table.Table, partition string, op table.Op) error {
	_, err := s.table.Write(ctx, table.Batch{Table: list, Partition: partition, Ops: []table.Op{op}})
	return err
}
