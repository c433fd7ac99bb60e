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

	// What storage holds.
	card  record
	known bool
	mutes map[string]Mute
	log   []Danmaku
	head  position.Position

	// What the core wants done.
	effects   []effect
	appending []Danmaku
	saving    *change
	reads     []effect
	asked     waiter
}

func newWorld(cfg Config, epoch position.Epoch) *world {
	w := &world{cfg: cfg.withDefaults(), epoch: epoch, mutes: map[string]Mute{}}
	w.restart(time.Time{}, epoch)
	return w
}

// restart begins the next activation on what storage holds.
func (w *world) restart(now time.Time, epoch position.Epoch) {
	l := loaded{known: w.known, card: w.card, head: w.head, tail: slices.Clone(w.log)}
	for _, m := range w.mutes {
		if now.Before(m.Until) {
			l.mutes = append(l.mutes, m)
		}
	}
	w.epoch, w.appending, w.saving, w.reads = epoch, nil, nil, nil
	w.state = newState(now, w.cfg, "7", epoch, l)
}

// ask applies a command that somebody waits for.
func (w *world) ask(now time.Time, cmd any) []effect {
	w.asked++
	return w.tell(now, w.asked, cmd)
}

// tell applies a command and takes the effects in.
func (w *world) tell(now time.Time, by waiter, cmd any) []effect {
	w.effects = w.state.apply(now, by, cmd, w.effects[:0])
	for _, e := range w.effects {
		switch e.do {
		case doAppend:
			w.appending = e.rows
		case doSave:
			w.saving = e.change
		case doRead:
			w.reads = append(w.reads, e)
		case doAnswer, doRefuse, doDeliver, doWake, doStop:
		}
	}
	return w.effects
}

// appended ends the append in flight; landed says that the rows are in the log, whatever the error says.
func (w *world) appended(now time.Time, err error, landed bool) []effect {
	rows := w.appending
	w.appending = nil
	if landed {
		w.log = append(w.log, slices.Clone(rows)...)
		w.head = rows[len(rows)-1].Position
	}
	return w.tell(now, 0, appended{err})
}

func (w *world) saved(now time.Time, err error) []effect {
	c := w.saving
	w.saving = nil
	if err == nil {
		w.known, w.card = true, c.card
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
	if n := e.query.limit; len(rows) > n && e.query.newest {
		rows = rows[len(rows)-n:]
	} else if len(rows) > n {
		rows = rows[:n]
	}
	return w.tell(now, e.to, found{Query: e.query, Rows: rows, Err: err})
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
