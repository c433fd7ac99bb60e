package follower

import "github.com/prometheus/client_golang/prometheus"

// Metrics tells whether what is told is heard. A nil Metrics counts nothing.
type Metrics struct {
	appends *prometheus.CounterVec
	rounds  *prometheus.CounterVec
	behind  *prometheus.GaugeVec
	builds  *prometheus.GaugeVec
	skipped *prometheus.CounterVec
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
		builds: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "barrage_follower_building", Help: "1 while a list is being built from the truth, by kind.",
		}, []string{"kind"}),
		skipped: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "barrage_follower_unreadable_total", Help: "What a list was built without because it cannot be read, by kind. The log names it.",
		}, []string{"kind"}),
	}
	r.MustRegister(m.appends, m.rounds, m.behind, m.builds, m.skipped)
	return m
}

func (m *Metrics) appended(topic string, err error) {
	if m != nil {
		m.appends.WithLabelValues(topic, result(err)).Inc()
	}
}

func (m *Metrics) read(kind string, r round, err error) {
	if m == nil {
		return
	}
	m.rounds.WithLabelValues(kind, result(err)).Inc()
	m.skipped.WithLabelValues(kind).Add(float64(r.missed))
	if err != nil {
		return
	}
	building := 0.
	if r.building {
		building = 1
	} else {
		m.behind.WithLabelValues(kind).Set(float64(r.behind))
	}
	m.builds.WithLabelValues(kind).Set(building)
}

func result(err error) string {
	if err != nil {
		return "failed"
	}
	return "ok"
}
