package cluster

import (
	"errors"
	"slices"
	"testing"

	"github.com/asynkron/protoactor-go/actor"
	"pgregory.net/rapid"

	"github.com/barrage-live/barrage/cluster/internal/life"
)

// byHand is a dispatcher that runs when the test says, and an invoker that writes down.
type byHand struct {
	scheduled []func()
	received  []any
	// during is done once inside the next message, as a turn that posts does; each inside every one.
	during func()
	each   func(msg any)
}

func (h *byHand) Schedule(run func())             { h.scheduled = append(h.scheduled, run) }
func (h *byHand) Throughput() int                 { return 2 }
func (h *byHand) InvokeSystemMessage(msg any)     { h.InvokeUserMessage(msg) }
func (h *byHand) EscalateFailure(reason, msg any) {}
func (h *byHand) InvokeUserMessage(msg any) {
	h.received = append(h.received, msg)
	if f := h.during; f != nil {
		h.during = nil
		f()
	}
	if h.each != nil {
		h.each(msg)
	}
}

// mailboxModel is the mailbox written naively.
type mailboxModel struct {
	system, user []any
	queues       [priorities][]any
	paused       life.Level
	sealed       bool
}

func (m *mailboxModel) run() (out []any) {
	for msg := m.next(); msg != nil; msg = m.next() {
		out = append(out, msg)
	}
	return out
}

// next is the message whose turn it is; nil: none.
func (m *mailboxModel) next() any {
	take := func(q *[]any) any {
		msg := (*q)[0]
		*q = (*q)[1:]
		return msg
	}
	switch {
	case len(m.system) > 0:
		return take(&m.system)
	case len(m.queues[steering]) > 0:
		return take(&m.queues[steering])
	case len(m.queues[awaited]) > 0 && m.paused != life.PauseAll:
		return take(&m.queues[awaited])
	case len(m.queues[own]) > 0 && m.paused <= life.PauseUsers:
		return take(&m.queues[own])
	case len(m.user) > 0 && m.paused == life.PauseNone:
		return take(&m.user)
	}
	return nil
}

func TestMailboxAgreesWithNaiveModel(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		const limit = 4
		hand, m := &byHand{}, &mailboxModel{}
		b := &mailbox{limit: limit}
		b.RegisterHandlers(hand, hand)
		started, n := false, 0
		fresh := func() *envelope { n++; return &envelope{msg: n} }
		t.Repeat(map[string]func(*rapid.T){
			"offer": func(t *rapid.T) {
				e, want := fresh(), accepted
				switch {
				case m.sealed:
					want = sealed
				case len(m.user) >= limit:
					want = full
				default:
					m.user = append(m.user, e)
				}
				if got := b.offer(e); got != want {
					t.Fatalf("offer = %v, want %v", got, want)
				}
			},
			"post": func(t *rapid.T) {
				post(t, b, m, priority(rapid.IntRange(0, int(priorities)-1).Draw(t, "priority")), fresh())
			},
			"put back": func(t *rapid.T) {
				if !m.sealed {
					putBack(b, m, priority(rapid.IntRange(0, int(priorities)).Draw(t, "priority")), fresh())
				}
			},
			"take all": func(t *rapid.T) {
				sameMessages(t, b.takeAll(), m.user)
				m.user = nil
			},
			"system": func(*rapid.T) { e := fresh(); m.system = append(m.system, e); b.PostSystemMessage(e) },
			"pause": func(t *rapid.T) {
				m.paused = life.Level(rapid.IntRange(0, int(life.PauseAll)).Draw(t, "level"))
				b.pause(m.paused)
			},
			"start": func(*rapid.T) { started = true; b.Start() },
			"seal if empty": func(t *rapid.T) {
				want := len(m.user) == 0
				if _, got := b.sealIfEmpty(); got != want {
					t.Fatalf("sealIfEmpty = %v, want %v", got, want)
				}
				if want {
					m.sealed, m.queues = true, [priorities][]any{}
				}
			},
			"seal": func(t *rapid.T) {
				if rapid.IntRange(0, 9).Draw(t, "one in ten") == 0 {
					seal(t, b, m)
				}
			},
			"run": func(t *rapid.T) { runs(t, hand, m, started) },
			"": func(t *rapid.T) {
				if b.UserMessageCount() != len(m.user) {
					t.Fatalf("%d waiting, want %d", b.UserMessageCount(), len(m.user))
				}
				if len(hand.scheduled) > 1 {
					t.Fatalf("%d runs at once", len(hand.scheduled))
				}
			},
		})
	})
}

