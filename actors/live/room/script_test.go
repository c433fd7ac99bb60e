package room

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"

	"github.com/barrage-live/barrage/actors/actortest"
	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/id"
	"github.com/barrage-live/barrage/internal/position"
)

// TestScripts replays the stories in testdata/script. Every command that is asked gets the next number;
// what is told to number n reads "n: answer".
func TestScripts(t *testing.T) {
	actortest.Scripts(t, "testdata/script", func() actortest.Core {
		w := newWorld(Config{RingRows: 8, MaxPending: 6, WindowKeys: 6, Window: time.Minute}, 3)
		return func(now time.Time, d *datadriven.TestData) string {
			s := script{w, now, d, t}
			out := show(s.run())
			if out == "" {
				return "nothing"
			}
			return out
		}
	})
}

type script struct {
	*world
	now time.Time
	d   *datadriven.TestData
	t   *testing.T
}

func (s script) run() []effect {
	switch s.d.Cmd {
	case "appended":
		err := failure(s.word("err", ""))
		return s.appended(s.now, err, err == nil || s.d.HasArg("landed"))
	case "saved":
		return s.saved(s.now, failure(s.word("err", "")))
	case "found":
		return s.found(s.now, failure(s.word("err", "")))
	case "tick", "closing":
		return s.tell(s.now, 0, map[string]any{"tick": tick{}, "closing": closing{}}[s.d.Cmd])
	case "detach":
		return s.tell(s.now, 0, detach{id.Node(s.word("node", "n1")), s.attachment()})
	case "retry":
		return s.retry(s.now)
	case "land": // what an append of unknown outcome left on its way
		s.land(s.limbo)
		return nil
	case "restart":
		s.restart(s.now, position.Epoch(s.number("epoch", 4)))
		return nil
	case "expire": // the rows up to an offset
		for len(s.log) > 0 && int(s.log[0].Position.Offset) <= s.number("to", 0) {
			s.log = s.log[1:]
		}
		return nil
	case "fill": // one durable danmaku after the other, without their effects
		for i := range max(s.number("rows", 0), s.number("to", 0)-int(s.head.Offset)) {
			s.ask(s.now, post{Author{id.User(fmt.Sprint("filler", i)), "Nine", nil}, Draft{Key: fmt.Sprintf("fill-%d-%d", s.epoch, i), Text: "x"}})
			s.appended(s.now, nil, true)
		}
		return nil
	}
	return s.ask(s.now, s.command())
}

func (s script) command() any {
	switch s.d.Cmd {
	case "create":
		return createRoom{id.Channel(s.word("channel", "c1")), id.User(s.word("owner", "u1"))}
	case "post":
		a := Author{id.User(s.word("user", "u2")), "Nick", strings.Fields(s.word("roles", ""))}
		media, _ := time.ParseDuration(s.word("media", "-1ns"))
		return post{a, Draft{
			Key: s.word("key", "k"), Text: s.word("text", "hello"), MediaTime: media, Mode: Mode(s.number("mode", 0)),
			Colour: uint32(s.number("colour", 0)), Size: Size(s.number("size", 0)),
		}}
	case "attach":
		return attach{id.Node(s.word("node", "n1")), s.attachment()}
	case "report":
		return report{id.Node(s.word("node", "n1")), s.attachment(), s.number("viewers", 1)}
	case "resume":
		return resume{s.position("since")}
	case "history":
		return history{s.position("before"), s.number("limit", 3)}
	case "configure":
		slow, _ := time.ParseDuration(s.word("slow", "0s"))
		length := s.number("length", DefaultLength)
		return configure{&slow, &length}
	case "mute":
		span, _ := time.ParseDuration(s.word("for", "1m"))
		return mute{id.User(s.word("user", "u2")), s.now.Add(span), "u1"}
	case "unmute":
		return unmute{id.User(s.word("user", "u2"))}
	case "mutes":
		return mutes{}
	case "live":
		ago, _ := time.ParseDuration(s.word("ago", "0s"))
		return setLive{position.Fence{Epoch: 1, Activation: uint64(s.number("by", 1))}, "b1", s.now.Add(-ago)}
	case "offline":
		return setOffline{position.Fence{Epoch: 1, Activation: uint64(s.number("by", 1))}}
	case "about":
		return getCard{}
	case "look":
		return getInfo{}
	}
	s.d.Fatalf(s.t, "no such command")
	return nil
}

func (s script) word(key, otherwise string) string {
	v := otherwise
	s.d.MaybeScanArgs(s.t, key, &v)
	return strings.ReplaceAll(v, "_", " ")
}

func (s script) number(key string, otherwise int) int {
	v := otherwise
	s.d.MaybeScanArgs(s.t, key, &v)
	return v
}

func (s script) attachment() uint64 { return uint64(s.number("as", 1)) }

