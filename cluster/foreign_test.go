package cluster_test

import (
	"bytes"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/barrage-live/barrage/cluster"
	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/storage/table/pebbletable/pebbletest"
)

// TestAForeignShardIsAskedForOnce: who sends messages to an actor of another node is told so, and when to
// come again, without the coordination store being asked for each of them, nor a line logged.
func TestAForeignShardIsAskedForOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shared := onTables(t, pebbletest.Open(t), ttl)
		owner := start(t, cluster.Config{Coordination: shared}, kindOf("a", echo))
		mustAsk(t, owner, "a", "k", 1)
		store := scriptOf(shared)
		var log bytes.Buffer
		n := start(t, cluster.Config{Coordination: store, Log: slog.New(slog.NewTextHandler(&log, nil))}, kindOf("a", echo))
		logged := log.Len()
		const messages = 1000
		for range messages {
			_, err := ask(t, n, "a", "k", 1)
			wantFault(t, err, fault.Unavailable, "not_owner")
			if fault.From(err).RetryAfter <= 0 {
				t.Fatalf("%v does not say when to come again", err)
			}
			time.Sleep(100 * time.Microsecond) // all of them come within the pause
		}
		if claims := store.called("claim"); claims != 1 {
			t.Errorf("%d messages to a shard of another node: %d claims", messages, claims)
		}
		if lines := bytes.Count(log.Bytes()[logged:], []byte("\n")); lines > 1 {
			t.Errorf("%d messages to a shard of another node: %d lines in the log", messages, lines)
		}
		// After the pause it is asked again, once.
		_, err := ask(t, n, "a", "k", 1)
		time.Sleep(fault.From(err).RetryAfter + time.Millisecond)
		for range messages {
			_, _ = ask(t, n, "a", "k", 1)
		}
		if claims := store.called("claim"); claims != 2 {
			t.Errorf("after the pause: %d claims", claims)
		}
	})
}