// TestWhatATurnDoesHoldsFromTheNextMessage: whatever a turn does to its own mailbox, and others meanwhile,
// the next message is the one that it would have been had nothing been taken out before.
func TestWhatATurnDoesHoldsFromTheNextMessage(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		const limit = 6
		hand, m := &byHand{}, &mailboxModel{}
		b := &mailbox{limit: limit}
		b.RegisterHandlers(hand, hand)
		b.Start()
		n, turns := 0, 0
		fresh := func() *envelope { n++; return &envelope{msg: n} }
		offer := func() {
			e := fresh()
			if got := b.offer(e); (got == accepted) != (!m.sealed && len(m.user) < limit) {
				t.Fatalf("offer = %v with %d waiting", got, len(m.user))
			} else if got == accepted {
				m.user = append(m.user, e)
			}
		}
		for range rapid.IntRange(1, limit).Draw(t, "offered") {
			offer()
		}
		hand.each = func(msg any) {
			if want := m.next(); msg != want {
				t.Fatalf("turn %d has %v, want %v", turns, msg, want)
			}
			if turns++; turns > 30 {
				return
			}
			switch rapid.IntRange(0, 9).Draw(t, "what the turn does") {
			case 0, 1, 2:
				offer()
			case 3:
				post(t, b, m, priority(rapid.IntRange(0, int(priorities)-1).Draw(t, "priority")), fresh())
			case 4:
				if !m.sealed {
					putBack(b, m, priority(rapid.IntRange(0, int(priorities)).Draw(t, "back")), fresh())
				}
			case 5:
				m.paused = life.Level(rapid.IntRange(0, int(life.PauseAll)).Draw(t, "level"))
				b.pause(m.paused)
			case 6:
				e := fresh()
				m.system = append(m.system, e)
				b.PostSystemMessage(e)
			case 7:
				sameMessages(t, b.takeAll(), m.user)
				m.user = nil
			case 8:
				seal(t, b, m)
			}
			if b.depth() != len(m.user) {
				t.Fatalf("%d wait, want %d", b.depth(), len(m.user))
			}
		}
		for range 3 {
			for len(hand.scheduled) > 0 {
				run := hand.scheduled[0]
				hand.scheduled = nil
				run()
			}
			if left := m.next(); left != nil {
				t.Fatalf("%v was left", left)
			}
			m.paused = life.PauseNone
			b.pause(life.PauseNone)
		}
	})
}

func post(t *rapid.T, b *mailbox, m *mailboxModel, p priority, e *envelope) {
	var msg any = envelopeOf{e}
	if got := b.post(p, msg); got == m.sealed {
		t.Fatalf("post = %v with sealed %v", got, m.sealed)
	}
	if !m.sealed {
		m.queues[p] = append(m.queues[p], msg)
	}
}

// envelopeOf is a message that is not a user's.
type envelopeOf struct{ *envelope }

// putBack puts a message back: of the users beyond the last priority.
func putBack(b *mailbox, m *mailboxModel, p priority, e *envelope) {
	if p == priorities {
		b.putBack(0, e)
		m.user = slices.Insert(m.user, 0, any(e))
		return
	}
	b.putBack(p, envelopeOf{e})
	m.queues[p] = slices.Insert(m.queues[p], 0, any(envelopeOf{e}))
}

func seal(t *rapid.T, b *mailbox, m *mailboxModel) {
	waiting, ordered := b.seal()
	sameMessages(t, waiting, m.user)
	if want := slices.Concat(m.queues[awaited], m.queues[own]); !slices.Equal(ordered, want) {
		t.Fatalf("seal handed out %v, want %v", ordered, want)
	}
	m.user, m.queues, m.sealed = nil, [priorities][]any{}, true
}

func sameMessages(t *rapid.T, got *envelope, want []any) {
	for _, w := range want {
		if any(got) != w {
			t.Fatalf("handed out %v, want %v", got, w)
		}
		got = got.next
	}
	if got != nil {
		t.Fatalf("handed out %v beyond the last", got)
	}
}

// runs lets the scheduled run go and compares what was received.
func runs(t *rapid.T, hand *byHand, m *mailboxModel, started bool) {
	hand.received = nil
	for len(hand.scheduled) > 0 {
		run := hand.scheduled[0]
		hand.scheduled = nil
		run()
	}
	var want []any
	if started {
		want = m.run()
	}
	if len(hand.received) != len(want) {
		t.Fatalf("received %d messages, want %d", len(hand.received), len(want))
	}
	for i := range want {
		if hand.received[i] != want[i] {
			t.Fatalf("message %d is %v, want %v", i, hand.received[i], want[i])
		}
	}
}

func TestWhatTheEnginePostsObeysTheBound(t *testing.T) {
	t.Parallel()
	b := &mailbox{limit: 1}
	hand := &byHand{}
	b.RegisterHandlers(hand, hand)
	b.PostUserMessage("first")
	asked := &envelope{reply: make(chan result, 1)}
	b.PostUserMessage(asked)
	if r := <-asked.reply; !errors.Is(r.err, errMailboxFull) {
		t.Errorf("the second was answered %v, want mailbox_full", r.err)
	}
	b.Start()
	b.PostSystemMessage(&actor.Stop{})
	hand.scheduled[0]()
	if len(hand.received) != 2 {
		t.Errorf("received %v, want the system message and the first", hand.received)
	}
}

func TestAMessagePostedDuringTheLastTurnIsNotLeft(t *testing.T) {
	t.Parallel()
	hand := &byHand{}
	b := &mailbox{limit: 8}
	b.RegisterHandlers(hand, hand)
	b.Start()
	hand.during = func() { b.offer(&envelope{msg: 2}) }
	b.offer(&envelope{msg: 1})
	hand.scheduled[0]()
	if len(hand.received) != 2 || len(hand.scheduled) != 1 {
		t.Errorf("%d received in %d runs, want 2 in one", len(hand.received), len(hand.scheduled))
	}
}
