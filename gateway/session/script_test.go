package session

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"
	"pgregory.net/rapid"

	"github.com/barrage-live/barrage/actors/actortest"
	"github.com/barrage-live/barrage/actors/room"
	"github.com/barrage-live/barrage/internal/auth"
	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/id"
	"github.com/barrage-live/barrage/internal/position"
	"github.com/barrage-live/barrage/internal/wire"
	"github.com/barrage-live/barrage/internal/wire/wirepb"
)

// TestScripts tells the stories in testdata: what a client says and what comes of it.
//
//	open
//	say {"id":"1","ping":{}}             a client frame
//	verified id=1 user=ann session=s1 for=15m     or err=<kind>/<code>
//	entered id=1 room=42 head=1-5 [recovered] [more] [reason=too_old] [danmaku=2]
//	posted id=1 room=42 key=k at=1-6 [duplicate]
//	read id=1 room=42 danmaku=2 [more]
//	expired | revoked err=… | evicted room=42 err=… | draining within=5s | drained
func TestScripts(t *testing.T) {
	actortest.Scripts(t, "testdata", func() actortest.Core {
		s := New("c1", 25*time.Second)
		return func(now time.Time, d *datadriven.TestData) string {
			return tell(s.Apply(now, scripted(now, d), nil))
		}
	})
}

// arguments reads name=value pairs; a bare word is true.
func arguments(d *datadriven.TestData) map[string]string {
	args := map[string]string{}
	for _, a := range d.CmdArgs {
		args[a.Key] = "true"
		if len(a.Vals) > 0 {
			args[a.Key] = a.Vals[0]
		}
	}
	return args
}

func scripted(now time.Time, d *datadriven.TestData) Event {
	a := arguments(d)
	n, _ := strconv.ParseUint(a["id"], 10, 64)
	r := id.Room(a["room"])
	switch d.Cmd {
	case "open":
		return Opened{}
	case "say":
		f, err := wire.Decode(wire.JSON, []byte(d.Input))
		return Received{f, err}
	case "verified":
		life, _ := time.ParseDuration(a["for"])
		return Verified{ID: n, Err: refusal(a["err"]), Who: auth.Identity{
			User: id.User(a["user"]), Name: a["user"], Session: id.Session(a["session"]), Roles: auth.NewRoles(), Expires: now.Add(life),
		}}
	case "entered":
		return Entered{ID: n, Room: r, Err: refusal(a["err"]), Entry: Entry{
			Danmaku: rows(a["danmaku"]), Recovered: a["recovered"] != "", More: a["more"] != "", Reason: a["reason"], Head: place(a["head"]),
			Info: room.Info{Room: r, Online: 1, MaxLength: 100},
		}}
	case "posted":
		return Posted{ID: n, Room: r, Key: a["key"], Position: place(a["at"]), Duplicate: a["duplicate"] != "", Err: refusal(a["err"])}
	case "read":
		return Read{ID: n, Room: r, Danmaku: rows(a["danmaku"]), More: a["more"] != "", Err: refusal(a["err"])}
	case "expired":
		return Expired{}
	case "revoked":
		return Revoked{refusal(a["err"])}
	case "evicted":
		return Evicted{r, refusal(a["err"])}
	case "draining":
		within, _ := time.ParseDuration(a["within"])
		return Draining{within}
	case "drained":
		return Drained{}
	}
	panic("no such command: " + d.Cmd)
}

func place(s string) position.Position {
	p, err := position.Parse(s)
	if err != nil {
		return position.Position{}
	}
	return p
}

// refusal reads kind/code; nothing is no error.
func refusal(s string) error {
	kind, code, ok := strings.Cut(s, "/")
	if !ok {
		return nil
	}
	for k := fault.Internal; k <= fault.Unavailable; k++ {
		if k.String() == kind {
			return fault.New(k, code, "refused")
		}
	}
	panic("no such kind: " + kind)
}

func rows(n string) []room.Danmaku {
	count, _ := strconv.Atoi(n)
	list := make([]room.Danmaku, count)
	for i := range list {
		list[i] = room.Danmaku{
			Position: position.Position{Epoch: 1, Offset: position.Offset(i + 1)}, Key: "k", User: "7", Name: "bob", Text: "hi",
			Mode: room.Top, Colour: 255, Size: room.Large, MediaTime: room.MediaUnknown, At: time.UnixMilli(5),
		}
	}
	return list
}

