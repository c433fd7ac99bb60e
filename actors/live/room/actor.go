package room

import (
	"context"
	"time"

	"github.com/barrage-live/barrage/cluster"
	"github.com/barrage-live/barrage/internal/id"
	"github.com/barrage-live/barrage/storage/table"
)

// kindName is the first part of a room's address; its key is the id of the room.
const kindName = "room"

// mailbox is how many commands may wait for one room.
const mailbox = 4096

// Deps are what the rooms of a node need. Store, Fanout and Metrics are required.
type Deps struct {
	Store   Store
	Fanout  Fanout
	Config  Config
	Metrics *Metrics
}

// Kind is the kind of actor a room is. It is activated by the first command, reads its state from storage,
// and is passivated after a minute without one; attached nodes renew their attachment more often than that.
func Kind(d Deps) cluster.Kind {
	cfg := d.Config.withDefaults()
	return cluster.Kind{
		Name: kindName, Mailbox: mailbox, Messages: messages(),
		State: func(key string) (table.Table, string) { return roomTable(), key },
		Activate: func(ctx context.Context, a cluster.Activation) (cluster.Actor, error) {
			if err := cfg.Validate(); err != nil {
				return nil, err
			}
			room, err := id.ParseNumber[id.Room](a.Key)
			if err != nil {
				return nil, err
			}
			r := &rows{store: d.Store, cfg: cfg, room: room, fence: a.Fence}
			began := time.Now()
			var l loaded
			if a.Exists {
				if l, err = r.load(ctx, began); err != nil {
					return nil, err
				}
			}
			l.activation = a.Fence.Activation
			s := &shell{rows: r, indexer: indexer{rows: r, metrics: d.Metrics}, began: began, timeout: cfg.AppendTimeout, fanout: d.Fanout, metrics: d.Metrics}
			s.state = newState(s.instant(began), cfg, room, a.Fence.Epoch, l)
			return s, nil
		},
	}
}

// shell carries commands to the core and performs its effects.
type shell struct {
	state   *state
	rows    *rows
	indexer indexer // used by one step at a time
	began   time.Time
	timeout time.Duration
	fanout  Fanout
	metrics *Metrics

	effects []effect
	askers  askers
	wake    cluster.Timer
	wakeAt  time.Time
	evicted uint64
	doubtAt time.Time // since when the metrics count this room as one in doubt
}

var (
	_ cluster.Actor      = (*shell)(nil)
	_ cluster.Passivator = (*shell)(nil)
	_ cluster.Closer     = (*shell)(nil)
)

// Receive implements cluster.Actor.
func (s *shell) Receive(t *cluster.Turn, msg any) {
	var w waiter
	switch msg.(type) {
	case tick:
		s.metrics.tickLag.Observe(t.Now().Sub(s.wakeAt).Seconds())
	case detach, retryAppend, retrySave, indexDue: // told, not asked
	default:
		_, isPost := msg.(post)
		w = s.askers.hold(t.Later(), isPost)
	}
	s.apply(t, w, msg)
}

// Passivate implements cluster.Passivator: it sends what is durable and refuses whoever still waits.
func (s *shell) Passivate(context.Context) error {
	s.effects = s.state.apply(s.instant(time.Now()), 0, closing{}, s.effects[:0])
	for _, e := range s.effects {
		if e.do == doDeliver {
			s.deliver(e)
		} else if e.do == doRefuse {
			s.refuse(e)
		}
	}
	s.askers.refuseAll(errMoved)
	return nil
}

// instant is a moment as the core sees it. The difference of two readings of this process does not follow
// changes of the clock.
func (s *shell) instant(now time.Time) instant {
	return instant{at: now.Sub(s.began), wall: now.Round(0)}
}

func (s *shell) apply(t *cluster.Turn, w waiter, cmd any) {
	s.effects = s.state.apply(s.instant(t.Now()), w, cmd, s.effects[:0])
	for i := range s.effects {
		s.perform(t, s.effects[i])
		s.effects[i] = effect{}
	}
	if n := s.state.keys.evicted; n != s.evicted {
		s.metrics.forgotten.Add(float64(n - s.evicted))
		s.evicted = n
	}
	s.noteDoubt(t.Now())
}

func (s *shell) perform(t *cluster.Turn, e effect) {
	switch e.do {
	case doAnswer:
		s.answer(e)
	case doRefuse:
		s.refuse(e)
	case doAppend:
		s.append(t, e.rows, s.rows.append)
	case doSettleAppend:
		s.append(t, e.rows, s.rows.settleAppend)
	case doSave:
		s.save(t, e.change, s.rows.save)
	case doSettleSave:
		s.save(t, e.change, s.rows.settleSave)
	case doRead:
		s.read(t, e.to, e.query)
	case doDeliver:
		s.deliver(e)
	case doWake:
		s.wake.Stop()
		s.wakeAt = t.Now().Add(e.after)
		s.wake = t.After(e.after, tick{})
	case doRetry:
		t.After(e.after, e.value)
	case doIndex:
		s.index(t, e.step)
	case doIndexWake:
		t.After(e.after, indexDue{})
	case doStop:
		t.Stop()
	}
}
