package cluster

import "github.com/prometheus/client_golang/prometheus"

// Metrics are the figures of a node, by kind of actor; keys are never a label.
type Metrics struct {
	active      *prometheus.GaugeVec
	activations *prometheus.CounterVec
	passivated  *prometheus.CounterVec
	turns       *prometheus.HistogramVec
	refused     *prometheus.CounterVec
	panics      *prometheus.CounterVec
	flushErrors *prometheus.CounterVec
	suspended   prometheus.Gauge
	attempts    *prometheus.CounterVec
	losses      prometheus.Counter
}

// NewMetrics registers the figures with r.
func NewMetrics(r prometheus.Registerer) *Metrics {
	m := &Metrics{
		active: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "barrage_cluster_active_actors",
			Help: "Actors in memory, loading and flushing ones included.",
		}, []string{"kind"}),
		activations: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "barrage_cluster_activations_total",
			Help: "Actors activated, by outcome: ok or failed.",
		}, []string{"kind", "outcome"}),
		passivated: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "barrage_cluster_passivations_total",
			Help: "Activations ended, by cause: idle, stop, drain, panic, lost, closed.",
		}, []string{"kind", "cause"}),
		turns: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "barrage_cluster_turn_seconds",
			Help:    "How long one turn of an actor takes.",
			Buckets: []float64{1e-6, 5e-6, 25e-6, 100e-6, 500e-6, 2.5e-3, 10e-3, 50e-3, 250e-3, 1},
		}, []string{"kind"}),
		refused: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "barrage_cluster_refused_total",
			Help: "Messages and works not executed, by fault code.",
		}, []string{"kind", "code"}),
		panics: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "barrage_cluster_panics_total",
			Help: "Panics recovered in turns, activations, works and flushes.",
		}, []string{"kind"}),
		flushErrors: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "barrage_cluster_flush_errors_total",
			Help: "Flushes before the end of an activation that failed.",
		}, []string{"kind"}),
		suspended: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "barrage_cluster_suspended",
			Help: "1 while the lease of the node is in doubt or lost and nothing may act, else 0.",
		}),
		attempts: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "barrage_cluster_lease_attempts_total",
			Help: "Attempts to renew the lease of the node or to join again, by outcome: done, failed, gone.",
		}, []string{"outcome"}),
		losses: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "barrage_cluster_leases_lost_total",
			Help: "Leases of the node that were lost for certain.",
		}),
	}
	r.MustRegister(m.active, m.activations, m.passivated, m.turns, m.refused, m.panics, m.flushErrors, m.suspended, m.attempts, m.losses)
	return m
}

// figures are the metrics of one kind, looked up once.
type figures struct {
	active      prometheus.Gauge
	activated   prometheus.Counter
	failed      prometheus.Counter
	turns       prometheus.Observer
	panics      prometheus.Counter
	flushErrors prometheus.Counter
	refused     *prometheus.CounterVec
	passivated  *prometheus.CounterVec
}

func (m *Metrics) of(kind string) figures {
	label := prometheus.Labels{"kind": kind}
	return figures{
		active:      m.active.With(label),
		activated:   m.activations.WithLabelValues(kind, "ok"),
		failed:      m.activations.WithLabelValues(kind, "failed"),
		turns:       m.turns.With(label),
		panics:      m.panics.With(label),
		flushErrors: m.flushErrors.With(label),
		refused:     m.refused.MustCurryWith(label),
		passivated:  m.passivated.MustCurryWith(label),
	}
}
