package session

import (
	"log/slog"

	"github.com/barrage-live/barrage/actors/document"
	"github.com/barrage-live/barrage/actors/identity/revocation"
	"github.com/barrage-live/barrage/cluster"
	"github.com/barrage-live/barrage/storage/outbox"
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
	Undone  *outbox.Undone
}

// Kind makes sessions. The key is the session id; an activation without a stored document refuses
// everything but open.
func Kind(d Deps) cluster.Kind {
	cfg, rows := d.Config.filled(), store{d.Table, d.Revoker}
	return document.Kind[stored, state, *state]{
		Name: KindName, Idle: cfg.Idle, Messages: messages(), Tables: d.Table, Table: sessions(), Undone: d.Undone, Around: rows.around, Settle: rows.settle,
		Core: func() state { return state{cfg: cfg} },
		Actor: func(s *document.Shell[stored, state, *state]) cluster.Actor {
			s.Own = d.Metrics.perform
			return s
		},
	}.Cluster()
}

// perform counts what happened, which is all that a session does beside its document.
func (m *Metrics) perform(t *cluster.Turn, e document.Effect, _ []document.Effect) (waits bool) {
	switch e := e.(type) {
	case opened:
		m.opened.Inc()
	case refreshed:
		m.refreshes.WithLabelValues(e.result).Inc()
	case over:
		m.ended.WithLabelValues(string(e.reason)).Inc()
		t.Log().Info("session ended", slog.String("reason", string(e.reason)), slog.String("user", string(e.user)))
	}
	return false
}
