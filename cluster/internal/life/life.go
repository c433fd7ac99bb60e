package life

// Phase is where an activation is.
type Phase uint8

// The phases.
const (
	// Waiting for its shard.
	Waiting Phase = iota
	// Loading its state.
	Loading
	// Active: it receives messages.
	Active
	// Flushing what it still holds.
	Flushing
	// Unwinding: the life has ended and its works have not; without a fence the next one must not read
	// before they have.
	Unwinding
	// Ended for good.
	Ended
)

// ending is why an activation is to end; higher ones win.
type ending uint8

const (
	endNone ending = iota
	endIdle
	endDrain
	endStop // an actor that gave up on its state must not execute what waits, not even in a drain
)

// State is one activation. The zero value waits for its shard and belongs to a kind without a fence.
type State struct {
	phase    Phase
	ending   ending
	level    Level
	dropped  Cause // why a life that flushes is to end; None: in order
	rests    bool  // what waits is refused once the works have ended
	fenced   bool
	doubted  bool
	pinned   bool
	checking bool // a CheckLater is under way
	number   uint32
	// awaiting counts the Awaits of this life, outstanding all works of this and earlier lives.
	awaiting    int32
	outstanding int32
}

// New is the state of an activation whose works are fenced by storage, or are not.
func New(fenced bool) State { return State{level: PauseOwn, fenced: fenced} }

// Phase tells where the activation is.
func (s *State) Phase() Phase { return s.phase }

// Number is that of the present life, from 0.
func (s *State) Number() uint32 { return s.number }

// Held reports whether something was kept back because the ownership is in doubt.
func (s *State) Held() bool { return s.doubted }

// Pin is Turn.Pin.
func (s *State) Pin(on bool) { s.pinned = on }

// Stop is Turn.Stop.
func (s *State) Stop() { s.ending = endStop }

// Begin notes a work that the present turn starts.
func (s *State) Begin(await bool) {
	s.outstanding++
	if await {
		s.awaiting++
	}
}

// Steady reports whether nothing is under way that decides about turns, as nearly always: a message of a
// trusted owner that did not expire leads to Run and nothing else, and the end of a turn in order to
// nothing. The shell need not ask about either.
func (s *State) Steady() bool {
	return s.phase == Active && s.ending == endNone && s.level == PauseNone && s.awaiting == 0 && !s.doubted
}

// Step takes one event and appends what is to be done.
func (s *State) Step(e Event, dst []Effect) []Effect {
	if s.phase == Ended {
		return append(dst, Effect{Do: Discard})
	}
	if e.acts() && !s.stale(e) {
		switch e.Standing {
		case Trusted:
		case Doubted:
			return s.doubt(e, dst)
		case Lost:
			return s.overtaken(e, dst)
		}
	}
	switch e.What {
	case Granted:
		return s.granted(e, dst)
	case Loaded:
		return s.loaded(e, dst)
	case Message, Timer:
		return s.arrived(e, dst)
	case WorkEnded:
		return s.workEnded(e, dst)
	case TurnEnded:
		return s.turnEnded(e, dst)
	case Flushed:
		return s.flushed(e, dst)
	case IdleDue, Checked:
		return s.look(e, dst)
	case Drain, Close, Lose, Resume, Expel, Retired:
	}
	return s.steer(e, dst)
}

// stale reports whether the event is the end of something that an earlier life ordered: it is only counted.
func (s *State) stale(e Event) bool {
	return e.Life != s.number && (e.What == Loaded || e.What == WorkEnded)
}

// steer obeys what comes from outside.
func (s *State) steer(e Event, dst []Effect) []Effect {
	switch e.What {
	case Drain:
		s.ending, s.checking = max(s.ending, endDrain), false
		return s.settle(e, dst)
	case Close:
		return s.drop(Closed, dst)
	case Lose:
		return s.drop(Ownership, dst)
	case Resume:
		if !s.doubted {
			return dst
		}
		s.doubted = false
		return s.settle(e, dst)
	case Expel:
		dst = append(dst, Effect{Do: RefuseWaiting})
		if s.phase == Waiting { // nothing is there, and nobody waits
			dst = append(dst, Effect{Do: Retire})
		}
		return dst
	case Retired:
		return s.retired(e, dst)
	case Granted, Loaded, Message, Timer, WorkEnded, TurnEnded, IdleDue, Checked, Flushed:
	}
	return dst
}

