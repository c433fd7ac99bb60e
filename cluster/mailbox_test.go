package cluster

import (
	"errors"
	"testing"

	"github.com/asynkron/protoactor-go/actor"
	"pgregory.net/rapid"
)

// byHand is a dispatcher that runs when the test says, and an invoker that writes down.
type byHand struct {
	scheduled []func()
	received  []any
	// during is done once inside the next message, as a turn that posts does.
	during func()
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
}

// mailboxModel is the mailbox written naively.
type mailboxModel struct {
	system, urgent, self, user []any
	held                       hold
	sealed                     bool
}

func (m *mailboxModel) run() (out []any) {
	for {
		switch {
		case len(m.system) > 0:
			out, m.system = append(out, m.system[0]), m.system[1:]
		case len(m.urgent) > 0:
			out, m.urgent = append(out, m.urgent[0]), m.urgent[1:]
		case len(m.self) > 0 && m.held != holdAll:
			out, m.self = append(out, m.self[0]), m.self[1:]
		case len(m.user) > 0 && m.held == holdNone:
			out, m.user = append(out, m.user[0]), m.user[1:]
		default:
			return out
		}
	}
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
				case len(m.user) == limit:
					want = full
				default:
					m.user = append(m.user, e)
				}
				if got := b.offer(e); got != want {
					t.Fatalf("offer = %v, want %v", got, want)
				}
			},
			"urgent": func(t *rapid.T) { e := fresh(); post(t, b, m, urgent, &m.urgent, e) },
			"self":   func(t *rapid.T) { e := fresh(); post(t, b, m, self, &m.self, e) },
			"system": func(*rapid.T) { e := fresh(); m.system = append(m.system, e); b.PostSystemMessage(e) },
			"hold": func(t *rapid.T) {
				m.held = rapid.SampledFrom([]hold{holdNone, holdUser, holdAll}).Draw(t, "lanes")
				b.setHold(m.held)
			},
			"start": func(*rapid.T) { started = true; b.Start() },
			"seal if empty": func(t *rapid.T) {
				want := len(m.user) == 0
				if got := b.sealIfEmpty(); got != want {
					t.Fatalf("sealIfEmpty = %v, want %v", got, want)
				}
				m.sealed = m.sealed || want
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

func post(t *rapid.T, b *mailbox, m *mailboxModel, l lane, q *[]any, e *envelope) {
	if got := b.post(l, e); got == m.sealed {
		t.Fatalf("post = %v with sealed %v", got, m.sealed)
	}
	if !m.sealed {
		*q = append(*q, e)
	}
}

func seal(t *rapid.T, b *mailbox, m *mailboxModel) {
	waiting, _ := b.seal()
	for _, want := range m.user {
		if waiting != want {
			t.Fatalf("seal handed out %v, want %v", waiting, want)
		}
		waiting = waiting.next
	}
	m.user, m.urgent, m.self, m.sealed = nil, nil, nil, true
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
