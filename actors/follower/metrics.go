package follower

import "github.com/prometheus/client_golang/prometheus"

// Metrics tells whether what is told is heard. A nil Metrics counts nothing.
type Metrics struct {
	appends *prometheus.CounterVec
	rounds  *prometheus.CounterVec
	behind  *prometheus.GaugeVec
}

// NewMetrics registers the metrics of this package with r.
func NewMetrics(r prometheus.Registerer) *Metrics {
	m := &Metrics{
		appends: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "barrage_follower_appends_total", Help: "Appends of events by actors, by topic and result: ok or failed. What failed is appended again.",
		}, []string{"topic", "result"}),
		rounds: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "barrage_follower_rounds_total", Help: "Rounds in which a list read events, by kind and result: ok or failed.",
		}, []string{"kind", "result"}),
		behind: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "barrage_follower_behind_events", Help: "Events that a list had not read after its last round, by kind.",
		}, []string{"kind"}),
	}
	r.MustRegister(m.appends, m.rounds, m.behind)
	return m
}

func (m *Metrics) appended(topic string, err error) {
	if m != nil {
		m.appends.WithLabelValues(topic, result(err)).Inc()
	}
}

func (m *Metrics) read(kind string, behind uint64, err error) {
	if m == nil {
		return
	}
	m.rounds.WithLabelValues(kind, result(err)).Inc()
	if err == nil {
		m.behind.WithLabelValues(kind).Set(float64(behind))
	}
}

func result(err error) string {
	if err != nil {
		return "failed"
	}
	return "ok"
}