// doubt keeps the event back, and everything after it. A life that was dropped while it flushed ends all
// the same.
func (s *State) doubt(e Event, dst []Effect) []Effect {
	if e.What == Flushed && s.dropped != None {
		return s.flushed(e, dst)
	}
	return s.suspend(append(dst, Effect{Do: Keep}))
}

// suspend makes everything wait for Resume or Lose.
func (s *State) suspend(dst []Effect) []Effect {
	s.doubted = true
	return s.pause(PauseAll, dst)
}

// overtaken ends a life whose ownership is over; a message waits for the next one.
func (s *State) overtaken(e Event, dst []Effect) []Effect {
	switch e.What {
	case Message:
		dst = append(dst, Effect{Do: Keep})
	case Flushed:
		s.dropped = max(s.dropped, Ownership)
		return s.flushed(e, dst)
	case WorkEnded:
		s.ended(e)
		dst = append(dst, Effect{Do: Discard})
	case Loaded, Timer:
		dst = append(dst, Effect{Do: Discard})
	case Granted, TurnEnded, IdleDue, Checked, Drain, Close, Lose, Resume, Expel, Retired:
	}
	return s.drop(Ownership, dst)
}

func (s *State) granted(e Event, dst []Effect) []Effect {
	switch {
	case s.phase != Waiting:
		return dst
	case e.Outcome != OK:
		return append(dst, Effect{Do: Retire, Cause: Failure})
	case e.Standing != Trusted:
		return append(dst, Effect{Do: Enter})
	}
	s.phase = Loading
	return append(dst, Effect{Do: Load})
}

func (s *State) loaded(e Event, dst []Effect) []Effect {
	if s.phase != Loading || e.Life != s.number {
		return append(dst, Effect{Do: Discard})
	}
	if e.Outcome != OK {
		s.number++
		cause := Failure
		if e.Rests {
			cause = Quarantine
		}
		return append(dst, Effect{Do: Retire, Cause: cause})
	}
	s.phase = Active
	return append(dst, Effect{Do: ArmIdle, After: e.Idle}, Effect{Do: Run})
}

// arrived gives a message or a timer its turn.
func (s *State) arrived(e Event, dst []Effect) []Effect {
	if e.Expired {
		return s.settle(e, append(dst, Effect{Do: Refuse}))
	}
	return append(dst, Effect{Do: Run})
}

// ended counts a work that is over and reports whether it was the last that an earlier life left behind.
func (s *State) ended(e Event) (last bool) {
	s.outstanding--
	if e.Life == s.number && e.Await {
		s.awaiting--
	}
	return s.phase == Unwinding && s.outstanding == 0
}

func (s *State) workEnded(e Event, dst []Effect) []Effect {
	last := s.ended(e)
	switch {
	case last:
		return s.retire(append(dst, Effect{Do: Discard}))
	case e.Life != s.number:
		return append(dst, Effect{Do: Discard})
	}
	return append(dst, Effect{Do: Run})
}

func (s *State) turnEnded(e Event, dst []Effect) []Effect {
	if e.Outcome == OK {
		return s.settle(e, dst)
	}
	s.rests = e.Rests
	return s.unwind(Panic, dst)
}

// unwind ends a life whose state is not to be flushed, once its works can do no harm to the next one.
func (s *State) unwind(cause Cause, dst []Effect) []Effect {
	dst = s.endLife(cause, dst)
	if s.fenced || s.outstanding == 0 {
		return s.retire(dst)
	}
	s.phase = Unwinding
	return s.pause(PauseUsers, dst)
}

// endLife forgets everything of the present life.
func (s *State) endLife(cause Cause, dst []Effect) []Effect {
	s.number++
	s.pinned, s.checking, s.ending, s.awaiting, s.dropped = false, false, endNone, 0, None
	return append(dst, Effect{Do: EndLife, Cause: cause})
}

func (s *State) retire(dst []Effect) []Effect {
	cause := None
	if s.rests {
		cause = Quarantine
	}
	return append(dst, Effect{Do: Retire, Cause: cause})
}

