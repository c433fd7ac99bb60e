// Package actortest runs the two halves of an actor in tests: its core from a script, its shell in a
// cluster of one node.
//
// It owns nothing beyond a test. Test files of actor packages, and of what calls actors, use it. A script
// that does not hold fails its test with the difference; `go test -rewrite` writes what happens into the
// script instead, for review.
package actortest

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/datadriven"

	"github.com/barrage-live/barrage/cluster"
	"github.com/barrage-live/barrage/cluster/coordination/localstore"
	"github.com/barrage-live/barrage/storage/table"
	"github.com/barrage-live/barrage/storage/table/pebbletable/pebbletest"
)

// Core does one command of a script, its name in d.Cmd, at the script's time, and tells what came of it, a
// line each.
type Core func(now time.Time, d *datadriven.TestData) string

// Begin is when every script begins.
func Begin() time.Time { return time.Date(2026, time.November, 21, 12, 0, 0, 0, time.UTC) }

// Scripts runs every script in the folder, usually testdata, each on a fresh core. The command "wait" with
// a duration lets time pass; all others go to the core.
//
//	wait 1m30s
//	----
//	12:01:30
func Scripts(t *testing.T, folder string, fresh func() Core) {
	t.Helper()
	datadriven.Walk(t, folder, func(t *testing.T, path string) {
		t.Helper()
		core, now := fresh(), Begin()
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			t.Helper()
			if d.Cmd != "wait" {
				return core(now, d)
			}
			pause, err := time.ParseDuration(d.CmdArgs[0].Key)
			if err != nil {
				d.Fatalf(t, "wait: %v", err)
			}
			now = now.Add(pause)
			return now.Format("15:04:05.999")
		})
	})
}

// Node starts a cluster of one node with the kinds, on a fresh store, and closes it when the test ends. It
// works inside a synctest bubble, where idleness, timers and deadlines pass at once.
func Node(tb testing.TB, kinds ...cluster.Kind) *cluster.Node {
	tb.Helper()
	n, end := Run(tb, pebbletest.Open(tb), kinds...)
	tb.Cleanup(end)
	return n
}

// Run starts a node on tables, for tests that end it and start the next one there: that one has a higher
// epoch. The caller calls end, which closes the node without a drain, as a crash would.
func Run(tb testing.TB, tables *table.Store, kinds ...cluster.Kind) (n *cluster.Node, end func()) {
	tb.Helper()
	store, err := localstore.Open(context.Background(), localstore.Config{Tables: tables, Fresh: true})
	if err != nil {
		tb.Fatal(err)
	}
	n, err = cluster.New(cluster.Config{Coordination: store, Fencer: tables, Encode: true})
	if err != nil {
		tb.Fatal(err)
	}
	if err := n.Start(context.Background(), kinds); err != nil {
		tb.Fatal(err)
	}
	return n, func() {
		n.Close()
		_ = store.Close()
	}
}

// Bubble runs f with a node in a synctest bubble.
func Bubble(t *testing.T, kinds []cluster.Kind, f func(t *testing.T, n *cluster.Node)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { f(t, Node(t, kinds...)) })
}
