package cluster

import (
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/barrage-live/barrage/cluster/internal/life"
)

// priority says which messages go before which, and before those of users.
type priority uint8

const (
	// steering comes from the node and the shard, and is never held back.
	steering priority = iota
	// awaited is the end of a load, a flush or an Await.
	awaited
	// own is what else the activation ordered itself: due timers and ends of Pipes. What others sent comes
	// after it.
	own
	priorities
)

// offered is the outcome of offering a message.
type offered uint8

const (
	accepted offered = iota
	full
	sealed
)

// mailbox is the queue of one activation or shard: protoactor's Mailbox with a bound. It refuses the newest
// user message when limit wait; all other messages always pass, and are bounded by what causes them (one
// signal of a sort, armed timers, pending works). What is paused waits.
//
// It exists before its process does, so that the order of messages never depends on who wins the race to
// activate. Once sealed it takes nothing any more and never runs again, but for system messages.
//
// A run takes the user messages that wait all at once and handles them without the lock, which those who
// send hold most of the time; whatever else happens makes it put them back first (urgent).
type mailbox struct {
	invoker    actor.MessageInvoker
	dispatcher actor.Dispatcher
	limit      int

	waiting atomic.Int64 // user messages, those that were taken among them
	urgent  atomic.Bool  // something may go before what was taken, or keep it back; set with mu held
	taken   list         // it belongs to the run; empty outside of one

	mu struct {
		sync.Mutex
		system  []any
		queues  [priorities][]any
		users   list
		paused  life.Level
		started bool // the process is there
		running bool // a goroutine is in run
		sealed  bool
	}
}

var _ actor.Mailbox = (*mailbox)(nil)

// list is user messages, linked through next.
type list struct{ head, tail *envelope }

func (l *list) push(e *envelope) {
	if l.tail == nil {
		l.head = e
	} else {
		l.tail.next = e
	}
	l.tail = e
}

func (l *list) pop() *envelope {
	e := l.head
	if l.head = e.next; l.head == nil {
		l.tail = nil
	}
	e.next = nil
	return e
}

// before puts all of another list before what is there, and empties it.
func (l *list) before(o *list) {
	if o.head == nil {
		return
	}
	o.tail.next = l.head
	if l.tail == nil {
		l.tail = o.tail
	}
	l.head, *o = o.head, list{}
}

// offer queues a user message or says why not; the message is then still the caller's.
func (b *mailbox) offer(e *envelope) offered {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.mu.sealed:
		return sealed
	case int(b.waiting.Load()) >= b.limit:
		return full
	}
	b.mu.users.push(e)
	b.waiting.Add(1)
	b.schedule()
	return accepted
}

// post queues a message that is not a user's. It reports false if the mailbox is sealed.
func (b *mailbox) post(p priority, msg any) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.mu.sealed {
		return false
	}
	b.mu.queues[p] = append(b.mu.queues[p], msg)
	b.interrupt()
	return true
}

// interrupt has the run look at everything before it goes on, or starts one; mu is held.
func (b *mailbox) interrupt() {
	b.urgent.Store(true)
	b.schedule()
}

// putBack makes the message that was taken last the next again, of the users' if it is one of theirs. It is
// for the run only, as are takeAll, sealIfEmpty and seal, unless nobody offers anything to the mailbox, as to
// that of a shard.
func (b *mailbox) putBack(p priority, msg any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	e, ok := msg.(*envelope)
	if !ok {
		b.mu.queues[p] = slices.Insert(b.mu.queues[p], 0, msg)
	} else {
		b.gather()
		b.mu.users.before(&list{e, e})
		b.waiting.Add(1)
	}
	b.interrupt()
}

// pause makes messages wait or go on.
func (b *mailbox) pause(l life.Level) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.mu.paused = l
	b.interrupt()
}

// depth is the number of waiting user messages.
func (b *mailbox) depth() int { return int(b.waiting.Load()) }

// gather puts what was taken back to those that wait; mu is held.
func (b *mailbox) gather() { b.mu.users.before(&b.taken) }

// takeAll hands out the user messages that wait.
func (b *mailbox) takeAll() *envelope {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.clear()
}

// clear forgets the user messages; mu is held.
func (b *mailbox) clear() (waiting *envelope) {
	b.gather()
	waiting, b.mu.users = b.mu.users.head, list{}
	b.waiting.Store(0)
	return waiting
}

