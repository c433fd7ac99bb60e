package rtmp

import "github.com/prometheus/client_golang/prometheus"

// Metrics are the figures of all RTMP Servers of a process.
type Metrics struct {
	conns    prometheus.Gauge
	accepted prometheus.Counter
	closed   *prometheus.CounterVec
	bytes    prometheus.Counter
	detect   prometheus.Histogram
	passed   *prometheus.CounterVec
}

// NewMetrics registers the figures with r.
func NewMetrics(r prometheus.Registerer) *Metrics {
	m := &Metrics{
		conns: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "barrage_rtmp_connections", Help: "Open RTMP connections.",
		}),
		accepted: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "barrage_rtmp_accepted_total", Help: "RTMP connections accepted.",
		}),
		closed: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "barrage_rtmp_closed_total",
			Help: "RTMP connections closed, by the code of the reason; stream_ended is a proper end, gave_way one for want of a place before a key was shown.",
		}, []string{"code"}),
		bytes: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "barrage_rtmp_received_bytes_total", Help: "Bytes of media received over RTMP.",
		}),
		detect: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "barrage_rtmp_detect_seconds",
			Help:    "Time from the publish command until the tracks were known.",
			Buckets: []float64{0.01, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10},
		}),
		passed: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "barrage_rtmp_passed_over_total",
			Help: "Messages passed over: bad_unit for a malformed access unit, unreadable for a message that is not what its type says, other_track for a track of which nothing was said yet, awaits_key for sound or pictures of another format that wait for a key picture, leading for a picture that no decoder could show that starts at the key picture it follows.",
		}, []string{"why"}),
	}
	r.MustRegister(m.conns, m.accepted, m.closed, m.bytes, m.detect, m.passed)
	return m
}
