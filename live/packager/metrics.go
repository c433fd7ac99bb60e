package packager

import "github.com/prometheus/client_golang/prometheus"

// Metrics are the figures of all Packagers of a process.
type Metrics struct {
	broadcasts prometheus.Gauge
	parts      prometheus.Counter
	bytes      prometheus.Counter
	delay      prometheus.Histogram
	skipped    prometheus.Counter
	corrected  *prometheus.CounterVec
	waiting    prometheus.Gauge
	timeouts   prometheus.Counter
	unchanged  prometheus.Counter
	lost       prometheus.Counter
	paused     prometheus.Counter
	stored     prometheus.Histogram
}

// NewMetrics registers the figures with r.
func NewMetrics(r prometheus.Registerer) *Metrics {
	m := &Metrics{
		broadcasts: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "barrage_packager_broadcasts", Help: "Broadcasts that are packaged, interrupted ones included.",
		}),
		parts: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "barrage_packager_parts_total", Help: "Parts published.",
		}),
		bytes: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "barrage_packager_part_bytes_total", Help: "Bytes of the parts published.",
		}),
		delay: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "barrage_packager_part_delay_seconds",
			Help:    "Time from the arrival of the unit that completed a part to its publication.",
			Buckets: []float64{1e-4, 5e-4, 1e-3, 5e-3, 25e-3, 100e-3, 500e-3, 2},
		}),
		skipped: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "barrage_packager_skipped_units_total", Help: "Units that fell out of a stream's ring before they were read.",
		}),
		corrected: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "barrage_packager_corrections_total",
			Help: "What had to be put right: jump, glitch, clamped, audio_dropped, hole, hard_cut, picture_dropped.",
		}, []string{"what"}),
		waiting: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "barrage_packager_waiting_requests", Help: "Requests that wait for a part.",
		}),
		timeouts: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "barrage_packager_wait_timeouts_total", Help: "Requests that waited three target durations in vain.",
		}),
		unchanged: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "barrage_packager_unchanged_answers_total",
			Help: "Requests that were answered with the playlist as it was, because nothing came for a target duration.",
		}),
		lost: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "barrage_packager_lost_segments_total", Help: "Segments that could not be recorded.",
		}),
		paused: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "barrage_packager_unrecorded_segments_total", Help: "Segments that were not recorded because the disk is nearly full.",
		}),
		stored: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "barrage_packager_store_seconds",
			Help:    "Time to record one segment.",
			Buckets: []float64{1e-3, 5e-3, 25e-3, 100e-3, 500e-3, 2, 10},
		}),
	}
	r.MustRegister(m.broadcasts, m.parts, m.bytes, m.delay, m.skipped, m.corrected, m.waiting, m.timeouts, m.unchanged, m.lost, m.paused, m.stored)
	return m
}
