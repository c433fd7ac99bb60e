package cluster_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/barrage-live/barrage/cluster"
	"github.com/barrage-live/barrage/storage/table/pebbletable/pebbletest"
)

// TestStatus looks at a node with actors that work and actors whose messages wait.
func TestStatus(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		idle, busy := kindOf("idle", func(t *cluster.Turn, msg any) { t.Reply(msg) }), kindOf("busy", stubborn)
		busy.Mailbox = 100
		n := start(t, cluster.Config{WorkTimeout: time.Hour, Coordination: onTables(t, pebbletest.Open(t), 30*time.Second)}, idle, busy)
		for i := range 50 {
			mustAsk(t, n, "idle", fmt.Sprint(i), "here")
		}
		for i := range 40 {
			key := fmt.Sprint(i)
			mustTell(t, n, "busy", key, "block")
			synctest.Wait()
			for range i + 1 {
				mustTell(t, n, "busy", key, "wait")
			}
		}
		synctest.Wait()
		s := n.Status()
		if s.Node != n.ID() || s.State != "open" || s.Suspended || s.Refusing || s.Epoch == 0 {
			t.Errorf("the node is %+v", s)
		}
		if s.LeaseLeft == nil || *s.LeaseLeft <= 0 || *s.LeaseLeft > 30_000 {
			t.Errorf("the lease has %v ms left", s.LeaseLeft)
		}
		if s.Active["idle"] != 50 || s.Active["busy"] != 40 {
			t.Errorf("active are %v", s.Active)
		}
		if len(s.Longest) != 32 || s.Longest[0] != (cluster.MailboxStatus{Kind: "busy", Key: "39", Waiting: 40}) || s.Longest[31].Waiting != 9 {
			t.Errorf("the longest mailboxes are %v", s.Longest)
		}
		active := 0
		for _, shard := range s.Shards {
			active += shard.Active
			if shard.Epoch != s.Epoch || shard.Denied != "" {
				t.Errorf("shard %+v", shard)
			}
		}
		if active != 90 {
			t.Errorf("%d actors on %d shards", active, len(s.Shards))
		}
		text, err := json.Marshal(s)
		if err != nil || !strings.Contains(string(text), `"longest_mailboxes":[{"kind":"busy","key":"39","waiting":40}`) {
			t.Errorf("%.200s, %v", text, err)
		}
		n.Close()
		if s := n.Status(); s.State != "closed" || len(s.Active) != 0 {
			t.Errorf("afterwards it is %s with %v", s.State, s.Active)
		}
	})
}

// TestStatusOfANodeThatHasNotStarted has nothing to tell, and shows it as lists that are empty.
func TestStatusOfANodeThatHasNotStarted(t *testing.T) {
	n, err := cluster.New(cluster.Config{Coordination: onTables(t, pebbletest.Open(t), 0)})
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	text, err := json.Marshal(n.Status())
	if err != nil || !strings.Contains(string(text), `"state":"new"`) || strings.Contains(string(text), "null") {
		t.Errorf("%s, %v", text, err)
	}
}
