package channel

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"
	"pgregory.net/rapid"

	"github.com/barrage-live/barrage/actors/document"
	"github.com/barrage-live/barrage/internal/auth"
	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/id"
	"github.com/barrage-live/barrage/live/origin"
)

// stage runs one channel with keys that have names, and keeps its timers.
type stage struct {
	state  *state
	now    time.Time
	keys   map[string]auth.StreamKey
	begins int
	timers []timer
	stored stored // what was saved last
	exists bool
}

type timer struct {
	at  time.Time
	cmd any
}

func newStage() *stage {
	return &stage{
		state: &state{cfg: Config{}.filled(), phase: Offline}, now: time.Unix(1_800_000_000, 0),
		keys: map[string]auth.StreamKey{"wrong": auth.NewStreamKey("7")},
	}
}

// TestScripts replays testdata: "after 5s" lets time pass and timers fire, "restart" is a new activation,
// everything else is a command.
func TestScripts(t *testing.T) {
	datadriven.Walk(t, "testdata/script", func(t *testing.T, path string) {
		g := newStage()
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			switch d.Cmd {
			case "after":
				return g.pass(t, d) + g.String()
			case "restart":
				g.state, g.timers = &state{cfg: g.state.cfg, phase: Offline}, nil
				return g.apply(document.Loaded[stored]{Doc: g.stored, Exists: g.exists}) + g.String()
			case "flap": // the publisher is lost, and comes back at once
				return g.flap(t, d)
			case "again": // after a time in which it was not known what is stored
				return g.apply(document.Loaded[stored]{Doc: g.stored, Exists: g.exists, Again: true}) + g.String()
			}
			return g.apply(g.command(t, d)) + g.String()
		})
	})
}

func (g *stage) pass(t *testing.T, d *datadriven.TestData) string {
	t.Helper()
	pass, err := time.ParseDuration(d.CmdArgs[0].Key)
	if err != nil {
		d.Fatalf(t, "%v", err)
	}
	return g.run(g.now.Add(pass))
}

// run lets the timers fire until then.
func (g *stage) run(end time.Time) string {
	from := g.now
	var b strings.Builder
	for i := 0; i < len(g.timers); i++ {
		tm := g.timers[i]
		if tm.at.After(end) {
			continue
		}
		g.timers = append(g.timers[:i:i], g.timers[i+1:]...)
		i = -1
		g.now = tm.at
		did := g.apply(tm.cmd)
		if _, routine := tm.cmd.(beat); !routine { // it would hide the story
			fmt.Fprintf(&b, "at %v: %T\n%s", tm.at.Sub(from), tm.cmd, did)
		}
	}
	g.now = end
	return b.String()
}

func (g *stage) flap(t *testing.T, d *datadriven.TestData) string {
	t.Helper()
	var times int
	var every string
	d.ScanArgs(t, "times", &times)
	d.ScanArgs(t, "every", &every)
	pause, err := time.ParseDuration(every)
	if err != nil {
		d.Fatalf(t, "%v", err)
	}
	for n := range times {
		g.run(g.now.Add(pause))
		g.apply(ended{g.state.lease, false})
		if did := g.apply(begin{g.keys["k1"], "again"}); g.state.phase != Live {
			return fmt.Sprintf("after %d times: %s", n, did) + g.String()
		}
	}
	return fmt.Sprintf("%d times\n", times) + g.String()
}

