package life

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// world is a shell that does what it is told and holds the core to its promises.
type world struct {
	t        *rapid.T
	s        State
	level    Level
	standing Standing

	users, offered, done int // messages that wait, were ever there, and were executed or refused
	own, awaited         []Event
	timers               int
	works                []Event
	loads                []uint32
	flushes              int
	entered              bool // waits for the shard
	ended                bool
	actor                bool // the present life has an actor
	checkLater           bool
	turnBreaks           bool
}

func (w *world) step(e Event) {
	e.Standing, e.Idle = w.standing, time.Minute
	if e.What == TurnEnded && e.Outcome == OK && w.s.Steady() {
		before := w.s
		if got := w.s.Step(e, nil); len(got) > 0 || w.s != before {
			w.t.Fatalf("a turn ended in a steady %+v, and led to %v and %+v", before, got, w.s)
		}
		return
	}
	plain := e.What == Message && !e.Expired && e.Standing == Trusted && w.s.Steady()
	before := w.s
	effects := w.s.Step(e, nil)
	if plain && (!slices.Equal(effects, []Effect{{Do: Run}}) || w.s != before) {
		w.t.Fatalf("a message came to a steady %+v, and led to %v and %+v", before, effects, w.s)
	}
	for _, f := range effects {
		if w.ended && f.Do != Discard {
			w.t.Fatalf("%s after the end", f)
		}
		w.perform(f, e)
	}
}

func (w *world) perform(f Effect, e Event) {
	switch f.Do {
	case Run:
		w.only(f)
		w.turn(e)
	case Refuse:
		w.done++
	case Discard:
	case Keep:
		w.keep(e)
	case Pause:
		if f.Level == w.level {
			w.t.Fatalf("paused twice at %s", f)
		}
		w.level = f.Level
	case Enter:
		w.entered = true
	case Load:
		w.only(f)
		if w.actor {
			w.t.Fatal("a load while a life has its actor")
		}
		if !w.s.fenced && len(w.works) > 0 {
			w.t.Fatal("a load while works of a kind without a fence are under way")
		}
		w.loads = append(w.loads, w.s.Number())
	case Flush:
		w.only(f)
		if w.flushes++; w.flushes > 1 || !w.actor {
			w.t.Fatal("a flush without an actor, or twice at once")
		}
	case Check:
		w.step(Event{What: Checked, Quiet: time.Minute, Backlog: w.users > 0, Owed: e.Owed})
	case CheckLater:
		w.checkLater = true
	case ArmIdle:
	case EndLife:
		if !w.actor || w.flushes > 0 {
			w.t.Fatalf("%s: actor %v, flushes %d", f, w.actor, w.flushes)
		}
		w.actor, w.timers, w.checkLater = false, 0, false
	case RefuseWaiting:
		w.done += w.users
		w.users = 0
	case Retire:
		w.retire(f)
	}
}

// only fails unless the present standing allows to act.
func (w *world) only(f Effect) {
	if w.standing != Trusted {
		w.t.Fatalf("%s while the ownership is %s", f, standings[w.standing])
	}
}

func (w *world) keep(e Event) {
	switch {
	case e.What == Message:
		w.users++
	case e.What == Timer || e.What == WorkEnded && !e.Await:
		w.own = append([]Event{e}, w.own...)
	default:
		w.awaited = append([]Event{e}, w.awaited...)
	}
}

func (w *world) retire(f Effect) {
	if w.actor {
		w.t.Fatal("retired while a life has its actor")
	}
	if f.Cause != None {
		w.done += w.users
		w.users = 0
	}
	w.ended = w.users == 0
	w.step(Event{What: Retired, Backlog: w.users > 0})
	if w.ended != (w.s.Phase() == Ended) {
		w.t.Fatal("retired, and the core does not know")
	}
}