// tell prints effects, a line each.
func tell(effects []Effect) string {
	var b strings.Builder
	for _, e := range effects {
		switch e := e.(type) {
		case Send:
			fmt.Fprintf(&b, "send %s\n", text(e.Frame))
		case Verify:
			fmt.Fprintf(&b, "verify id=%d token=%s\n", e.ID, e.Token)
		case ExpireAt:
			fmt.Fprintf(&b, "expire at %s\n", e.At.Format("15:04:05"))
		case Enter:
			fmt.Fprintf(&b, "enter id=%d room=%s since=%v resuming=%v history=%d\n", e.ID, e.Room, e.Since, e.Resuming, e.History)
		case Release:
			fmt.Fprintf(&b, "release room=%s behind %v with %s\n", e.Room, e.Head, text(e.Frame))
		case Leave:
			fmt.Fprintf(&b, "leave room=%s with %s\n", e.Room, text(e.Frame))
		case Post:
			fmt.Fprintf(&b, "post id=%d room=%s author=%s %+v\n", e.ID, e.Room, e.Author.User, e.Draft)
		case ReadHistory:
			fmt.Fprintf(&b, "read id=%d room=%s before=%v limit=%d\n", e.ID, e.Room, e.Before, e.Limit)
		case Close:
			fmt.Fprintf(&b, "close %d %s\n", e.Code, e.Reason)
		}
	}
	if b.Len() == 0 {
		return "nothing"
	}
	return b.String()
}

func text(f *wirepb.ServerFrame) string {
	if f == nil {
		return "nothing"
	}
	b, err := wire.Encode(wire.JSON, f)
	if err != nil {
		return err.Error()
	}
	return string(b)
}

// TestEveryRequestHasOneReply asks at random and answers what is asked: one reply for every id, and never a post of a guest.
func TestEveryRequestHasOneReply(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := New("c1", time.Second)
		now := time.Unix(1_800_000_000, 0)
		for n := uint64(1); n <= 40; n++ {
			f := request(t, n)
			replies := 0
			for events := []Event{Received{Frame: f}}; len(events) > 0; events = events[1:] {
				for _, e := range s.Apply(now, events[0], nil) {
					answer, replied := follow(t, s, e, n)
					replies += replied
					if answer != nil {
						events = append(events, answer)
					}
				}
			}
			if replies != 1 {
				t.Fatalf("%d replies to %v", replies, f)
			}
			if len(s.rooms) > wire.MaxRooms {
				t.Fatalf("in %d rooms", len(s.rooms))
			}
		}
	})
}

func request(t *rapid.T, n uint64) *wirepb.ClientFrame {
	r := rapid.SampledFrom([]string{"", "x", "0", "1", "2", "3", "99"}).Draw(t, "room")
	if rapid.Bool().Draw(t, "many") {
		r = strconv.Itoa(rapid.IntRange(1, 40).Draw(t, "number"))
	}
	f := &wirepb.ClientFrame{Id: n}
	switch rapid.IntRange(0, 6).Draw(t, "kind") {
	case 0:
		f.Body = &wirepb.ClientFrame_Auth{Auth: &wirepb.Auth{Token: rapid.SampledFrom([]string{"ann", "bob", "bad"}).Draw(t, "token")}}
	case 1:
		f.Body = &wirepb.ClientFrame_Join{Join: &wirepb.Join{Room: r, History: rapid.Uint32Range(0, 300).Draw(t, "history")}}
	case 2:
		f.Body = &wirepb.ClientFrame_Leave{Leave: &wirepb.Leave{Room: r}}
	case 3:
		f.Body = &wirepb.ClientFrame_Post{Post: &wirepb.Post{Room: r, Key: "k", Mode: wirepb.Mode(rapid.Int32Range(-1, 300).Draw(t, "mode"))}}
	case 4:
		f.Body = &wirepb.ClientFrame_Ping{Ping: &wirepb.Ping{}}
	case 5:
		f.Body = &wirepb.ClientFrame_History{History: &wirepb.History{Room: r, Limit: rapid.Uint32().Draw(t, "limit")}}
	}
	return f
}

// follow answers an effect as a shell would.
func follow(t *rapid.T, s *State, e Effect, n uint64) (Event, int) {
	err := error(nil)
	if rapid.Bool().Draw(t, "fails") {
		err = fault.New(fault.Timeout, "late", "too late")
	}
	count := func(f *wirepb.ServerFrame) int {
		if f.GetId() == n {
			return 1
		}
		return 0
	}
	switch e := e.(type) {
	case Verify:
		return Verified{ID: e.ID, Who: auth.Identity{User: id.User(e.Token), Expires: time.Unix(1_900_000_000, 0)}, Err: err}, 0
	case Enter:
		return Entered{ID: e.ID, Room: e.Room, Err: err}, 0
	case Post:
		if s.who.User == "" || e.Author.User != s.who.User {
			t.Fatal("a guest posts")
		}
		return Posted{ID: e.ID, Room: e.Room, Err: err}, 0
	case ReadHistory:
		if e.Limit < 1 || e.Limit > wire.MaxHistory {
			t.Fatalf("a page of %d", e.Limit)
		}
		return Read{ID: e.ID, Room: e.Room, Err: err}, 0
	case Send:
		return nil, count(e.Frame)
	case Release:
		return nil, count(e.Frame)
	case Leave:
		return nil, count(e.Frame)
	}
	return nil, 0
}