func (g *stage) command(t *testing.T, d *datadriven.TestData) any {
	t.Helper()
	word := func(key string) (v string) {
		d.MaybeScanArgs(t, key, &v)
		return v
	}
	number := func(key string) (n uint64) {
		d.MaybeScanArgs(t, key, &n)
		return n
	}
	fence := func() (f Fence) {
		d.ScanArgs(t, "fence", &f)
		return f
	}
	switch d.Cmd {
	case "create":
		return create{"11", word("name"), "A title", "42", "12"}
	case "title":
		return setTitle{word("to")}
	case "get":
		return get{}
	case "mint":
		g.keys[word("key")] = auth.NewStreamKey("11")
		return mintKey{word("key"), g.keys[word("key")], number("rights")}
	case "keys":
		return listKeys{}
	case "revoke":
		return revokeKey{word("key")}
	case "check":
		return check{g.keys[word("key")]}
	case "begin":
		g.begins++
		return begin{g.keys[word("key")], id.Broadcast(fmt.Sprintf("B%d", g.begins))}
	case "opened":
		return opened{fence()}
	case "revoke-all":
		return revokeKeys{number("rights")}
	case "open-failed":
		return openFailed{fence(), d.HasArg("ended")}
	case "ended":
		return ended{fence(), d.HasArg("goodbye")}
	case "offlineAnnounced":
		return offlineAnnounced{}
	case "adopted":
		return adopted{origin.Held{Broadcast: id.Broadcast(word("broadcast")), Fence: number("fence"), Publishing: d.HasArg("publishing")}}
	case "heard":
		var ago time.Duration
		if v := word("ago"); v != "" {
			ago, _ = time.ParseDuration(v)
		}
		return heard{origin.Held{
			Broadcast: id.Broadcast(word("broadcast")), Fence: number("fence"), Publishing: d.HasArg("publishing"), Began: d.HasArg("began"),
		}, g.now.Add(-ago)}
	case "settle":
		return settle{id.Broadcast(word("broadcast"))}
	case "erase":
		return erase{id.Broadcast(word("broadcast"))}
	case "gone":
		return gone{}
	case "end-again":
		return endAgain{}
	case "abandoned":
		return abandoned{id.Broadcast(word("request"))}
	}
	return d.Cmd
}

func (g *stage) apply(cmd any) string {
	var b strings.Builder
	for _, e := range g.state.Apply(g.now, cmd, nil) {
		switch e := e.(type) {
		case document.Reply:
			g.answer(&b, e.Value)
		case document.Refuse:
			fmt.Fprintf(&b, "refuse %s\n", fault.CodeOf(e.Err))
			if after := fault.From(e.Err).RetryAfter; after > 0 {
				fmt.Fprintf(&b, "retry after %v\n", after)
			}
		case save:
			g.stored, g.exists = e.Doc, true
			fmt.Fprintf(&b, "save fence=%d live=%v\n", e.Doc.Fence, e.Doc.Unfinished != nil)
		case grant:
			fmt.Fprintf(&b, "grant %s resumes=%v fence=%d start=-%v\n", e.Broadcast, e.Resumes, e.Fence, g.now.Sub(e.Start))
		case interrupt:
			fmt.Fprintf(&b, "interrupt fence=%d %s\n", e.fence, fault.CodeOf(e.reason))
		case recoverRecording:
			fmt.Fprintf(&b, "recover %s\n", e.broadcast)
		case removeRecording:
			fmt.Fprintf(&b, "remove %s\n", e.broadcast)
		case finish:
			fmt.Fprintf(&b, "finish %s\n", e.broadcast)
		case announce:
			fmt.Fprintf(&b, "announce %s\n", g.state.channel().Phase)
		case adopt:
			fmt.Fprintf(&b, "adopt %s fence=%d\n", e.Broadcast, e.Fence)
		case keepNames:
			b.WriteString("keep names\n")
		case document.After:
			g.timers = append(g.timers, timer{g.now.Add(e.D), e.Cmd})
		case document.Pin:
			fmt.Fprintf(&b, "pin %v\n", e.On)
		}
	}
	return b.String()
}

func (g *stage) answer(b *strings.Builder, v any) {
	switch v := v.(type) {
	case Channel:
		fmt.Fprintf(b, "reply %s %q %s\n", v.Name, v.Title, v.Phase)
	case Key:
		fmt.Fprintf(b, "reply key %s\n", v.ID)
	case []Key:
		for _, k := range v {
			fmt.Fprintf(b, "key %s used=%v expires=%v revoked=%v in use=%v\n", k.ID, !k.Used.IsZero(), !k.Expires.IsZero(), !k.Revoked.IsZero(), k.InUse)
		}
	}
}

