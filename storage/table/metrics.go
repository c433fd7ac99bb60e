package table

import "github.com/prometheus/client_golang/prometheus"

// WriterMetrics counts what Writers do.
type WriterMetrics struct {
	refused prometheus.Counter
	queue   prometheus.Gauge
	group   prometheus.Histogram
}

// NewWriterMetrics declares the metrics on r. Writers that share them show their sum, and the queue of the last to move.
func NewWriterMetrics(r prometheus.Registerer) *WriterMetrics {
	m := &WriterMetrics{
		refused: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "barrage_table_writer_refused_total", Help: "Batches refused because the queue was full.",
		}),
		queue: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "barrage_table_writer_queue_batches", Help: "Batches left in the queue when the last group was taken.",
		}),
		group: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "barrage_table_writer_group_batches", Help: "Batches written at once.",
			Buckets: prometheus.ExponentialBuckets(1, 2, 11),
		}),
	}
	r.MustRegister(m.refused, m.queue, m.group)
	return m
}
