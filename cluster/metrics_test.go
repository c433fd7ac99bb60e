package cluster_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/barrage-live/barrage/cluster"
)

func TestFigures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := prometheus.NewRegistry()
		a := kindOf("a", stubborn)
		a.Mailbox, a.Idle = 4, time.Second
		n := start(t, cluster.Config{Metrics: cluster.NewMetrics(r)}, a, cluster.Kind{Name: "unloadable", Activate: unloadable})
		_, _ = ask(t, n, "a", "k", "panic")
		_, _ = ask(t, n, "unloadable", "error", 1)
		mustAsk(t, n, "a", "idle", 1)
		time.Sleep(2 * time.Second)
		_ = fullMailbox(t, n)
		const want = `
# HELP barrage_cluster_activations_total Actors activated, by outcome: ok or failed.
# TYPE barrage_cluster_activations_total counter
barrage_cluster_activations_total{kind="a",outcome="failed"} 0
barrage_cluster_activations_total{kind="a",outcome="ok"} 3
barrage_cluster_activations_total{kind="unloadable",outcome="failed"} 1
barrage_cluster_activations_total{kind="unloadable",outcome="ok"} 0
# HELP barrage_cluster_active_actors Actors in memory, loading and flushing ones included.
# TYPE barrage_cluster_active_actors gauge
barrage_cluster_active_actors{kind="a"} 1
barrage_cluster_active_actors{kind="unloadable"} 0
# HELP barrage_cluster_panics_total Panics recovered in turns, activations, works and flushes.
# TYPE barrage_cluster_panics_total counter
barrage_cluster_panics_total{kind="a"} 1
barrage_cluster_panics_total{kind="unloadable"} 0
# HELP barrage_cluster_passivations_total Activations ended, by cause: idle, stop, drain, panic, lost, closed.
# TYPE barrage_cluster_passivations_total counter
barrage_cluster_passivations_total{cause="idle",kind="a"} 1
barrage_cluster_passivations_total{cause="panic",kind="a"} 1
# HELP barrage_cluster_refused_total Messages and works not executed, by fault code.
# TYPE barrage_cluster_refused_total counter
barrage_cluster_refused_total{code="activation_failed",kind="unloadable"} 1
barrage_cluster_refused_total{code="mailbox_full",kind="a"} 1
`
		err := testutil.GatherAndCompare(r, strings.NewReader(want),
			"barrage_cluster_activations_total", "barrage_cluster_active_actors", "barrage_cluster_panics_total",
			"barrage_cluster_passivations_total", "barrage_cluster_refused_total")
		if err != nil {
			t.Error(err)
		}
	})
}
