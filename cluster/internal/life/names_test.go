package life

import (
	"fmt"
	"strings"
)

var (
	events    = [...]string{"granted", "loaded", "message", "timer", "work", "turn", "idle", "checked", "flushed", "drain", "close", "lose", "resume", "expel", "retired"}
	outcomes  = [...]string{"ok", "failed", "panicked", "fenced", "held"}
	standings = [...]string{"trusted", "doubted", "lost"}
	verbs     = [...]string{
		"run", "refuse", "discard", "keep", "pause", "enter", "load", "flush", "check", "check later", "arm idle", "end life", "refuse waiting", "retire",
	}
	causes = [...]string{"", "idle", "stop", "drained", "panic", "quarantine", "failure", "closed", "ownership"}
	levels = [...]string{"none", "users", "own", "all"}
	phases = [...]string{"waiting", "loading", "active", "flushing", "unwinding", "ended"}
)

// String writes the effect for scripts.
func (f Effect) String() string {
	out := verbs[f.Do]
	switch {
	case f.Do == Pause:
		out += " " + levels[f.Level]
	case f.Do == ArmIdle:
		out += " " + f.After.String()
	case f.Cause != None:
		out += " " + causes[f.Cause]
	}
	return out
}

func (s *State) describe() string {
	out := fmt.Sprintf("= %s life=%d", phases[s.phase], s.number)
	if s.outstanding > 0 {
		out += fmt.Sprintf(" works=%d", s.outstanding)
	}
	if s.doubted {
		out += " doubted"
	}
	return out
}

func index(of []string, word string) uint8 {
	for i, w := range of {
		if w == word {
			return uint8(i)
		}
	}
	panic("no " + word + " in " + strings.Join(of, ", "))
}
