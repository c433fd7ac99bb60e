package session

import (
	"context"
	"log/slog"

	"github.com/barrage-live/barrage/actors/revocation"
	"github.com/barrage-live/barrage/cluster"
	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/id"
	"github.com/barrage-live/barrage/storage/table"
)

// KindName addresses the sessions of a node.
const KindName = "session"

// Deps is what the kind needs.
type Deps struct {
	Table   *table.Store
	Revoker revocation.Revoker
	Config  Config
	Metrics *Metrics
}

// Kind makes sessions. The key is the session id; an activation without a stored document refuses everything but open.
func Kind(d Deps) cluster.Kind {
	cfg := d.Config.filled()
	s := store{d.Table, d.Revoker, cfg.MaxAge}
	return cluster.Kind{
		Name:  KindName,
		Idle:  cfg.Idle,
		State: func(key string) (table.Table, string) { return sessions(), key },
		Activate: func(ctx context.Context, a cluster.Activation) (cluster.Actor, error) {
			var doc document
			var version table.Version
			if a.Exists {
				var err error
				if doc, version, err = s.load(ctx, id.Session(a.Key)); err != nil {
					return nil, err
				}
			}
			return &actor{deps: d, store: s, version: version, state: state{cfg: cfg, exists: version != 0, doc: doc}}, nil
		},
	}
}

// actor is the shell: it feeds commands to the core and performs the effects.
type actor struct {
	state    state
	deps     Deps
	store    store
	version  table.Version // of the stored document; 0 while there is none
	attached int           // sockets this activation has counted in the gauge
	expiry   cluster.Timer
	effects  []effect
}

// Receive performs one command.
func (a *actor) Receive(t *cluster.Turn, msg any) {
	a.effects = a.state.apply(t.Now(), msg, a.effects[:0])
	a.perform(t, a.effects)
}

// Close takes the sockets of this activation out of the gauge; they are soft state.
func (a *actor) Close(error) { a.deps.Metrics.sockets.Sub(float64(a.attached)) }

func (a *actor) perform(t *cluster.Turn, effects []effect) {
	for i, e := range effects {
		switch e := e.(type) {
		case reply:
			t.Reply(e.value)
		case refuse:
			t.Fail(e.err)
		case persist:
			a.persist(t, e, effects[i+1:])
			return
		case over:
			a.deps.Metrics.ended.WithLabelValues(string(e.reason)).Inc()
			t.Log().Info("session ended", slog.String("reason", string(e.reason)), slog.String("user", string(a.state.doc.User)))
		case socketsChanged:
			a.attached += e.delta
			a.deps.Metrics.sockets.Add(float64(e.delta))
			t.Pin(a.attached > 0) // else the next activation would not know of them
		case expireAt:
			a.expiry.Stop()
			a.expiry = t.After(e.at.Sub(t.Now()), expire{})
		case counted:
			a.deps.Metrics.refreshes.WithLabelValues(e.result).Inc()
		}
	}
	if !a.state.exists {
		t.Stop() // asking for sessions that do not exist must not fill the node with them
	}
}

// persist writes and then performs the rest. A write of unknown outcome ends the activation: the truth is in the table.
func (a *actor) persist(t *cluster.Turn, p persist, rest []effect) {
	fence, version := t.Fence(), a.version
	t.Await(func(ctx context.Context) (any, error) {
		return a.store.save(ctx, fence, p, version)
	}, func(t *cluster.Turn, v any, err error) {
		if err != nil {
			t.Fail(fault.From(err))
			t.Stop()
			return
		}
		a.version = v.(table.Version)
		if p.first {
			a.deps.Metrics.opened.Inc()
		}
		a.perform(t, rest)
	})
}
