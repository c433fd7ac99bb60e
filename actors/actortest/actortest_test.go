package actortest_test

import (
	"context"
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"

	"github.com/barrage-live/barrage/actors/actortest"
	"github.com/barrage-live/barrage/cluster"
	"github.com/barrage-live/barrage/storage/table/pebbletable/pebbletest"
)

// counter is a core: time is an argument.
type counter struct{ n int }

func (c *counter) add(now time.Time, n int) string {
	c.n += n
	return fmt.Sprintf("%d at %s", c.n, now.UTC().Format(time.TimeOnly))
}

func TestScripts(t *testing.T) {
	actortest.Scripts(t, "testdata", func() actortest.Core {
		c := &counter{}
		return func(now time.Time, d *datadriven.TestData) string {
			n, err := strconv.Atoi(d.CmdArgs[0].Key)
			if err != nil {
				return err.Error()
			}
			return c.add(now, n)
		}
	})
}

// shell is the actor around it.
type shell struct{ counter }

func (s *shell) Receive(t *cluster.Turn, msg any) { t.Reply(s.add(t.Now(), msg.(int))) }

func kind() cluster.Kind {
	return cluster.Kind{
		Name: "counter", Idle: time.Hour,
		Activate: func(context.Context, cluster.Activation) (cluster.Actor, error) { return &shell{}, nil },
	}
}

func TestBubble(t *testing.T) {
	actortest.Bubble(t, []cluster.Kind{kind()}, func(t *testing.T, n *cluster.Node) {
		t.Helper()
		for _, want := range []string{"1 at 00:00:00", "2 at 00:59:00", "1 at 02:59:00"} {
			got, err := cluster.Ask[string](t.Context(), n, "counter", "k", 1)
			if err != nil || got != want {
				t.Errorf("got %q, %v; want %q", got, err, want)
			}
			if want == "1 at 00:00:00" {
				time.Sleep(59 * time.Minute)
			} else {
				time.Sleep(2 * time.Hour)
			}
		}
	})
}

func TestRunAgain(t *testing.T) {
	tables := pebbletest.Open(t)
	first, end := actortest.Run(t, tables, kind())
	end()
	second, end := actortest.Run(t, tables, kind())
	defer end()
	if second.Epoch() <= first.Epoch() {
		t.Errorf("epoch %d after %d", second.Epoch(), first.Epoch())
	}
}
