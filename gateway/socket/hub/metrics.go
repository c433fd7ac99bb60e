package hub

import "github.com/prometheus/client_golang/prometheus"

// Metrics counts what the hub does.
type Metrics struct {
	rooms       prometheus.Gauge
	subscribers prometheus.Gauge
	late        prometheus.Gauge
	kept        prometheus.Gauge
	batches     prometheus.Counter
	danmaku     prometheus.Counter
	encoded     prometheus.Counter
	deliveries  prometheus.Counter
	refused     prometheus.Counter
	writing     prometheus.Counter
	merged      prometheus.Counter
	samples     prometheus.Counter
	missing     *prometheus.CounterVec
	evicted     *prometheus.CounterVec
	missed      prometheus.Counter
	dropped     prometheus.Counter
	entries     *prometheus.CounterVec
	lag         prometheus.Histogram
}

// NewMetrics registers the metrics with r.
func NewMetrics(r prometheus.Registerer) *Metrics {
	gauge := func(name, help string) prometheus.Gauge {
		g := prometheus.NewGauge(prometheus.GaugeOpts{Name: name, Help: help})
		r.MustRegister(g)
		return g
	}
	counter := func(name, help string) prometheus.Counter {
		c := prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
		r.MustRegister(c)
		return c
	}
	counters := func(name, help, label string) *prometheus.CounterVec {
		c := prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, []string{label})
		r.MustRegister(c)
		return c
	}
	m := &Metrics{
		rooms:       gauge("barrage_hub_rooms", "Rooms this node keeps attached."),
		subscribers: gauge("barrage_hub_subscribers", "Connections in rooms, each room counted."),
		late:        gauge("barrage_hub_late_subscribers", "Those of them that do not take what comes at the moment."),
		kept:        gauge("barrage_hub_kept_bytes", "Memory of the newest danmaku of all rooms, about."),
		batches:     counter("barrage_hub_batches_total", "Batches taken from rooms."),
		danmaku:     counter("barrage_hub_danmaku_total", "Danmaku in those batches."),
		encoded:     counter("barrage_hub_frames_total", "Frames put together, each for all connections in the same place."),
		deliveries:  counter("barrage_hub_deliveries_total", "Frames handed to sockets."),
		refused:     counter("barrage_hub_deliveries_refused_total", "Frames that closed or slow sockets did not take."),
		writing:     counter("barrage_hub_writing_seconds_total", "Time spent on handing frames to sockets; by deliveries, the cost of a write."),
		merged:      counter("barrage_hub_batches_merged_total", "Batches that went out together with an earlier one because the node was slower than the room."),
		samples:     counter("barrage_hub_samples_total", "Frames with a sample of a backlog, because the node was much slower than the room."),
		missing: counters("barrage_hub_danmaku_missing_total",
			"Danmaku that a connection was told it does not get, each connection counted, by reason: sampled, slow or lost.", "reason"),
		evicted: counters("barrage_hub_evictions_total", "Connections taken out of rooms, by code.", "code"),
		missed:  counter("barrage_hub_gaps_total", "Gaps found between batches of a room."),
		dropped: counter("barrage_hub_batches_dropped_total", "Batches dropped while a gap before them was filled."),
		entries: counters("barrage_hub_entries_total", "Joins answered, by who answered: hub or room.", "source"),
		lag: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "barrage_hub_fanout_seconds", Help: "From the oldest news of a pass until the last socket of a shard was written.",
			Buckets: []float64{.0005, .001, .002, .005, .01, .02, .05, .1, .2, .5, 1, 2},
		}),
	}
	r.MustRegister(m.lag)
	return m
}
