package follower_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/barrage-live/barrage/actors/follower"
	"github.com/barrage-live/barrage/internal/position"
	"github.com/barrage-live/barrage/storage/table"
	"github.com/barrage-live/barrage/storage/table/driver"
)

// scratched is an engine in which rows are damaged until they are written anew. A write that depends on what
// such a row holds fails as a read of it does.
type scratched struct {
	driver.Driver
	mu  sync.Mutex
	bad map[string]bool
}

func (s *scratched) scratch(key string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.bad[key] = true
}

func (s *scratched) Get(ctx context.Context, t driver.Table, partition string, key []byte) (driver.Row, bool, error) {
	s.mu.Lock()
	bad := s.bad[string(key)] && t.Name == "names"
	s.mu.Unlock()
	if bad {
		return driver.Row{}, false, table.ErrCorrupt
	}
	return s.Driver.Get(ctx, t, partition, key)
}

func (s *scratched) Write(ctx context.Context, b driver.Batch) (driver.Version, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if b.Table.Name != "names" {
		return s.Driver.Write(ctx, b)
	}
	for _, op := range b.Ops {
		if s.bad[string(op.Key)] && op.If != driver.Always {
			return 0, table.ErrCorrupt
		}
	}
	v, err := s.Driver.Write(ctx, b)
	for _, op := range b.Ops {
		if err == nil {
			delete(s.bad, string(op.Key))
		}
	}
	return v, err
}

// TestADamagedRowOfItsOwnStopsNoFollower: the cursor of a partition of the log, that the rows are whole, or
// how far they are built.
func TestADamagedRowOfItsOwnStopsNoFollower(t *testing.T) {
	for name, keys := range map[string]string{"cursor": "\x01cnames/0 \x01cnames/1", "built": "\x02", "build": "\x02b"} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &scratched{bad: map[string]bool{}}
				w := newWorldOn(t, func(d driver.Driver) driver.Driver {
					s.Driver = d
					return s
				})
				defer w.close()
				w.tell("ann")
				if err := w.catchUp(); err != nil {
					t.Fatal(err)
				}
				if name == "build" {
					fence := position.Fence{Epoch: w.node.Epoch(), Activation: 1 << 20}
					if err := w.tables.Fence(t.Context(), rows(), "all", fence); err != nil {
						t.Fatal(err)
					}
					b := table.Batch{Table: rows(), Partition: "all", Fence: fence, Ops: []table.Op{table.Put([]byte(keys), []byte("{}"))}}
					if _, err := w.tables.Write(t.Context(), b); err != nil {
						t.Fatal(err)
					}
				}
				for key := range strings.SplitSeq(keys, " ") {
					s.scratch(key)
				}
				if err := follower.Built(t.Context(), w.tables, rows(), "all"); err != nil {
					t.Errorf("who reads the rows is told %v", err)
				}
				w.restart()
				w.tell("bea")
				for range 2 {
					if err := w.catchUp(); err != nil {
						t.Errorf("caught up: %v", err)
					}
				}
				w.want("in the end", "ann", "bea")
				if len(s.bad) != 0 {
					t.Errorf("still damaged: %v", s.bad)
				}
			})
		})
	}
}
