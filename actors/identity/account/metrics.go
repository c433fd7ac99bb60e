package account

import "github.com/prometheus/client_golang/prometheus"

// Metrics counts what happens to accounts.
type Metrics struct {
	registrations *prometheus.CounterVec
	logins        *prometheus.CounterVec
	rehashes      *prometheus.CounterVec
}

// NewMetrics registers the metrics of this package with r.
func NewMetrics(r prometheus.Registerer) *Metrics {
	m := &Metrics{
		registrations: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "barrage_account_registrations_total", Help: "Registrations by result: ok or the code of the refusal.",
		}, []string{"result"}),
		logins: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "barrage_account_logins_total", Help: "Password checks by result: ok or the code of the refusal.",
		}, []string{"result"}),
		rehashes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "barrage_account_rehashes_total", Help: "Password hashes made anew because the parameters changed, by result.",
		}, []string{"result"}),
	}
	r.MustRegister(m.registrations, m.logins, m.rehashes)
	return m
}