func (s script) position(key string) position.Position {
	text := s.word(key, "0-0")
	p, err := position.Parse(text)
	if err != nil {
		s.d.Fatalf(s.t, "%v", err)
	}
	return p
}

func show(effects []effect) string {
	var b strings.Builder
	for _, e := range effects {
		switch e.do {
		case doAnswer:
			fmt.Fprintf(&b, "%d: %s\n", e.to, showAnswer(e))
		case doRefuse:
			f := fault.From(e.err)
			fmt.Fprintf(&b, "%d: %s %s", e.to, f.Kind, f.Code)
			if f.RetryAfter > 0 {
				fmt.Fprintf(&b, ", again in %v", f.RetryAfter)
			}
			b.WriteString("\n")
		case doAppend:
			fmt.Fprintf(&b, "append %s\n", showRows(danmakuOf(e.rows)))
		case doSettleAppend:
			fmt.Fprintf(&b, "settle append %s\n", showRows(danmakuOf(e.rows)))
		case doSave:
			fmt.Fprintf(&b, "save%s\n", showChange(*e.change))
		case doSettleSave:
			fmt.Fprintf(&b, "settle save%s\n", showChange(*e.change))
		case doRetry:
			fmt.Fprintf(&b, "retry in %v\n", e.after)
		case doRead:
			fmt.Fprintf(&b, "read %d to %d, at most %d\n", e.query.from, e.query.to, e.query.limit)
		case doDeliver:
			fmt.Fprintf(&b, "deliver to %s as %d: %s\n", e.node, e.batch.Attachment, showBatch(e.batch))
		case doWake:
			fmt.Fprintf(&b, "wake in %v\n", e.after)
		case doIndex, doIndexWake: // see TestIndex and its siblings
		case doStop:
			b.WriteString("stop\n")
		}
	}
	return b.String()
}

func showAnswer(e effect) string {
	switch v := e.value.(type) {
	case nil:
		switch {
		case e.posted == (posted{}):
			return "done"
		case e.posted.Duplicate:
			return fmt.Sprintf("posted %v duplicate", e.posted.Position)
		}
		return fmt.Sprintf("posted %v", e.posted.Position)
	case Attached:
		return fmt.Sprintf("attached at %v after batch %d; %s", v.Position, v.Seq, showInfo(v.Info))
	case Recovery:
		if v.Recovered {
			if v.More {
				return fmt.Sprintf("recovered to %v of %v: %s", v.To, v.Head, showRows(v.Danmaku))
			}
			return fmt.Sprintf("recovered to %v: %s", v.To, showRows(v.Danmaku))
		}
		return fmt.Sprintf("not recovered: %s; head %v", v.Reason, v.Head)
	case page:
		return fmt.Sprintf("page %s more=%v", showRows(v.Danmaku), v.More)
	case []Mute:
		var users []string
		for _, m := range v {
			users = append(users, fmt.Sprintf("%s by %s until %s", m.User, m.By, m.Until.Format(time.TimeOnly)))
		}
		return fmt.Sprintf("mutes %v", users)
	case Card:
		return fmt.Sprintf("channel %s owner %s slow %v length %d", v.Channel, v.Owner, v.Settings.SlowMode, v.Settings.MaxLength)
	}
	return fmt.Sprintf("%v", e.value)
}

func showChange(c change) string {
	s := fmt.Sprintf(" slow=%v length=%d broadcast=%q", c.card.Settings.SlowMode, c.card.Settings.MaxLength, c.card.broadcast)
	if c.create {
		s = " new" + s
	}
	if c.mute != nil {
		s += " mute=" + string(c.mute.User)
	}
	if c.card.bucket > 0 {
		s += fmt.Sprintf(" bucket=%d", c.card.bucket)
	}
	if c.unmute != "" {
		s += " unmute=" + string(c.unmute)
	}
	return s
}

func showBatch(b *Batch) string {
	s := fmt.Sprintf("batch %d, %v to %v, %s", b.Seq, b.From, b.To, showRows(b.Danmaku))
	if b.Info != nil {
		s += " " + showInfo(*b.Info)
	}
	if b.Closed {
		s += " closed"
	}
	return s
}

func showInfo(i Info) string {
	return fmt.Sprintf("info %d-%d online %d slow %v length %d live %v", i.Epoch, i.Version, i.Online, i.SlowMode, i.MaxLength, i.Live)
}

func showRows(rows []Danmaku) string {
	var all []string
	for _, d := range rows {
		s := fmt.Sprintf("%v %s/%s", d.Position, d.User, d.Key)
		if d.MediaTime != MediaUnknown {
			s += "@" + d.MediaTime.String()
		}
		all = append(all, s)
	}
	return "[" + strings.Join(all, ", ") + "]"
}