// turn is the actor: it does anything an actor can do.
func (w *world) turn(e Event) {
	if e.What == Loaded {
		w.actor = true
	} else if e.What == Message {
		w.done++
	}
	if !w.actor || e.Life != w.s.Number() && (e.What == Loaded || e.What == WorkEnded) {
		w.t.Fatal("a turn without an actor, or of another one")
	}
	if e.What != Loaded && (e.What != WorkEnded || !e.Await) && w.awaits() {
		w.t.Fatal("a turn while an Await of the same life is under way")
	}
	for _, what := range rapid.SliceOfN(rapid.SampledFrom([]string{"await", "pipe", "pin", "unpin", "stop", "timer"}), 0, 2).Draw(w.t, "turn") {
		switch what {
		case "await", "pipe":
			w.s.Begin(what == "await")
			w.works = append(w.works, Event{What: WorkEnded, Life: w.s.Number(), Await: what == "await"})
		case "pin", "unpin":
			w.s.Pin(what == "pin")
		case "stop":
			w.s.Stop()
		case "timer":
			w.timers++
		}
	}
	if !w.turnBreaks && rapid.IntRange(0, 9).Draw(w.t, "breaks") == 0 {
		w.standing = rapid.SampledFrom([]Standing{Doubted, Doubted, Lost}).Draw(w.t, "standing")
	}
	outcome := OK
	if !w.turnBreaks && rapid.IntRange(0, 9).Draw(w.t, "panics") == 0 {
		outcome = Panicked
	}
	w.step(Event{What: TurnEnded, Outcome: outcome, Rests: outcome == Panicked && rapid.Bool().Draw(w.t, "rests")})
}

// awaits reports whether an Await of the present life has not had its turn.
func (w *world) awaits() bool {
	for _, e := range slices.Concat(w.works, w.awaited) {
		if e.What == WorkEnded && e.Await && e.Life == w.s.Number() {
			return true
		}
	}
	return false
}

// next handles what may go now, as the mailbox would. It reports whether something went.
func (w *world) next() bool {
	switch {
	case w.ended:
		return false
	case w.level < PauseAll && len(w.awaited) > 0:
		e := w.awaited[0]
		w.awaited = w.awaited[1:]
		w.step(e)
	case w.level < PauseOwn && len(w.own) > 0:
		e := w.own[0]
		w.own = w.own[1:]
		if e.What == Timer && e.Life != w.s.Number() {
			return true // it was stopped with its life
		}
		w.step(e)
	case w.level < PauseUsers && w.users > 0:
		w.users--
		w.step(Event{What: Message, Expired: rapid.IntRange(0, 9).Draw(w.t, "expired") == 0})
		if w.users > w.offered-w.done {
			w.t.Fatal("more messages wait than were offered")
		}
	default:
		return false
	}
	return true
}

func (w *world) finishLoad(o Outcome) {
	if len(w.loads) > 0 {
		w.awaited = append(w.awaited, Event{What: Loaded, Life: w.loads[0], Outcome: o, Rests: o == Panicked})
		w.loads = w.loads[1:]
	}
}

func (w *world) finishWork(i int) {
	if len(w.works) == 0 {
		return
	}
	i %= len(w.works)
	e := w.works[i]
	w.works = append(w.works[:i:i], w.works[i+1:]...)
	if e.Await {
		w.awaited = append(w.awaited, e)
	} else {
		w.own = append(w.own, e)
	}
}

func (w *world) finishFlush(o Outcome) {
	if w.flushes > 0 {
		w.flushes--
		w.awaited = append(w.awaited, Event{What: Flushed, Outcome: o})
	}
}

func (w *world) grant(o Outcome) {
	if w.entered && !w.ended {
		w.entered = false
		if w.standing == Lost { // it is the next ownership that is granted
			w.standing = Trusted
		}
		w.step(Event{What: Granted, Outcome: o})
	}
}

