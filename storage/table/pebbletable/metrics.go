package pebbletable

import (
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
)

// Metrics counts what the engine does.
type Metrics struct {
	batches *prometheus.CounterVec
	groups  prometheus.Histogram
	sync    prometheus.Histogram
	queue   prometheus.Gauge
	limit   prometheus.Gauge
	swept   prometheus.Counter
	walked  prometheus.Counter
	corrupt prometheus.Counter
	engine  atomic.Pointer[engine] // whose state the gauges show
}

// watch lets the gauges show the state of an engine.
func (m *Metrics) watch(e *engine) {
	m.limit.Set(float64(e.cfg.Queue))
	m.engine.Store(e)
}

// gauge declares a gauge that is read off the engine; zero while there is none.
func (m *Metrics) gauge(name, help string, read func(e *engine) float64) prometheus.Collector {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, func() float64 {
		if e := m.engine.Load(); e != nil {
			return read(e)
		}
		return 0
	})
}

// NewMetrics declares the metrics on r.
func NewMetrics(r prometheus.Registerer) *Metrics {
	m := &Metrics{
		batches: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "barrage_pebbletable_batches_total", Help: "Batches by outcome: ok, or the code of the refusal.",
		}, []string{"outcome"}),
		groups: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "barrage_pebbletable_group_batches", Help: "Batches that shared one sync.",
			Buckets: prometheus.ExponentialBuckets(1, 2, 12),
		}),
		sync: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "barrage_pebbletable_sync_seconds", Help: "Time from the write of a group until it was durable.",
			Buckets: prometheus.ExponentialBuckets(50e-6, 2, 16),
		}),
		queue: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "barrage_pebbletable_queue_calls", Help: "Calls waiting for the committer.",
		}),
		limit: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "barrage_pebbletable_queue_limit_calls", Help: "Calls that may wait for the committer.",
		}),
		swept: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "barrage_pebbletable_swept_rows_total", Help: "Expired rows removed by the sweeper.",
		}),
		walked: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "barrage_pebbletable_sweep_keys_total", Help: "Keys that the sweeper walked over, those already removed among them.",
		}),
		corrupt: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "barrage_pebbletable_corrupt_total", Help: "Rows or files found damaged.",
		}),
	}
	r.MustRegister(m.batches, m.groups, m.sync, m.queue, m.limit, m.swept, m.walked, m.corrupt,
		m.gauge("barrage_pebbletable_down", "1 while writes are refused because of the disk.", func(e *engine) float64 {
			if e.guard.why() != nil || e.low.Load() || e.oldest() > stallAfter {
				return 1
			}
			return 0
		}),
		m.gauge("barrage_pebbletable_oldest_write_seconds", "How long the oldest write has been on its way to the disk.", func(e *engine) float64 {
			return e.oldest().Seconds()
		}),
	)
	return m
}
