package cluster

import (
	"sync/atomic"
	"time"
)

// envelope is one message on its way, with the duty to answer it if it was asked. It belongs to the sender
// until it is offered to a mailbox and to the activation afterwards; flags is the only field that both
// sides touch.
type envelope struct {
	next     *envelope
	msg      any
	deadline time.Time   // absolute; zero for Tell
	reply    chan result // of an Ask: one place, so that answering never blocks
	call     *call       // of an AskFunc
	codec    *codec      // encodes the answer; nil: it is handed over as it is

	flags atomic.Uint32

	// holders counts the turns and pending works that may still answer. It belongs to the activation's turns.
	holders int32
}

// The flags of an envelope.
const (
	answered  uint32 = 1 << iota // the asker was told
	abandoned                    // the asker waits no more
	taken                        // a Reply went out of the turns
)

type result struct {
	value any
	err   error
}

// asked reports whether somebody was to be answered; of a Tell nobody is.
func (e *envelope) asked() bool { return e.reply != nil || e.call != nil }

// answer gives the result to the asker; only the first counts. It reports whether it was the first of an Ask.
func (e *envelope) answer(v any, err error) bool {
	if e == nil || !e.asked() || e.flags.Or(answered)&answered != 0 {
		return false
	}
	if e.codec != nil {
		v, err = e.codec.answer(v, err)
	}
	if e.call != nil {
		e.call.finish(v, err)
	} else {
		e.reply <- result{v, err}
	}
	return true
}

// expired reports whether nobody waits for the answer any more.
func (e *envelope) expired(now time.Time) bool {
	return e.flags.Load()&abandoned != 0 || !e.deadline.IsZero() && now.After(e.deadline)
}

// Reply is the duty to answer one Ask, taken out of its turn with Turn.Later. It may be used from anywhere,
// at any time, and copied; the first Send or Fail answers and the others do nothing. The zero Reply, and
// that of a Tell, is nobody's.
type Reply struct{ to *envelope }

// Send answers with v, which the asker then owns; it must not be changed afterwards.
func (r Reply) Send(v any) { r.to.answer(v, nil) }

// Fail answers with an error.
func (r Reply) Fail(err error) { r.to.answer(nil, err) }
