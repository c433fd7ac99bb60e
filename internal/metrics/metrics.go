// Package metrics makes the one registry of a process and serves it to Prometheus.
//
// It owns nothing after New returns: the root package holds the registry, hands it to the NewMetrics
// function of every package that emits (each declares its own in its metrics.go), and mounts Handler on the
// private admin port. Besides theirs the registry holds the Go runtime, the process and barrage_build_info.
//
// Names are an interface that dashboards rely on: barrage_<package>_<what>_<unit>, in base units, with
// labels of few and known values; ids of rooms, users or sessions are never labels. Package metricstest
// checks that.
//
// New fails never: a name that is registered twice is our own bug and panics at start. A scrape that finds
// a broken metric answers with what it could gather and logs the rest.
package metrics

import (
	"log/slog"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Build says which program this is. Empty fields are shown as "unknown".
type Build struct {
	// Version is the tag or the description of the commit.
	Version string
	// Commit is the hash of the sources.
	Commit string
	// Go is the version of the compiler.
	Go string
}

// New makes a registry that already tells about the runtime, the process and the build.
func New(b Build) *prometheus.Registry {
	r := prometheus.NewRegistry()
	info := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "barrage_build_info", Help: "Which program this is; the value is always 1.",
		ConstLabels: prometheus.Labels{"version": known(b.Version), "commit": known(b.Commit), "go": known(b.Go)},
	})
	info.Set(1)
	r.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), info)
	return r
}

func known(s string) string {
	if s == "" {
		return "unknown"
	}
	return s
}

// Limits of one scrape: more scrapers than this at once are refused with 503, a slow one is cut.
const (
	scrapers      = 3
	scrapeTimeout = 10 * time.Second
)

// Handler serves the registry in the format that the scraper asks for.
func Handler(r *prometheus.Registry, log *slog.Logger) http.Handler {
	return promhttp.HandlerFor(r, promhttp.HandlerOpts{
		ErrorLog: errorLog{log}, ErrorHandling: promhttp.ContinueOnError,
		MaxRequestsInFlight: scrapers, Timeout: scrapeTimeout, EnableOpenMetrics: true,
	})
}

// errorLog turns the complaints of the library into log lines of ours.
type errorLog struct{ log *slog.Logger }

// Println is what the library calls.
func (e errorLog) Println(v ...any) {
	for _, one := range v {
		if err, ok := one.(error); ok {
			e.log.Warn("metrics not gathered", slog.Any("error", err))
		}
	}
}