// TestModel has everything happen in any order and then lets the world come to rest.
func TestModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := &world{t: t, s: New(rapid.Bool().Draw(t, "fenced")), level: PauseOwn, entered: true}
		outcome := func(of ...Outcome) Outcome { return rapid.SampledFrom(of).Draw(t, "outcome") }
		actions := map[string]func(*rapid.T){
			"offer": func(*rapid.T) {
				if w.ended { // the register makes another one
					*w = world{t: w.t, s: New(w.s.fenced), level: PauseOwn, entered: true, standing: w.standing}
				}
				w.users++
				w.offered++
			},
			"next":  func(*rapid.T) { w.next() },
			"grant": func(*rapid.T) { w.grant(outcome(OK, OK, OK, Failed)) },
			"load":  func(*rapid.T) { w.finishLoad(outcome(OK, OK, OK, Failed, Panicked)) },
			"work":  func(t *rapid.T) { w.finishWork(rapid.IntRange(0, 99).Draw(t, "work")) },
			"flush": func(*rapid.T) { w.finishFlush(outcome(OK, OK, Failed, Panicked, Fenced, Held)) },
			"timer": func(*rapid.T) {
				if w.timers > 0 {
					w.timers--
					w.own = append(w.own, Event{What: Timer, Life: w.s.Number()})
				}
			},
			"idle": func(t *rapid.T) {
				w.step(Event{What: IdleDue, Quiet: time.Minute, Backlog: w.users > 0, Owed: rapid.Bool().Draw(t, "owed")})
			},
			"doubt":  func(*rapid.T) { w.standing = max(w.standing, Doubted) },
			"expel":  func(*rapid.T) { w.step(Event{What: Expel}) },
			"drain":  func(*rapid.T) { w.step(Event{What: Drain}) },
			"resume": func(*rapid.T) { w.resume() },
			"lose":   func(t *rapid.T) { w.lose(rapid.Bool().Draw(t, "told")) },
			"close": func(t *rapid.T) {
				if rapid.IntRange(0, 9).Draw(t, "really") == 0 {
					w.step(Event{What: Close})
				}
			},
		}
		names := []string{"close", "expel", "drain", "lose", "doubt", "idle"}
		for range 4 { // what happens all the time
			names = append(names, "offer", "next", "next", "grant", "load", "work", "flush", "timer", "resume")
		}
		for range rapid.IntRange(100, 300).Draw(t, "steps") {
			actions[rapid.SampledFrom(names).Draw(t, "action")](t)
		}
		w.rest()
	})
}

func (w *world) resume() {
	if w.standing == Doubted {
		w.standing = Trusted
		w.step(Event{What: Resume})
	}
}

// lose ends the ownership; the signal may come before or after the next event.
func (w *world) lose(told bool) {
	w.standing = Lost
	if told {
		w.step(Event{What: Lose})
		w.step(Event{What: Resume})
		w.standing = Trusted
	}
}

// rest lets everything end that is under way, and then nothing may be left behind.
func (w *world) rest() {
	w.turnBreaks = true
	for range 1000 {
		if w.standing == Lost {
			w.lose(true)
		}
		w.resume()
		w.grant(OK)
		w.finishLoad(OK)
		w.finishFlush(OK)
		w.finishWork(0)
		if w.checkLater {
			w.checkLater = false
			w.step(Event{What: Drain})
		}
		if !w.next() && w.users == 0 && len(w.works)+len(w.loads)+len(w.own)+len(w.awaited) == 0 {
			break
		}
	}
	if w.users > 0 || w.done != w.offered {
		w.t.Fatalf("%d of %d messages were executed or refused, %d wait: %s", w.done, w.offered, w.users, w.s.describe())
	}
	if !w.ended && w.s.Phase() != Active && w.s.Phase() != Waiting {
		w.t.Fatalf("at rest: %s", w.s.describe())
	}
	if rapid.Bool().Draw(w.t, "closed in doubt") {
		w.standing = Doubted
	}
	w.step(Event{What: Close})
	w.finishFlush(OK)
	for w.next() {
	}
	if w.actor || !w.ended {
		w.t.Fatalf("closed, and %s with its actor", w.s.describe())
	}
}
