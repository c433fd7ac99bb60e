package ownership

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"
)

var (
	outcomes = [...]string{Done.String(), Failed.String(), Gone.String(), Foreign.String()}
	actions  = [...]string{"rest", "renew", "join", "expel"}
	phases   = [...]string{"unclaimed", "claiming", "owned", "refused"}
	events   = [...]string{"enter", "claimed", "resumed", "dropped", "overruled", "drained", "emptied"}
	verbs    = [...]string{"claim", "admit", "deny", "release"}
)

func index(t *testing.T, of []string, word string) int {
	t.Helper()
	for i, w := range of {
		if w == word {
			return i
		}
	}
	t.Fatalf("no %q in %q", word, of)
	return 0
}

func duration(t *testing.T, d *datadriven.TestData, name string) time.Duration {
	t.Helper()
	text := "0s"
	d.MaybeScanArgs(t, name, &text)
	out, err := time.ParseDuration(text)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestLease runs the scripts of testdata/lease. Every command may name the time with at; jitter is always a
// half.
func TestLease(t *testing.T) {
	datadriven.Walk(t, "testdata/lease", func(t *testing.T, path string) {
		t.Helper()
		var l Lease
		var now time.Duration
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			t.Helper()
			if at := duration(t, d, "at"); at > 0 {
				now = at
			}
			out := ""
			switch d.Cmd {
			case "new":
				l, now = Lease{}, 0
			case "joined":
				l.Joined(duration(t, d, "asked"), now, duration(t, d, "ttl"))
			case "began":
				l.Began(now, 0.5)
			case "ended":
				l.Ended(duration(t, d, "asked"), now, Outcome(index(t, outcomes[:], d.CmdArgs[0].Key)), 0.5)
			case "look":
				if !l.Trusted(now) {
					out = fmt.Sprintf("doubt news=%v\n", l.Doubt(now))
				}
			case "expelled":
				l.Expelled()
			default:
				t.Fatalf("no command %s", d.Cmd)
			}
			what, at := l.Next()
			return out + fmt.Sprintf("trusted=%v %s at %v\n", l.Trusted(now), actions[what], at)
		})
	})
}

// TestShard runs the scripts of testdata/shard. Trusted holds until "doubt" or "trust" says otherwise.
func TestShard(t *testing.T) {
	datadriven.Walk(t, "testdata/shard", func(t *testing.T, path string) {
		t.Helper()
		var s Shard
		e := Event{Trusted: true}
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			t.Helper()
			if at := duration(t, d, "at"); at > 0 {
				e.Now = at
			}
			switch d.Cmd {
			case "new":
				s, e = Shard{}, Event{Trusted: true}
				return ""
			case "trust", "doubt":
				e.Trusted = d.Cmd == "trust"
				return ""
			}
			e.What = What(index(t, events[:], d.Cmd))
			e.Stale, e.Empty, e.Outcome = d.HasArg("stale"), d.HasArg("empty"), Done
			if e.What == Claimed {
				e.Outcome = Outcome(index(t, outcomes[:], d.CmdArgs[0].Key))
			}
			var out strings.Builder
			for _, f := range s.Step(e, nil) {
				out.WriteString(verbs[f.Do])
				if f.Do == Deny {
					fmt.Fprintf(&out, " %s for %v", outcomes[f.Outcome], f.After)
				}
				out.WriteString("\n")
			}
			return out.String() + "= " + phases[s.Phase()] + "\n"
		})
	})
}
