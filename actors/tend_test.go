package actors

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/barrage-live/barrage/actors/actortest"
	"github.com/barrage-live/barrage/cluster"
	"github.com/barrage-live/barrage/storage/table"
	"github.com/barrage-live/barrage/storage/table/faulttable"
	"github.com/barrage-live/barrage/storage/table/pebbletable/pebbletest"
)

// told counts the messages that it gets.
type told struct{ n *int }

func (x told) Receive(*cluster.Turn, any) { *x.n++ }

// TestListsDoNotWaitForWhoHangs: those who are marked take their time.
func TestListsDoNotWaitForWhoHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, err := pebbletest.NewMem().Open()
		if err != nil {
			t.Fatal(err)
		}
		tables := table.New(faulttable.Wrap(d, func(c faulttable.Call) faulttable.Fault {
			if c.Table == "outbox" {
				time.Sleep(time.Hour)
			}
			return faulttable.Fault{}
		}))
		defer tables.Close()
		heard := 0
		n, end := actortest.Run(t, tables, cluster.Kind{
			Name: "account_list", Idle: time.Minute,
			Activate: func(context.Context, cluster.Activation) (cluster.Actor, error) { return told{&heard}, nil },
		})
		defer end()
		done := make(chan struct{})
		go func() {
			defer close(done)
			_, _ = Tend(t.Context(), n, tables, nil)
		}()
		synctest.Wait()
		if heard != 1 {
			t.Errorf("the list was told %d times", heard)
		}
		<-done
	})
}