func (g *stage) String() string {
	if !g.state.exists {
		return "no channel\n"
	}
	s := string(g.state.phase)
	if m := g.state.doc.Unfinished; m != nil {
		s += " " + string(m.Broadcast)
	}
	return s + "\n"
}

// Whatever happens in whatever order: the fence only grows, a grant follows a durable fence of the same
// number, a broadcast once finished never comes back, it resumes exactly if it was opened before, and a
// live phase has a mark.
func TestLeaseInvariants(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := newStage()
		g.state.Apply(g.now, create{"11", "ann", "A", "42", "12"}, nil)
		keys := []auth.StreamKey{auth.NewStreamKey("11"), auth.NewStreamKey("11"), auth.NewStreamKey("11")}
		var fence Fence
		begun, finished := map[id.Broadcast]bool{}, map[id.Broadcast]bool{}
		for i := range rapid.IntRange(1, 40).Draw(t, "steps") {
			g.now = g.now.Add(time.Duration(rapid.IntRange(0, 400).Draw(t, "seconds")) * time.Second)
			n := rapid.IntRange(0, 2).Draw(t, "key")
			f := rapid.Uint64Range(0, fence+1).Draw(t, "fence")
			cmd := rapid.SampledFrom([]any{
				begin{keys[n], id.Broadcast(fmt.Sprint("B", i))},
				begin{keys[n], id.Broadcast(fmt.Sprint("B", i))},
				mintKey{fmt.Sprint(n), keys[n], f},
				revokeKey{fmt.Sprint(n)},
				revokeKeys{f},
				ended{f, false},
				ended{f, true},
				openFailed{f, false},
				openFailed{f, true},
				offlineAnnounced{},
				graceOver{g.state.since},
				graceOver{g.now},
				abandoned{id.Broadcast(fmt.Sprint("B", i-1))},
				beat{"B0"},
				opened{f},
				adopted{origin.Held{Broadcast: "B0", Fence: f, Publishing: true}},
				adopted{},
				heard{origin.Held{Broadcast: "B0", Fence: f, Publishing: true, Began: true}, g.now},
				heard{origin.Held{Broadcast: "B0", Fence: f}, g.now},
				heard{origin.Held{}, g.now.Add(-time.Minute)},
				settle{"B0"},
				erase{"B0"},
				gone{},
				document.Loaded[stored]{Exists: true},
				document.Loaded[stored]{Exists: true, Again: true},
				get{},
				setTitle{"x"},
			}).Draw(t, "command")
			if l, ok := cmd.(document.Loaded[stored]); ok {
				if !l.Again { // comes only first in an activation
					g.state = &state{cfg: g.state.cfg, exists: true, doc: g.state.doc, phase: Offline}
				}
				l.Doc = g.state.doc
				cmd = l
			}
			if _, ok := cmd.(adopted); ok && g.state.doc.Unfinished != nil && finished[g.state.doc.Unfinished.Broadcast] {
				cmd = gone{} // an origin goes on with nothing that is over
			}
			durable := g.state.doc.Fence
			for _, e := range g.state.Apply(g.now, cmd, nil) {
				switch e := e.(type) {
				case save:
					durable = e.Doc.Fence
				case grant:
					if e.Fence <= fence || e.Fence != durable || finished[e.Broadcast] || e.Resumes != begun[e.Broadcast] {
						t.Fatalf("%T grants %+v after fence %d, durable %d", cmd, e, fence, durable)
					}
					fence, begun[e.Broadcast] = e.Fence, true
				case finish:
					finished[e.broadcast] = true
				case removeRecording:
					if g.state.on(e.broadcast) {
						t.Fatalf("%T removes the recording of %s, which goes on", cmd, e.broadcast)
					}
				}
			}
			if g.state.live() && g.state.doc.Unfinished == nil {
				t.Fatalf("%T leaves phase %q with mark %v", cmd, g.state.phase, g.state.doc.Unfinished)
			}
		}
	})
}
