package life

import (
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"
)

// TestScripts runs the scripts of testdata. A command is an event with its arguments; the standing that was
// said last holds until another is said. "turn" may say what the turn did: await, pipe, pin, unpin, stop,
// panicked, rests.
func TestScripts(t *testing.T) {
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		t.Helper()
		s, standing := New(false), Trusted
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			t.Helper()
			switch d.Cmd {
			case "new":
				s, standing = New(d.HasArg("fenced")), Trusted
				return s.describe() + "\n"
			case "standing":
				standing = Standing(index(standings[:], d.CmdArgs[0].Key))
				return ""
			}
			e := Event{What: What(index(events[:], d.Cmd)), Standing: standing, Life: s.number, Idle: time.Minute}
			for _, arg := range d.CmdArgs {
				argument(t, &s, &e, arg)
			}
			var out strings.Builder
			for _, f := range s.Step(e, nil) {
				out.WriteString(f.String() + "\n")
			}
			return out.String() + s.describe() + "\n"
		})
	})
}

// argument applies one argument of a command.
func argument(t *testing.T, s *State, e *Event, arg datadriven.CmdArg) {
	t.Helper()
	switch arg.Key {
	case "await":
		if e.What == TurnEnded {
			s.Begin(true)
		}
		e.Await = true
	case "pipe":
		s.Begin(false)
	case "pin", "unpin":
		s.Pin(arg.Key == "pin")
	case "stop":
		s.Stop()
	case "rests":
		e.Rests = true
	case "expired":
		e.Expired = true
	case "backlog":
		e.Backlog = true
	case "owed":
		e.Owed = true
	case "life":
		life := 0
		arg.Scan(t, 0, &life)
		e.Life = uint32(life)
	case "quiet":
		quiet, err := time.ParseDuration(arg.Vals[0])
		if err != nil {
			t.Fatal(err)
		}
		e.Quiet = quiet
	default:
		e.Outcome = Outcome(index(outcomes[:], arg.Key))
	}
}
