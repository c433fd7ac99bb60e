package follower_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/barrage-live/barrage/actors/follower"
	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/storage/table"
	"github.com/barrage-live/barrage/storage/table/driver"
)

// late is an engine in which one write, of which nobody knows the outcome, takes effect later.
type late struct {
	driver.Driver
	mu   sync.Mutex
	next bool          // the next write of a portion of the rows is that one
	soon bool          // it takes effect before the one after it
	kept *driver.Batch // until then
}

func (l *late) Write(ctx context.Context, b driver.Batch) (driver.Version, error) {
	l.mu.Lock()
	hold, kept := l.next && b.Table.Name == "names" && len(b.Ops) > 1, l.kept
	if hold {
		l.next, l.kept = false, &b
	}
	if !l.soon || hold || b.Table.Name != "names" {
		kept = nil
	}
	l.mu.Unlock()
	if hold {
		return 0, table.ErrUnknown
	}
	if kept != nil {
		if err := l.arrive(ctx); err != nil {
			return 0, err
		}
	}
	return l.Driver.Write(ctx, b)
}

// arrive lets the write take effect.
func (l *late) arrive(ctx context.Context) error {
	l.mu.Lock()
	kept := *l.kept
	l.kept, l.soon = nil, false
	l.mu.Unlock()
	_, err := l.Driver.Write(ctx, kept)
	return err
}

// TestAPortionThatIsWrittenLate changes nothing that came after it, and is made use of if nothing has.
func TestAPortionThatIsWrittenLate(t *testing.T) {
	for name, x := range map[string]struct {
		soon bool
		each time.Duration // that a name takes to build: a portion ends after a second
	}{"before the next": {soon: true}, "after all": {}, "the first of two, after all": {each: 600 * time.Millisecond}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				soon := x.soon
				l := &late{next: true, soon: soon}
				w := newWorldOn(t, func(d driver.Driver) driver.Driver { l.Driver = d; return l })
				defer w.close()
				w.slow = func(string) error { time.Sleep(x.each); return nil }
				w.truth = []string{"ann", "bea", "cat"}
				if err := w.catchUp(); fault.KindOf(err) != fault.Timeout {
					t.Errorf("told %v", err)
				}
				w.mu.Lock()
				w.truth = []string{"bea", "cat", "dora"}
				w.mu.Unlock()
				if err := w.catchUp(); err != nil && !errors.Is(err, follower.ErrBuilding) {
					t.Fatal(err)
				}
				time.Sleep(10 * time.Second)
				if !soon {
					if err := l.arrive(t.Context()); !errors.Is(err, table.ErrConflict) {
						t.Errorf("the late one: %v", err)
					}
				}
				if err := w.catchUp(); err != nil {
					t.Errorf("in the end: %v", err)
				}
				if soon { // what has become of them since then will be told
					w.want("in the end", "ann", "bea", "cat")
				} else {
					w.want("in the end", "bea", "cat", "dora")
				}
			})
		})
	}
}
