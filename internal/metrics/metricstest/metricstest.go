// Package metricstest checks that metrics are named as the house names them.
//
// It owns nothing and is called from tests: of a package with its own NewMetrics on a fresh registry, and
// of the root package with the registry of the whole process. Lint fails the test with one line for each
// fault and promises the same answer for the same registry. It sees only metrics that have been used at
// least once, as a scrape does; a metric with labels should be touched before.
package metricstest

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	dto "github.com/prometheus/client_model/go"
)

// Lint fails the test for every metric of ours with a bad name, a missing help text or a label without bound.
func Lint(t *testing.T, g prometheus.Gatherer) {
	t.Helper()
	families, err := g.Gather()
	if err != nil {
		t.Fatalf("gather: %v", err)
	}
	for _, fault := range Faults(families) {
		t.Error(fault)
	}
}

// Faults lists what is wrong with the families that are ours; those of the runtime and the process are not
// judged.
func Faults(families []*dto.MetricFamily) []string {
	name := regexp.MustCompile(`^barrage(_[a-z0-9]+)+$`)
	var out []string
	for _, f := range families {
		if strings.HasPrefix(f.GetName(), "go_") || strings.HasPrefix(f.GetName(), "process_") {
			continue
		}
		if !name.MatchString(f.GetName()) {
			out = append(out, f.GetName()+": want barrage_<package>_<what>_<unit> in snake_case")
		}
		if f.GetType() == dto.MetricType_HISTOGRAM && !slices.ContainsFunc(units(), func(u string) bool { return strings.HasSuffix(f.GetName(), u) }) {
			out = append(out, fmt.Sprintf("%s: a histogram names its unit at the end: %v", f.GetName(), units()))
		}
		if f.GetHelp() == "" {
			out = append(out, f.GetName()+": no help text")
		}
		out = append(out, labelFaults(f)...)
	}
	problems, _ := promlint.NewWithMetricFamilies(ours(families)).Lint()
	for _, p := range problems {
		out = append(out, p.Metric+": "+p.Text)
	}
	return out
}

func ours(families []*dto.MetricFamily) []*dto.MetricFamily {
	return slices.DeleteFunc(slices.Clone(families), func(f *dto.MetricFamily) bool {
		return !strings.HasPrefix(f.GetName(), "barrage")
	})
}

func units() []string {
	return []string{"_seconds", "_bytes", "_ratio", "_danmaku", "_rows", "_frames", "_units", "_sessions", "_messages"}
}

// labelFaults names labels that would grow with the number of users.
func labelFaults(f *dto.MetricFamily) []string {
	unbounded := []string{"room", "user", "session", "channel", "stream", "broadcast", "id", "key", "remote", "path"}
	var out []string
	for _, m := range f.GetMetric() {
		for _, l := range m.GetLabel() {
			if slices.Contains(unbounded, l.GetName()) {
				out = append(out, f.GetName()+": the label "+l.GetName()+" has no bound")
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}
