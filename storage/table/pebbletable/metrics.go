package pebbletable

import "github.com/prometheus/client_golang/prometheus"

// Metrics counts what the engine does.
type Metrics struct {
	batches   *prometheus.CounterVec
	groups    prometheus.Histogram
	sync      prometheus.Histogram
	queue     prometheus.Gauge
	queueMax  prometheus.Gauge
	swept     prometheus.Counter
	corrupt   prometheus.Counter
	down      prometheus.Gauge
	abandoned prometheus.Counter
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
			Name: "barrage_pebbletable_queue_calls", Help: "Apply calls waiting for the committer.",
		}),
		queueMax: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "barrage_pebbletable_queue_limit_calls", Help: "Apply calls that may wait for the committer.",
		}),
		swept: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "barrage_pebbletable_swept_rows_total", Help: "Expired rows removed by the sweeper.",
		}),
		corrupt: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "barrage_pebbletable_corrupt_total", Help: "Rows or files found damaged.",
		}),
		down: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "barrage_pebbletable_down", Help: "1 while writes are refused because of the disk.",
		}),
		abandoned: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "barrage_pebbletable_abandoned_engines_total", Help: "Engines given up after a disk error; their memory is not freed.",
		}),
	}
	r.MustRegister(m.batches, m.groups, m.sync, m.queue, m.queueMax, m.swept, m.corrupt, m.down, m.abandoned)
	return m
}
