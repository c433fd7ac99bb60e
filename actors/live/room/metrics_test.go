package room

import (
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

func TestMetricsAreSound(t *testing.T) {
	r := prometheus.NewRegistry()
	m := NewMetrics(r)
	m.posted(true)
	m.posted(false)
	m.recovered(Recovery{Recovered: true})
	m.recovered(Recovery{Reason: TooOld})
	m.read(errReadsBusy)
	m.read(nil)
	problems, err := testutil.GatherAndLint(r)
	if err != nil || len(problems) > 0 {
		t.Errorf("%v %v", problems, err)
	}
	if got := testutil.ToFloat64(m.posts.WithLabelValues("duplicate")); got != 1 {
		t.Errorf("%v duplicates", got)
	}
}

func TestConfig(t *testing.T) {
	if err := (Config{}).Validate(); err != nil {
		t.Errorf("the zero value: %v", err)
	}
	for name, c := range map[string]Config{
		"a negative tick":               {Tick: -1},
		"a tick beyond its bound":       {Tick: 5, MaxTick: 4},
		"fewer keys than posts pending": {WindowKeys: 10, MaxPending: 11},
	} {
		if c.Validate() == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
