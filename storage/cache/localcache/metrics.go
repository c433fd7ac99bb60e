package localcache

import "github.com/prometheus/client_golang/prometheus"

// Metrics counts what the cache does, by kind: value, counter or rate.
type Metrics struct {
	hits, misses, evicted *prometheus.CounterVec
}

// NewMetrics declares the metrics on r.
func NewMetrics(r prometheus.Registerer) *Metrics {
	vec := func(name, help string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, []string{"kind"})
	}
	m := &Metrics{
		hits:    vec("barrage_localcache_hits_total", "Reads that found an entry."),
		misses:  vec("barrage_localcache_misses_total", "Reads that found none."),
		evicted: vec("barrage_localcache_evicted_total", "Entries dropped before their time because their space was full."),
	}
	r.MustRegister(m.hits, m.misses, m.evicted)
	return m
}
