package hls

import (
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Metrics are the figures of a Handler.
type Metrics struct {
	requests *prometheus.CounterVec
	bytes    *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
}

// NewMetrics registers the figures with r.
func NewMetrics(r prometheus.Registerer) *Metrics {
	m := &Metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "barrage_hls_requests_total",
			Help: "Requests answered, by what they asked for and status; 499 is a client that went away.",
		}, []string{"what", "status"}),
		bytes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "barrage_hls_sent_bytes_total", Help: "Bytes of the answers' bodies, by what was asked for.",
		}, []string{"what"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "barrage_hls_request_seconds",
			Help:    "Time from request to answer, the wait for a part included.",
			Buckets: []float64{1e-4, 1e-3, 10e-3, 100e-3, 250e-3, 500e-3, 1, 2, 4, 12},
		}, []string{"what"}),
	}
	r.MustRegister(m.requests, m.bytes, m.seconds)
	return m
}

func (m *Metrics) answered(k kind, status int, bytes int64, took time.Duration) {
	m.requests.WithLabelValues(string(k), strconv.Itoa(status)).Inc()
	m.bytes.WithLabelValues(string(k)).Add(float64(bytes))
	m.seconds.WithLabelValues(string(k)).Observe(took.Seconds())
}
