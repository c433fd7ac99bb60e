package room

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/barrage-live/barrage/internal/fault"
)

// Metrics are the figures of all rooms of a node together.
type Metrics struct {
	posts      *prometheus.CounterVec
	append     prometheus.Histogram
	appendRows prometheus.Histogram
	batchRows  prometheus.Histogram
	tickLag    prometheus.Histogram
	tick       prometheus.Histogram
	recoveries *prometheus.CounterVec
	reads      *prometheus.CounterVec
	forgotten  prometheus.Counter
	failures   *prometheus.CounterVec
	index      prometheus.Histogram
	unreadable *prometheus.CounterVec
	doubts     prometheus.Gauge
	doubted    prometheus.Histogram
}

// NewMetrics registers the figures; call it once per registry.
func NewMetrics(r prometheus.Registerer) *Metrics {
	m := &Metrics{
		posts: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "barrage_room_posts_total", Help: "Posts answered, by result: accepted, duplicate or the code of the refusal.",
		}, []string{"result"}),
		append: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "barrage_room_append_seconds", Help: "From handing danmaku to the log until they are durable.",
			Buckets: prometheus.ExponentialBuckets(0.0005, 2, 14),
		}),
		appendRows: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "barrage_room_append_rows", Help: "Danmaku of one append.", Buckets: prometheus.ExponentialBuckets(1, 2, 11),
		}),
		batchRows: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "barrage_room_batch_rows", Help: "Danmaku of one batch.", Buckets: prometheus.ExponentialBuckets(1, 2, 13),
		}),
		tickLag: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "barrage_room_tick_lag_seconds", Help: "How late ticks come.", Buckets: prometheus.ExponentialBuckets(0.001, 2, 12),
		}),
		tick: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "barrage_room_tick_seconds", Help: "The tick in force when a batch was sent.",
			Buckets: []float64{0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 0.75, 1, 1.5, 2, 5},
		}),
		recoveries: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "barrage_room_recoveries_total", Help: "Resumes answered, by result: recovered or the reason why not.",
		}, []string{"result"}),
		reads: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "barrage_room_reads_total", Help: "Reads of what the ring no longer holds, by result.",
		}, []string{"result"}),
		forgotten: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "barrage_room_keys_forgotten_total", Help: "Keys forgotten before their time because too many were posted.",
		}),
		failures: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "barrage_room_write_failures_total", Help: "Appends, changes and steps of the index that failed, by code.",
		}, []string{"code"}),
		index: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "barrage_room_index_seconds", Help: "How long one step of the index by media time took.",
			Buckets: prometheus.ExponentialBuckets(0.0005, 2, 14),
		}),
		unreadable: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "barrage_room_unreadable_total", Help: "Rows left out because they were damaged, by where: the log when it was indexed, or the index.",
		}, []string{"in"}),
		doubts: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "barrage_room_in_doubt", Help: "Rooms that have a write of unknown outcome and refuse others until it is known.",
		}),
		doubted: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "barrage_room_doubt_seconds", Help: "How long rooms took to learn how a write had ended.",
			Buckets: prometheus.ExponentialBuckets(0.1, 2, 12),
		}),
	}
	r.MustRegister(m.posts, m.append, m.appendRows, m.batchRows, m.tickLag, m.tick, m.recoveries, m.reads, m.forgotten, m.failures,
		m.index, m.unreadable, m.doubts, m.doubted)
	return m
}

func (m *Metrics) posted(duplicate bool) {
	if duplicate {
		m.posts.WithLabelValues("duplicate").Inc()
		return
	}
	m.posts.WithLabelValues("accepted").Inc()
}

func (m *Metrics) recovered(r Recovery) {
	if r.Recovered {
		m.recoveries.WithLabelValues("recovered").Inc()
		return
	}
	m.recoveries.WithLabelValues(r.Reason).Inc()
}

func (m *Metrics) read(err error) {
	if err != nil {
		m.reads.WithLabelValues(fault.CodeOf(err)).Inc()
		return
	}
	m.reads.WithLabelValues("ok").Inc()
}
