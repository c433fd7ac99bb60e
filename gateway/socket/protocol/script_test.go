package protocol

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"

	"github.com/barrage-live/barrage/actors/actortest"
	"github.com/barrage-live/barrage/actors/live/room"
	"github.com/barrage-live/barrage/gateway/socket/frame"
	"github.com/barrage-live/barrage/internal/auth"
	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/id"
	"github.com/barrage-live/barrage/internal/position"
	"github.com/barrage-live/barrage/internal/rfc6455"
	"github.com/barrage-live/barrage/internal/wire"
	"github.com/barrage-live/barrage/internal/wire/wirepb"
)

// TestScripts tells the stories in testdata: what a client says and what comes of it.
//
//	open
//	say {"id":"1","ping":{}}             a client frame
//	verified ask=1 user=ann session=s1 for=15m     or err=<kind>/<code>
//	entered ask=1 room=42 head=1-5 [recovered] [more] [reason=too_old] [danmaku=2]
//	posted ask=1 at=1-6 [duplicate]
//	read ask=1 danmaku=2 [more]
//	expired | revoked err=… | evicted room=42 err=… | draining within=5s | drained | ending code=1002
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
	n, _ := strconv.ParseUint(a["ask"], 10, 64)
	r := id.Room(a["room"])
	switch d.Cmd {
	case "open":
		return Opened{}
	case "say":
		f, err := wire.Decode(wire.JSON, []byte(d.Input))
		return Received{f, len(d.Input), err}
	case "verified":
		life, _ := time.ParseDuration(a["for"])
		return Verified{Ask: n, Err: refusal(a["err"]), Who: auth.Identity{
			User: id.User(a["user"]), Name: a["user"], Session: id.Session(a["session"]), Roles: auth.NewRoles(), Expires: now.Add(life),
		}}
	case "entered":
		return Entered{Ask: n, Err: refusal(a["err"]), Entry: Entry{
			Rows: rows(a["danmaku"]), Recovered: a["recovered"] != "", More: a["more"] != "", Reason: a["reason"], Head: place(a["head"]),
			Info: room.Info{Room: r, Online: 1, MaxLength: 100},
		}}
	case "posted":
		return Posted{Ask: n, Position: place(a["at"]), Duplicate: a["duplicate"] != "", Err: refusal(a["err"])}
	case "read":
		return Read{Ask: n, Rows: rows(a["danmaku"]), More: a["more"] != "", Err: refusal(a["err"])}
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
	case "ending":
		code, _ := strconv.Atoi(a["code"])
		return Ending{code, "breach of the protocol"}
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

func rows(n string) frame.Rows {
	count, _ := strconv.Atoi(n)
	list := make([]room.Danmaku, count)
	for i := range list {
		list[i] = room.Danmaku{
			Position: position.Position{Epoch: 1, Offset: position.Offset(i + 1)}, Key: "k", User: "7", Name: "bob", Text: "hi",
			Mode: room.Top, Colour: 255, Size: room.Large, MediaTime: room.MediaUnknown, At: time.UnixMilli(5),
		}
	}
	return frame.RowsOf(list)
}

// tell prints effects, a line each.
func tell(effects []Effect) string {
	var b strings.Builder
	for _, e := range effects {
		switch e := e.(type) {
		case Send:
			fmt.Fprintf(&b, "send %s\n", text(e.Frame, e.Rows))
		case Verify:
			fmt.Fprintf(&b, "verify ask=%d token=%s\n", e.Ask, e.Token)
		case ExpireAt:
			fmt.Fprintf(&b, "expire at %s\n", e.At.Format("15:04:05"))
		case Enter:
			fmt.Fprintf(&b, "enter ask=%d room=%s since=%v resuming=%v history=%d\n", e.Ask, e.Room, e.Since, e.Resuming, e.History)
		case Release:
			fmt.Fprintf(&b, "release room=%s behind %v with %s\n", e.Room, e.Head, text(e.Frame, e.Rows))
		case Leave:
			fmt.Fprintf(&b, "leave room=%s with %s\n", e.Room, text(e.Frame, e.Rows))
		case Post:
			fmt.Fprintf(&b, "post ask=%d room=%s author=%s %+v\n", e.Ask, e.Room, e.Author.User, e.Draft)
		case ReadHistory:
			fmt.Fprintf(&b, "read ask=%d room=%s before=%v limit=%d\n", e.Ask, e.Room, e.Before, e.Limit)
		case Close:
			fmt.Fprintf(&b, "close %d %s\n", e.Code, e.Reason)
		}
	}
	if b.Len() == 0 {
		return "nothing"
	}
	return b.String()
}

// text is the payload of the frame as JSON.
func text(f *wirepb.ServerFrame, rows frame.Rows) string {
	if f == nil {
		return "nothing"
	}
	b := frame.Append(nil, wire.JSON, f, rows)
	return string(b[len(rfc6455.AppendHeader(nil, rfc6455.Text, true, len(b)-4)):])
}
