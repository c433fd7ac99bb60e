package hub

import "github.com/prometheus/client_golang/prometheus"

// Metrics counts what the hub does.
type Metrics struct {
	rooms      prometheus.Gauge
	seats      prometheus.Gauge
	batches    prometheus.Counter
	danmaku    prometheus.Counter
	encoded    prometheus.Counter
	deliveries prometheus.Counter
	refused    prometheus.Counter
	evicted    *prometheus.CounterVec
	holes      prometheus.Counter
	dropped    *prometheus.CounterVec
	entries    *prometheus.CounterVec
	lag        prometheus.Histogram
}

// NewMetrics registers the metrics with r.
func NewMetrics(r prometheus.Registerer) *Metrics {
	m := &Metrics{
		rooms:      prometheus.NewGauge(prometheus.GaugeOpts{Name: "barrage_hub_rooms", Help: "Rooms this node keeps attached."}),
		seats:      prometheus.NewGauge(prometheus.GaugeOpts{Name: "barrage_hub_seats", Help: "Connections in rooms, each room counted."}),
		batches:    prometheus.NewCounter(prometheus.CounterOpts{Name: "barrage_hub_batches_total", Help: "Batches taken from rooms."}),
		danmaku:    prometheus.NewCounter(prometheus.CounterOpts{Name: "barrage_hub_danmaku_total", Help: "Danmaku in those batches."}),
		encoded:    prometheus.NewCounter(prometheus.CounterOpts{Name: "barrage_hub_variants_encoded_total", Help: "Encodings made, at most one per batch and encoding, plus those cut for one joiner."}),
		deliveries: prometheus.NewCounter(prometheus.CounterOpts{Name: "barrage_hub_deliveries_total", Help: "Batches handed to sockets."}),
		refused:    prometheus.NewCounter(prometheus.CounterOpts{Name: "barrage_hub_deliveries_refused_total", Help: "Batches that closed or slow sockets did not take."}),
		evicted:    prometheus.NewCounterVec(prometheus.CounterOpts{Name: "barrage_hub_evictions_total", Help: "Connections told to join again, by code."}, []string{"code"}),
		holes:      prometheus.NewCounter(prometheus.CounterOpts{Name: "barrage_hub_holes_total", Help: "Holes found between batches of a room."}),
		dropped:    prometheus.NewCounterVec(prometheus.CounterOpts{Name: "barrage_hub_batches_dropped_total", Help: "Batches dropped, by queue: shard, seat or hole."}, []string{"queue"}),
		entries:    prometheus.NewCounterVec(prometheus.CounterOpts{Name: "barrage_hub_entries_total", Help: "Joins answered, by who answered: hub or room."}, []string{"source"}),
		lag: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "barrage_hub_fanout_seconds", Help: "From Deliver until the last socket of a shard was written.",
			Buckets: []float64{.0005, .001, .002, .005, .01, .02, .05, .1, .2, .5, 1, 2},
		}),
	}
	r.MustRegister(m.rooms, m.seats, m.batches, m.danmaku, m.encoded, m.deliveries, m.refused, m.evicted, m.holes, m.dropped, m.entries, m.lag)
	return m
}
