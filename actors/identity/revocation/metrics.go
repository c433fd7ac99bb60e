package revocation

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/barrage-live/barrage/internal/fault"
)

// Metrics counts what was revoked and what is known.
type Metrics struct {
	writes *prometheus.CounterVec
	reads  *prometheus.CounterVec
	known  prometheus.Gauge
}

// NewMetrics registers the metrics of this package with r.
func NewMetrics(r prometheus.Registerer) *Metrics {
	f := promauto.With(r)
	return &Metrics{
		writes: f.NewCounterVec(prometheus.CounterOpts{
			Name: "barrage_revocation_writes_total", Help: "Revocations written by this node by result: ok or the code of the refusal.",
		}, []string{"result"}),
		reads: f.NewCounterVec(prometheus.CounterOpts{
			Name: "barrage_revocation_reads_total", Help: "Readings of what other nodes have revoked by result: ok or the code of the refusal.",
		}, []string{"result"}),
		known: f.NewGauge(prometheus.GaugeOpts{
			Name: "barrage_revocation_known", Help: "Logins and users some of whose tokens this node refuses before they expire.",
		}),
	}
}

func (m *Metrics) written(err error) { m.writes.WithLabelValues(result(err)).Inc() }

func (m *Metrics) caughtUp(err error, known int) {
	m.reads.WithLabelValues(result(err)).Inc()
	m.known.Set(float64(known))
}

func result(err error) string {
	if err == nil {
		return "ok"
	}
	return fault.CodeOf(err)
}
