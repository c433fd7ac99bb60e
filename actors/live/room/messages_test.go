package room

import (
	"path/filepath"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/barrage-live/barrage/actors/actortest"
	"github.com/barrage-live/barrage/internal/id"
	"github.com/barrage-live/barrage/internal/position"
)

// samples are one of every message with every field filled.
func samples() []any {
	at := time.Date(2026, 11, 27, 12, 0, 0, 1_000_000, time.UTC)
	slow, length, place := 3*time.Second, 42, position.Position{Epoch: 7, Offset: 9}
	by := position.Fence{Epoch: 7, Activation: 2}
	d := Danmaku{
		Position: place, Key: "k", User: "u1", Name: "Ann", Text: "弹幕", Mode: Top, Colour: 0xabcdef, Size: Large,
		MediaTime: 1500 * time.Millisecond, At: at, Broadcast: "b1",
	}
	info := Info{
		Room: "r1", Epoch: 7, Version: 5, Online: 3, SlowMode: slow, MaxLength: length, Live: true, Broadcast: "b1", BroadcastStart: at,
	}
	return []any{
		createRoom{"c1", "u1"},
		post{Author{"u1", "Ann", []string{"admin"}}, Draft{"k", "\xff is not UTF-8", Bottom, 0xabcdef, Small, MediaUnknown}},
		attach{"n1", 4},
		detach{"n1", 4},
		report{"n1", 4, 11},
		resume{place},
		history{place, 50},
		configure{&slow, &length},
		mute{"u2", at.AddDate(5000, 0, 0), "u1"},
		unmute{"u2"},
		mutes{},
		setLive{by, "b1", at},
		setOffline{by},
		getCard{},
		getInfo{},
		settle{"b1"},
		posted{place, true},
		Attached{info, 6, place},
		Recovery{[]Danmaku{d}, true, true, TooOld, place, place},
		page{[]Danmaku{d}, true},
		Card{"r1", "c1", "u1", Settings{slow, length}, at},
		info,
		[]Mute{{"u2", at, "u1", at}},
	}
}

func kindMessages() actortest.Messages {
	return actortest.Messages{Kind: Kind(Deps{}), Samples: samples(), Golden: filepath.Join("roompb", "testdata", "messages.txt")}
}

func TestMessages(t *testing.T) { kindMessages().Hold(t) }

func FuzzMessages(f *testing.F) { kindMessages().Fuzz(f) }

func TestDrawnMessagesArriveAsTheyWereSent(t *testing.T) {
	c := kindMessages().Codec(t)
	rapid.Check(t, func(r *rapid.T) {
		word := func(name string) string { return rapid.String().Draw(r, name) }
		span := func(name string) time.Duration { return time.Duration(rapid.Int64().Draw(r, name)) }
		place := position.Position{
			Epoch: position.Epoch(rapid.Uint64().Draw(r, "epoch")), Offset: position.Offset(rapid.Uint64Min(1).Draw(r, "offset")),
		}
		at := time.UnixMilli(rapid.Int64Range(1, 1<<45).Draw(r, "at")).UTC()
		d := Danmaku{
			Position: place, Key: word("key"), User: id.User(word("user")), Name: word("name"), Text: word("text"),
			Mode: Mode(rapid.IntRange(1, int(Bottom)).Draw(r, "mode")), Size: Size(rapid.IntRange(1, int(Large)).Draw(r, "size")),
			Colour: rapid.Uint32().Draw(r, "colour"), MediaTime: time.Duration(rapid.Int64Range(0, 1<<40).Draw(r, "media")) * time.Millisecond,
			At: at, Broadcast: id.Broadcast(word("broadcast")),
		}
		draft := Draft{
			Key: string(rapid.SliceOf(rapid.Byte()).Draw(r, "bytes")), Text: d.Text, Mode: Mode(rapid.Byte().Draw(r, "any mode")),
			Colour: d.Colour, Size: Size(rapid.Byte().Draw(r, "any size")), MediaTime: span("any media"),
		}
		info := Info{
			Room: id.Room(word("room")), Epoch: place.Epoch, Version: rapid.Uint64().Draw(r, "version"), Online: rapid.Int().Draw(r, "online"),
			SlowMode: span("slow"), MaxLength: rapid.Int().Draw(r, "length"), Live: rapid.Bool().Draw(r, "live"),
		}
		slow, by := info.SlowMode, position.Fence{Epoch: place.Epoch, Activation: info.Version}
		for _, v := range []any{
			createRoom{id.Channel(d.Name), d.User},
			post{Author{d.User, draft.Key, nil}, draft},
			attach{id.Node(d.Name), info.Version},
			detach{id.Node(d.Name), info.Version},
			report{id.Node(d.Name), info.Version, info.Online},
			resume{place},
			history{place, info.Online},
			configure{SlowMode: &slow},
			configure{MaxLength: &info.MaxLength},
			configure{},
			mute{d.User, at, d.User},
			unmute{d.User},
			setLive{by, d.Broadcast, at},
			setLive{By: by},
			setOffline{by},
			posted{place, info.Live},
			Attached{info, info.Version, place},
			Recovery{[]Danmaku{d, d}, info.Live, true, d.Name, place, place},
			Recovery{},
			page{[]Danmaku{d}, info.Live},
			page{},
			Card{info.Room, "c", d.User, Settings{slow, info.MaxLength}, at},
			info,
			[]Mute{{d.User, at, d.User, at}, {}},
			[]Mute{},
		} {
			actortest.WantSame(r, c, v)
		}
	})
}
