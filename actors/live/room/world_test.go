package room

import (
	"slices"
	"time"

	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/position"
)

// world runs a core against a log in memory and notes what comes out of it.
type world struct {
	cfg   Config
	epoch position.Epoch
	state *state

	began time.Time // the activation

	// What storage holds.
	card   record
	exists bool
	mutes  map[string]Mute
	log    []Danmaku
	head   position.Position

	// What the core wants done.
	effects   []effect
	appending []entry
	settling  bool      // the append is an attempt to settle one of unknown outcome
	limbo     []Danmaku // of an append of unknown outcome that has not landed, and may yet
	retries   []any
	saving    *change
	reads     []effect
	asked     waiter
}

func newWorld(cfg Config, epoch position.Epoch) *world {
	w := &world{cfg: cfg.withDefaults(), epoch: epoch, mutes: map[string]Mute{}}
	w.restart(time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC), epoch) // before the moments of the tests
	return w
}

// restart begins the next activation on what storage holds.
func (w *world) restart(now time.Time, epoch position.Epoch) {
	l := loaded{exists: w.exists, card: w.card, head: w.head, tail: slices.Clone(w.log)}
	for _, m := range w.mutes {
		if now.Before(m.Until) {
			l.mutes = append(l.mutes, m)
		}
	}
	w.epoch, w.appending, w.saving, w.reads, w.limbo, w.retries = epoch, nil, nil, nil, nil, nil
	w.began = now
	w.state = newState(w.instant(now), w.cfg, "7", epoch, l)
}

func (w *world) instant(now time.Time) instant { return instant{at: now.Sub(w.began), wall: now} }

// ask applies a command that somebody waits for.
func (w *world) ask(now time.Time, cmd any) []effect {
	w.asked++
	return w.tell(now, w.asked, cmd)
}

// tell applies a command and takes the effects in.
func (w *world) tell(now time.Time, by waiter, cmd any) []effect {
	w.effects = w.state.apply(w.instant(now), by, cmd, w.effects[:0])
	for _, e := range w.effects {
		switch e.do {
		case doAppend, doSettleAppend:
			w.appending, w.settling = e.rows, e.do == doSettleAppend
		case doSave, doSettleSave:
			w.saving = e.change
		case doRetry:
			w.retries = append(w.retries, e.value)
		case doRead:
			w.reads = append(w.reads, e)
		case doAnswer, doRefuse, doDeliver, doWake, doIndex, doIndexWake, doStop:
		}
	}
	return w.effects
}

// appended ends the append in flight; landed says that the rows are in the log, whatever the error says.
func (w *world) appended(now time.Time, err error, landed bool) []effect {
	rows := danmakuOf(w.appending)
	w.appending = nil
	if landed {
		w.land(rows)
	} else if err != nil {
		w.limbo = rows
	}
	return w.tell(now, 0, appended{err})
}

// land puts rows into the log, unless they are there already: each attempt to append them has the condition
// that they are not.
func (w *world) land(rows []Danmaku) {
	if last := rows[len(rows)-1].Position; w.head != last {
		w.log = append(w.log, rows...)
		w.head = last
	}
	w.limbo = nil
}

func danmakuOf(entries []entry) []Danmaku {
	rows := make([]Danmaku, len(entries))
	for i := range entries {
		rows[i] = entries[i].Danmaku
	}
	return rows
}

// retry brings the oldest command that the core wanted brought after a while.
func (w *world) retry(now time.Time) []effect {
	cmd := w.retries[0]
	w.retries = w.retries[1:]
	return w.tell(now, 0, cmd)
}

func (w *world) saved(now time.Time, err error) []effect {
	c := w.saving
	w.saving = nil
	if err == nil {
		w.exists, w.card = true, c.card
		if c.mute != nil {
			w.mutes[string(c.mute.User)] = *c.mute
		}
		delete(w.mutes, string(c.unmute))
	}
	return w.tell(now, 0, saved{err})
}

// found performs the oldest read.
func (w *world) found(now time.Time, err error) []effect {
	e := w.reads[0]
	w.reads = w.reads[1:]
	var rows []Danmaku
	for _, d := range w.log {
		if o := d.Position.Offset; o >= e.query.from && o <= e.query.to {
			rows = append(rows, d)
		}
	}
	n := e.query.limit
	more := len(rows) > n
	if more && e.query.newest {
		rows = rows[len(rows)-n:]
	} else if more {
		rows = rows[:n]
	}
	return w.tell(now, e.to, rowsRead{Query: e.query, Rows: rows, More: more, Err: err})
}

// failure is an error of the kind named.
func failure(kind string) error {
	for k := fault.Internal; k <= fault.Unavailable; k++ {
		if k.String() == kind {
			return fault.New(k, "storage_"+kind, "the storage says no")
		}
	}
	return nil
}

// pos is a place in the log of epoch 1.
func pos(offset uint64) position.Position {
	return position.Position{Epoch: 1, Offset: position.Offset(offset)}
}