// sealIfEmpty seals unless user messages wait. It hands out what the activation ordered itself.
func (b *mailbox) sealIfEmpty() (ordered []any, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.waiting.Load() > 0 {
		return nil, false
	}
	_, ordered = b.sealAll()
	return ordered, true
}

// seal takes nothing any more and hands out what waited: user messages, and what the activation ordered
// itself.
func (b *mailbox) seal() (waiting *envelope, ordered []any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.sealAll()
}

// sealAll is seal; mu is held.
func (b *mailbox) sealAll() (waiting *envelope, ordered []any) {
	b.mu.sealed = true
	ordered = slices.Concat(b.mu.queues[awaited], b.mu.queues[own])
	b.mu.queues = [priorities][]any{}
	return b.clear(), ordered
}

// schedule starts a run if there is something to do; mu is held.
func (b *mailbox) schedule() {
	if b.mu.started && !b.mu.running && b.runnable() {
		b.mu.running = true
		b.dispatcher.Schedule(b.run)
	}
}

func (b *mailbox) runnable() bool {
	return len(b.mu.system) > 0 || len(b.mu.queues[steering]) > 0 ||
		b.mu.paused < life.PauseAll && len(b.mu.queues[awaited]) > 0 ||
		b.mu.paused < life.PauseOwn && len(b.mu.queues[own]) > 0 ||
		b.mu.paused < life.PauseUsers && b.mu.users.head != nil
}

// next takes the message whose turn it is. Without one the run is over, and the next message starts another.
func (b *mailbox) next() (msg any, system bool) {
	if b.taken.head != nil && !b.urgent.Load() {
		b.waiting.Add(-1)
		return b.taken.pop(), false
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.gather()
	switch {
	case !b.runnable():
		b.mu.running = false
		return nil, false
	case len(b.mu.system) > 0:
		return pop(&b.mu.system), true
	case len(b.mu.queues[steering]) > 0:
		return pop(&b.mu.queues[steering]), false
	case b.mu.paused < life.PauseAll && len(b.mu.queues[awaited]) > 0:
		return pop(&b.mu.queues[awaited]), false
	case b.mu.paused < life.PauseOwn && len(b.mu.queues[own]) > 0:
		return pop(&b.mu.queues[own]), false
	}
	b.urgent.Store(false) // users go last, and only while nothing is paused
	b.taken, b.mu.users = b.mu.users, list{}
	b.waiting.Add(-1)
	return b.taken.pop(), false
}

// pop takes the first of q; an emptied queue gives its memory back, because most mailboxes idle.
func pop(q *[]any) any {
	first := (*q)[0]
	(*q)[0] = nil
	*q = (*q)[1:]
	if len(*q) == 0 {
		*q = nil
	}
	return first
}

// run handles messages until none may go. A panic that comes out of them is a bug of this package, since
// guard recovers those of actors: it ends the process. Another goroutine may already be in the next run
// when it returns.
func (b *mailbox) run() {
	for done := 0; ; done++ {
		if done == b.dispatcher.Throughput() {
			done = 0
			runtime.Gosched()
		}
		msg, system := b.next()
		switch {
		case msg == nil:
			return
		case system:
			b.invoker.InvokeSystemMessage(msg)
		default:
			b.invoker.InvokeUserMessage(msg)
		}
	}
}

// PostUserMessage implements actor.Mailbox: what comes through protoactor obeys the same bound. Nothing of
// ours does.
func (b *mailbox) PostUserMessage(msg any) {
	e, ok := msg.(*envelope)
	if !ok {
		e = &envelope{msg: msg}
	}
	switch b.offer(e) {
	case full:
		e.answer(nil, errMailboxFull)
	case sealed:
		e.answer(nil, errEnded)
	case accepted:
	}
}

// PostSystemMessage implements actor.Mailbox.
func (b *mailbox) PostSystemMessage(msg any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.mu.system = append(b.mu.system, msg)
	b.interrupt()
}

// RegisterHandlers implements actor.Mailbox.
func (b *mailbox) RegisterHandlers(invoker actor.MessageInvoker, dispatcher actor.Dispatcher) {
	b.invoker, b.dispatcher = invoker, dispatcher
}

// Start implements actor.Mailbox.
func (b *mailbox) Start() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.mu.started = true
	b.schedule()
}

// UserMessageCount implements actor.Mailbox.
func (b *mailbox) UserMessageCount() int { return b.depth() }
