package channel

import "github.com/prometheus/client_golang/prometheus"

// Metrics counts what happens to channels.
type Metrics struct {
	leases    *prometheus.CounterVec
	lost      prometheus.Counter
	finished  prometheus.Counter
	live      prometheus.Gauge
	announces *prometheus.CounterVec
}

// NewMetrics registers the metrics of this package with r.
func NewMetrics(r prometheus.Registerer) *Metrics {
	m := &Metrics{
		leases: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "barrage_channel_leases_total", Help: "Requests to publish by result: ok, or the code of the refusal.",
		}, []string{"result"}),
		lost: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "barrage_channel_interruptions_total", Help: "Publishers that were lost while live.",
		}),
		finished: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "barrage_channel_broadcasts_finished_total", Help: "Broadcasts that ended for good.",
		}),
		live: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "barrage_channel_live_channels", Help: "Channels of this node whose broadcast goes on, publisher present or not.",
		}),
		announces: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "barrage_channel_announcements_total", Help: "Tellings of the state to room and listing by result.",
		}, []string{"result"}),
	}
	r.MustRegister(m.leases, m.lost, m.finished, m.live, m.announces)
	return m
}

func result(ok bool) string {
	if ok {
		return "ok"
	}
	return "failed"
}
