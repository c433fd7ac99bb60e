package metricstest_test

import (
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/barrage-live/barrage/internal/metrics/metricstest"
)

func TestFaultsAreSeen(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		metric prometheus.Collector
		want   string // empty: nothing wrong
	}{
		{"a good counter", prometheus.NewCounter(prometheus.CounterOpts{Name: "barrage_room_posts_total", Help: "x"}), ""},
		{"a good histogram", prometheus.NewHistogram(prometheus.HistogramOpts{Name: "barrage_room_tick_seconds", Help: "x"}), ""},
		{"another's name", prometheus.NewCounter(prometheus.CounterOpts{Name: "room_posts_total", Help: "x"}), "want barrage_"},
		{"camel case", prometheus.NewGauge(prometheus.GaugeOpts{Name: "barrage_roomPosts", Help: "x"}), "snake_case"},
		{"a counter without total", prometheus.NewCounter(prometheus.CounterOpts{Name: "barrage_room_posts", Help: "x"}), "_total"},
		{"milliseconds", prometheus.NewGauge(prometheus.GaugeOpts{Name: "barrage_room_tick_milliseconds", Help: "x"}), "base unit"},
		{"no help", prometheus.NewGauge(prometheus.GaugeOpts{Name: "barrage_room_online"}), "help"},
		{"a histogram without unit", prometheus.NewHistogram(prometheus.HistogramOpts{Name: "barrage_room_tick", Help: "x"}), "names its unit"},
		{"a label without bound", prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "barrage_room_online", Help: "x", ConstLabels: prometheus.Labels{"room": "1"},
		}), "has no bound"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := prometheus.NewRegistry()
			r.MustRegister(c.metric)
			families, err := r.Gather()
			if err != nil {
				t.Fatal(err)
			}
			got := strings.Join(metricstest.Faults(families), "\n")
			if (got == "") != (c.want == "") || !strings.Contains(got, c.want) {
				t.Errorf("got %q, want %q in it", got, c.want)
			}
		})
	}
}
