package room_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/barrage-live/barrage/actors/live/room"
	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/id"
	"github.com/barrage-live/barrage/storage/table"
	"github.com/barrage-live/barrage/storage/table/faulttable"
	"github.com/barrage-live/barrage/storage/table/pebbletable/pebbletest"
)

// scripted gives a store whose calls a script decides about.
func scripted(script faulttable.Script) func(tb testing.TB) *table.Store {
	return func(tb testing.TB) *table.Store {
		tb.Helper()
		d, err := pebbletest.NewMem().Open()
		if err != nil {
			tb.Fatal(err)
		}
		s := table.New(faulttable.Wrap(d, script))
		tb.Cleanup(func() { _ = s.Close() })
		return s
	}
}

// TestAWriteThatComesAfterTheDeletionLeavesNothing: a node that has lost the room, and hangs in the index,
// goes on after the danmaku were deleted.
func TestAWriteThatComesAfterTheDeletionLeavesNothing(t *testing.T) {
	for _, hangs := range []string{"7:a", "7:a:1"} { // telling of a minute; writing its rows
		t.Run(hangs, func(t *testing.T) { comesLate(t, hangs) })
	}
}

func comesLate(t *testing.T, hangs string) {
	t.Helper()
	var late atomic.Pointer[chan struct{}]
	var held atomic.Bool
	script := func(c faulttable.Call) faulttable.Fault {
		if c.Kind == faulttable.Write && c.Table == "danmaku_by_time" && c.Partition == hangs {
			if hold := late.Swap(nil); hold != nil {
				held.Store(true)
				<-*hold
			}
		}
		return faulttable.Fault{}
	}
	replays(t, scripted(script), func(t *testing.T, x *replay) {
		hold := make(chan struct{})
		x.live("a")
		x.mustPost(10 * time.Second)
		time.Sleep(indexSoon)
		late.Store(&hold)
		x.mustPost(time.Minute)
		time.Sleep(indexSoon)
		if !held.Load() {
			t.Fatal("the index does not hang")
		}
		end := x.end
		x.start() // another node, which takes the room over
		defer func(x func()) { x() }(end)
		x.said++
		x.live("b")
		if err := x.index.Delete(t.Context(), theRoom, "a"); err != nil {
			t.Fatal(err)
		}
		close(hold)
		synctest.Wait()
		if left := partitions(t, x.store, "danmaku_by_time", "7:a:"); len(left) > 0 {
			t.Errorf("left of it: %v", left)
		}
		if left := keys(t, x.store, table.Plain("danmaku_by_time"), "7:a"); fmt.Sprint(left) != "[s]" {
			t.Errorf("left of its list of minutes: %q", left)
		}
		if left := listed(t, x.store); fmt.Sprint(left) != "[]" {
			t.Errorf("listed are %v", left)
		}
	})
}

// listed are the broadcasts that have danmaku in the index.
func listed(t *testing.T, s *table.Store) []string {
	t.Helper()
	return keys(t, s, table.Plain("danmaku_broadcasts"), string(theRoom))
}

func keys(t *testing.T, s *table.Store, of table.Table, partition string) (all []string) {
	t.Helper()
	rows, _, err := s.Scan(t.Context(), table.Range{Table: of, Partition: partition})
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range rows {
		all = append(all, string(row.Key))
	}
	return all
}

// TestASweepDeletesWhatNothingElseIsKeptOf, once it is over for long enough, and nothing twice.
func TestASweepDeletesWhatNothingElseIsKeptOf(t *testing.T) {
	replays(t, inMemory, func(t *testing.T, x *replay) {
		for _, b := range []id.Broadcast{"old", "recorded", "new", "on"} {
			x.live(b)
			x.mustPost(time.Minute)
			if b != "on" {
				time.Sleep(time.Hour)
			}
		}
		time.Sleep(indexSoon)
		x.live("on")
		failing := errors.New("no answer")
		kept := func(_ context.Context, b id.Broadcast) (bool, error) {
			if b == "recorded" {
				return true, failing
			}
			return false, nil
		}
		n, err := x.index.Sweep(t.Context(), time.Now().Add(-90*time.Minute), kept)
		if n != 1 || err != nil {
			t.Errorf("%d were deleted, %v", n, err)
		}
		for range 2 {
			n, err = x.index.Sweep(t.Context(), time.Now().Add(-30*time.Minute), kept)
			if n != 0 || !errors.Is(err, failing) {
				t.Errorf("%d were deleted, %v", n, err)
			}
		}
		if got := fmt.Sprint(listed(t, x.store)); got != "[new on recorded]" {
			t.Errorf("left are %v", got)
		}
		time.Sleep(time.Hour)
		if n, _ = x.index.Sweep(t.Context(), time.Now().Add(-time.Second), kept); n != 1 {
			t.Errorf("%d were deleted, want the one that has ended, and not the one that is on", n)
		}
		_, err = x.index.Page(t.Context(), theRoom, "old", room.TimeSpan{To: time.Minute})
		wantCode(t, err, fault.NotFound, "no_broadcast")
	})
}

// TestADeletionThatFailsHalfWayCanBeRepeated until nothing is left, and then there was nothing.
func TestADeletionThatFailsHalfWayCanBeRepeated(t *testing.T) {
	failFrom := atomic.Int64{}
	script := func(c faulttable.Call) faulttable.Fault {
		if c.Kind == faulttable.Write && (c.Table == "danmaku_by_time" || c.Table == "danmaku_broadcasts") && failFrom.Load() > 0 && failFrom.Add(-1) == 0 {
			return faulttable.Refused(fault.New(fault.Unavailable, "disk", "the disk is away"))
		}
		return faulttable.Fault{}
	}
	replays(t, scripted(script), func(t *testing.T, x *replay) {
		x.live("a")
		for i := range 3 {
			x.mustPost(time.Duration(i) * time.Minute)
		}
		x.live("")
		time.Sleep(indexSoon)
		failed := 0
		for n := int64(1); ; n++ {
			failFrom.Store(n)
			if x.index.Delete(t.Context(), theRoom, "a") == nil {
				break
			}
			if had, err := x.index.Has(t.Context(), theRoom, "a"); !had || err != nil {
				t.Errorf("what is left is not found: %v, %v", had, err)
			}
			failed++
		}
		failFrom.Store(0)
		if left := partitions(t, x.store, "danmaku_by_time", "7:a:"); len(left) > 0 || failed == 0 {
			t.Errorf("left of it: %v, after %d failures", left, failed)
		}
		if had, err := x.index.Has(t.Context(), theRoom, "a"); had || err != nil {
			t.Errorf("once more: %v, %v", had, err)
		}
	})
}
