package session

import "github.com/prometheus/client_golang/prometheus"

// Metrics counts what happens to sessions.
type Metrics struct {
	opened    prometheus.Counter
	refreshes *prometheus.CounterVec
	ended     *prometheus.CounterVec
}

// NewMetrics registers the metrics of this package with r.
func NewMetrics(r prometheus.Registerer) *Metrics {
	m := &Metrics{
		opened: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "barrage_session_opened_total", Help: "Sessions opened by a login or a registration.",
		}),
		refreshes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "barrage_session_refreshes_total", Help: "Refreshes by result: rotated, repeated within the retry window, or the code of the refusal.",
		}, []string{"result"}),
		ended: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "barrage_session_ended_total", Help: "Sessions ended by reason.",
		}, []string{"reason"}),
	}
	r.MustRegister(m.opened, m.refreshes, m.ended)
	return m
}