// drop ends the present life without a flush. One that flushes ends when that has returned, since nothing
// else may touch the actor before.
func (s *State) drop(cause Cause, dst []Effect) []Effect {
	switch s.phase {
	case Flushing:
		if s.dropped != Closed {
			s.dropped = cause
		}
		return dst
	case Active:
		if cause == Ownership {
			return s.unwind(cause, dst)
		}
		dst = s.endLife(cause, dst)
	case Loading:
		s.number++
	case Waiting, Unwinding:
		if cause == Ownership {
			return dst
		}
	case Ended:
	}
	if cause == Closed {
		return append(dst, Effect{Do: Retire, Cause: Closed})
	}
	return s.retire(dst)
}

// retired ends the process, or has it wait for its next life.
func (s *State) retired(e Event, dst []Effect) []Effect {
	if !e.Backlog {
		s.phase = Ended
		return dst
	}
	s.phase, s.rests, s.doubted = Waiting, false, false
	return append(s.pause(PauseOwn, dst), Effect{Do: Enter})
}

func (s *State) pause(l Level, dst []Effect) []Effect {
	if s.level == l {
		return dst
	}
	s.level = l
	return append(dst, Effect{Do: Pause, Level: l})
}

// settle draws the consequences: who waits, and whether the life goes on.
func (s *State) settle(e Event, dst []Effect) []Effect {
	switch {
	case s.doubted:
		return dst
	case s.phase == Unwinding:
		return s.pause(PauseUsers, dst)
	case s.phase != Active, s.awaiting > 0:
		return s.pause(PauseOwn, dst)
	case s.ending == endStop && s.outstanding > 0:
		return s.pause(PauseUsers, dst)
	case s.ending == endStop:
		return s.flush(e, dst)
	}
	dst = s.pause(PauseNone, dst)
	if s.ending == endDrain && s.outstanding == 0 {
		dst = append(dst, Effect{Do: Check})
	}
	return dst
}

// look decides whether a life with nothing to do ends: an idle one, or one that drains.
func (s *State) look(e Event, dst []Effect) []Effect {
	switch {
	case s.phase != Active || s.ending == endStop || s.ending == endIdle:
		return dst
	case s.ending == endDrain:
		return s.lookDrained(e, dst)
	case s.pinned || s.outstanding > 0 || s.doubted || e.Backlog || e.Owed:
		return append(dst, Effect{Do: ArmIdle, After: e.Idle})
	case e.Quiet < e.Idle:
		return append(dst, Effect{Do: ArmIdle, After: e.Idle - e.Quiet})
	case e.What == IdleDue:
		return append(dst, Effect{Do: Check})
	}
	s.ending = endIdle
	return s.flush(e, dst)
}

// lookDrained ends a life that has done all it was asked. An answer given outside a turn is noticed a
// little later.
func (s *State) lookDrained(e Event, dst []Effect) []Effect {
	switch {
	case e.What != Checked || s.outstanding > 0 || s.doubted || e.Backlog:
		return dst // every turn looks again
	case !e.Owed:
		return s.flush(e, dst)
	case s.checking:
		return dst
	}
	s.checking = true
	return append(dst, Effect{Do: CheckLater})
}

// flush has the actor write what it still holds, while messages wait; only an owner may.
func (s *State) flush(e Event, dst []Effect) []Effect {
	switch e.Standing {
	case Trusted:
	case Doubted:
		if s.ending == endIdle {
			s.ending = endNone
			dst = append(dst, Effect{Do: ArmIdle, After: e.Idle})
		}
		return s.suspend(dst)
	case Lost:
		return s.drop(Ownership, dst)
	}
	s.phase = Flushing
	return append(s.pause(PauseOwn, dst), Effect{Do: Flush})
}

// flushed ends the life, unless only idleness asked for it and the state could not be written.
func (s *State) flushed(e Event, dst []Effect) []Effect {
	switch {
	case s.phase != Flushing:
		return append(dst, Effect{Do: Discard})
	case s.dropped != None:
		cause := s.dropped
		dst = s.endLife(cause, dst)
		if cause == Closed {
			return append(dst, Effect{Do: Retire, Cause: Closed})
		}
		return s.retire(dst)
	case e.Outcome == Held:
		return append(dst, Effect{Do: Flush})
	case s.ending == endIdle && (e.Outcome == Failed || e.Outcome == Panicked):
		s.phase, s.ending = Active, endNone
		return s.settle(e, append(dst, Effect{Do: ArmIdle, After: e.Idle}))
	}
	return s.retire(s.endLife([...]Cause{endIdle: Idle, endDrain: Drained, endStop: Stop}[s.ending], dst))
}
