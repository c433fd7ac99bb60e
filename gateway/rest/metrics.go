package rest

import "github.com/prometheus/client_golang/prometheus"

// Metrics counts requests by route pattern, never by path.
type Metrics struct {
	requests *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
	inFlight prometheus.Gauge
	limited  *prometheus.CounterVec
}

// NewMetrics registers the metrics of this package with r.
func NewMetrics(r prometheus.Registerer) *Metrics {
	m := &Metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "barrage_api_requests_total", Help: "Requests by method, route pattern and status.",
		}, []string{"method", "route", "status"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "barrage_api_request_seconds", Help: "Time from the request's head to its answer, by route pattern.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
		}, []string{"route"}),
		inFlight: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "barrage_api_requests_in_flight", Help: "Requests being answered.",
		}),
		limited: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "barrage_api_rate_limits_total", Help: "Rate limit decisions that were not a plain yes: refused, or failed (the counter could not be asked and the request went on).",
		}, []string{"limit", "result"}),
	}
	r.MustRegister(m.requests, m.seconds, m.inFlight, m.limited)
	return m
}
