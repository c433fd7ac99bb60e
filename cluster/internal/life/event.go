package life

import "time"

// What happened.
type What uint8

// The events. Those marked "acts" are kept back while the ownership is in doubt.
const (
	// Granted: the shard of the activation is owned; with Outcome Failed it could not be had.
	Granted What = iota
	// Loaded (acts): the load of Life has ended with Outcome.
	Loaded
	// Message (acts): the next message of others. Expired says that nobody waits for it any more.
	Message
	// Timer (acts): a timer of the present life is due.
	Timer
	// WorkEnded (acts): a work of Life has ended; Await says of which sort.
	WorkEnded
	// TurnEnded: the turn ordered by Run has ended with Outcome OK or Panicked.
	TurnEnded
	// IdleDue: the activation had no message for Quiet and may have none for Idle.
	IdleDue
	// Checked answers Check: Backlog and Owed say what is still to be done.
	Checked
	// Flushed (acts): the flush has ended with Outcome.
	Flushed
	// Drain: finish what waits, then end.
	Drain
	// Close: end now, without a flush; what waits is refused.
	Close
	// Lose: the ownership is lost. End now, without a flush; what waits stays for the next life.
	Lose
	// Resume: the ownership is not in doubt any more.
	Resume
	// Expel: what waits has waited long enough for the doubt to end.
	Expel
	// Retired answers Retire: Backlog says that messages wait, so that the activation goes on.
	Retired
)

// Outcome says how something ended.
type Outcome uint8

// The outcomes.
const (
	OK Outcome = iota
	Failed
	// Panicked: of a turn or a load.
	Panicked
	// Fenced: a flush found that a later activation exists.
	Fenced
	// Held: a flush was not begun, because the ownership was in doubt.
	Held
)

// Standing is what the clock and the lease say of the ownership.
type Standing uint8

// The standings.
const (
	Trusted Standing = iota
	// Doubted: the lease may have run out. Nothing may act until it was renewed.
	Doubted
	// Lost: the activation belongs to an ownership that is over.
	Lost
)

// Event is one thing that happened, as the shell saw it.
type Event struct {
	What     What
	Standing Standing
	Outcome  Outcome
	Life     uint32 // which life ordered what has ended
	Await    bool
	Expired  bool
	Rests    bool // Panicked: the actor is quarantined
	Backlog  bool // messages of others wait
	Owed     bool // answers that went out of their turn are not given yet
	Quiet    time.Duration
	Idle     time.Duration
}

// acts reports whether the event leads to something that only an owner may do.
func (e Event) acts() bool {
	switch e.What {
	case Loaded, Message, Timer, WorkEnded, Flushed:
		return true
	case Granted, TurnEnded, IdleDue, Checked, Drain, Close, Lose, Resume, Expel, Retired:
	}
	return false
}

// Do is what the shell is to do.
type Do uint8

// The effects.
const (
	// Run gives the event its turn and comes back with TurnEnded. It is the last effect of its list.
	Run Do = iota
	// Refuse answers the message that nobody waits for.
	Refuse
	// Discard drops the event: it is of an earlier life.
	Discard
	// Keep puts the event back to the head of its queue.
	Keep
	// Pause makes queues wait, as Level says.
	Pause
	// Enter waits for the shard and comes back with Granted. It is the last effect of its list.
	Enter
	// Load begins to load and comes back with Loaded of this Life. It is the last effect of its list.
	Load
	// Flush begins to flush and comes back with Flushed. It is the last effect of its list.
	Flush
	// Check comes back with Checked. It is the last effect of its list.
	Check
	// CheckLater comes back with Drain after a while.
	CheckLater
	// ArmIdle comes back with IdleDue once After has passed.
	ArmIdle
	// EndLife frees what the life owned: timers are stopped, owed answers refused, the actor is closed for
	// Cause.
	EndLife
	// RefuseWaiting refuses the messages that wait.
	RefuseWaiting
	// Retire takes the activation off the register and comes back with Retired. With Cause Quarantine,
	// Failure or Closed what waits is refused. It is the last effect of its list.
	Retire
)

// Cause is why a life ends.
type Cause uint8

// The causes.
const (
	// None: nothing is to be refused.
	None Cause = iota
	Idle
	Stop
	Drained
	Panic
	// Quarantine: it panicked too often.
	Quarantine
	// Failure: its shard could not be had, or its state not be loaded.
	Failure
	// Closed: the node is closed.
	Closed
	// Ownership: the shard is not ours any more.
	Ownership
)

// Level says which queues wait.
type Level uint8

// The levels; each holds back what the one before does.
const (
	PauseNone Level = iota
	// PauseUsers holds messages of others back.
	PauseUsers
	// PauseOwn holds timers and ends of Pipes back, too.
	PauseOwn
	// PauseAll holds everything back but signals.
	PauseAll
)

// Effect is one thing for the shell to do.
type Effect struct {
	Do    Do
	Level Level
	Cause Cause
	After time.Duration
}
