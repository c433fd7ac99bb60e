package metrics_test

import (
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/barrage-live/barrage/internal/metrics"
	"github.com/barrage-live/barrage/internal/metrics/metricstest"
)

func scrape(t *testing.T, r *prometheus.Registry, log *strings.Builder) string {
	t.Helper()
	answer := httptest.NewRecorder()
	h := metrics.Handler(r, slog.New(slog.NewTextHandler(log, nil)))
	h.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	if answer.Code != 200 {
		t.Fatalf("status %d: %s", answer.Code, answer.Body)
	}
	return answer.Body.String()
}

func TestARegistryTellsAboutTheProcess(t *testing.T) {
	t.Parallel()
	var log strings.Builder
	r := metrics.New(metrics.Build{Version: "v1.2.3"})
	body := scrape(t, r, &log)
	for _, want := range []string{
		`barrage_build_info{commit="unknown",go="unknown",version="v1.2.3"} 1`, "go_goroutines", "process_open_fds",
	} {
		if !strings.Contains(body, want) {
			t.Errorf("no %s in the scrape", want)
		}
	}
	metricstest.Lint(t, r)
}

type broken struct{ desc *prometheus.Desc }

func (b broken) Describe(c chan<- *prometheus.Desc) { c <- b.desc }
func (b broken) Collect(c chan<- prometheus.Metric) {
	c <- prometheus.NewInvalidMetric(b.desc, errors.New("disk on fire"))
}

func TestABrokenMetricDoesNotHideTheOthers(t *testing.T) {
	t.Parallel()
	var log strings.Builder
	r := metrics.New(metrics.Build{})
	r.MustRegister(broken{prometheus.NewDesc("barrage_test_broken_total", "x", nil, nil)})
	if body := scrape(t, r, &log); !strings.Contains(body, "go_goroutines") {
		t.Error("nothing was gathered")
	}
	if !strings.Contains(log.String(), "disk on fire") {
		t.Errorf("the cause is not logged: %s", log.String())
	}
}
