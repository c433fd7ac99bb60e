package hls

import (
	"strconv"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Metrics are the figures of a Handler.
type Metrics struct {
	requests *prometheus.CounterVec
	bytes    *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
	kinds    map[kind]*figures // complete, only read
}

// NewMetrics registers the figures with r.
func NewMetrics(r prometheus.Registerer) *Metrics {
	m := &Metrics{
		kinds: make(map[kind]*figures),
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
	for _, k := range []kind{kindMultivariant, kindPlaylist, kindMedia, kindUnknown} {
		m.kinds[k] = &figures{
			bytes: m.bytes.WithLabelValues(string(k)), seconds: m.seconds.WithLabelValues(string(k)),
		}
	}
	return m
}

// figures are those of one kind, looked up once: a lookup by labels costs a request a microsecond.
type figures struct {
	bytes   prometheus.Counter
	seconds prometheus.Observer
	status  [statuses]atomic.Pointer[prometheus.Counter] // by status, looked up when one is answered first
}

// statuses is one more than the highest HTTP status.
const statuses = 600

func (m *Metrics) answered(k kind, status int, bytes int64, took time.Duration) {
	f := m.kinds[k]
	f.bytes.Add(float64(bytes))
	f.seconds.Observe(took.Seconds())
	at := &f.status[max(0, min(status, statuses-1))]
	c := at.Load()
	if c == nil {
		known := m.requests.WithLabelValues(string(k), strconv.Itoa(status))
		c = &known
		at.Store(c)
	}
	(*c).Inc()
}
