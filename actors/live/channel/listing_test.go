package channel

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/id"
	"github.com/barrage-live/barrage/storage/table"
	"github.com/barrage-live/barrage/storage/table/faulttable"
	"github.com/barrage-live/barrage/storage/table/pebbletable/pebbletest"
)

// listWorld is a list whose table counts its readings, and fails or holds them up as told.
type listWorld struct {
	*Client
	scans atomic.Int64
	fail  atomic.Bool
	hold  atomic.Pointer[chan struct{}]
	// damaged says that the row of channel 4503599627370498 is.
	damaged atomic.Bool
}

func newListWorld(t *testing.T) *listWorld {
	t.Helper()
	w := &listWorld{}
	d, err := pebbletest.NewMem().Open()
	if err != nil {
		t.Fatal(err)
	}
	hit := func(_, _ string, key []byte) bool { return w.damaged.Load() && string(key) == "4503599627370498" }
	tables := table.New(faulttable.Wrap(faulttable.Damage(d, hit), func(c faulttable.Call) faulttable.Fault {
		if c.Kind != faulttable.Scan {
			return faulttable.Fault{}
		}
		w.scans.Add(1)
		if hold := w.hold.Load(); hold != nil {
			<-*hold
		}
		if w.fail.Load() {
			return faulttable.Refused(fault.New(fault.Unavailable, "away", "the store is away"))
		}
		return faulttable.Fault{}
	}))
	t.Cleanup(func() {
		if err := tables.Close(); err != nil {
			t.Error(err)
		}
	})
	w.Client = NewClient(nil, tables)
	return w
}

func (w *listWorld) show(t *testing.T, ch id.Channel, viewers int) {
	t.Helper()
	if err := w.store.show(t.Context(), Listed{Channel{ID: ch, Name: "n" + string(ch), Phase: Live}, viewers}); err != nil {
		t.Fatal(err)
	}
}

func ids(page []Listed) (out []string) {
	for _, l := range page {
		out = append(out, fmt.Sprintf("%s:%d", l.ID, l.Viewers))
	}
	return out
}

func TestTheListIsReadOnceASecondForEverybody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newListWorld(t)
		w.show(t, "4503599627370497", 3)
		hold := make(chan struct{})
		w.hold.Store(&hold)
		var wg sync.WaitGroup
		for range 100 {
			wg.Go(func() {
				page, next, err := w.ListLive(t.Context(), "", 10)
				if err != nil || len(page) != 1 || page[0].Viewers != 3 || page[0].Name != "n4503599627370497" || next != "" {
					t.Errorf("got %v, %q, %v", page, next, err)
				}
			})
		}
		synctest.Wait()
		close(hold)
		wg.Wait()
		if n := w.scans.Load(); n != lists {
			t.Errorf("100 asked, and %d partitions were read", n)
		}
		time.Sleep(999 * time.Millisecond)
		w.show(t, "4503599627370498", 5)
		for after, want := range [][]string{{"4503599627370497:3"}, {"4503599627370498:5", "4503599627370497:3"}} {
			if page, _, err := w.ListLive(t.Context(), "", 10); err != nil || !slices.Equal(ids(page), want) {
				t.Errorf("%d ms later: %v, %v", after, ids(page), err)
			}
			time.Sleep(time.Millisecond)
		}
	})
}

// TestOneWhoAsksTakesNothingFromTheOthers, neither by going away nor by what it does with its page.
func TestOneWhoAsksTakesNothingFromTheOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newListWorld(t)
		w.show(t, "4503599627370497", 3)
		hold := make(chan struct{})
		w.hold.Store(&hold)
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		if _, _, err := w.ListLive(ctx, "", 10); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		close(hold)
		synctest.Wait()
		if n := w.scans.Load(); n != lists {
			t.Errorf("the reading stopped after %d partitions", n)
		}
		page, _, err := w.ListLive(t.Context(), "", 10)
		if err != nil || len(page) != 1 {
			t.Fatalf("got %v, %v", page, err)
		}
		page[0] = Listed{}
		if page, _, err := w.ListLive(t.Context(), "", 10); err != nil || page[0].ID == "" {
			t.Errorf("got %v, %v", page, err)
		}
	})
}

// TestTheListInAnOutage: what was shown last is shown for as long as its rows would live.
// TestTheListIsSpread: no partition of it is rewritten by all channels.
func TestTheListIsSpread(t *testing.T) {
	w := newListWorld(t)
	const channels = 1000
	for i := range channels {
		w.show(t, id.Channel(fmt.Sprint(1<<40+i)), i)
	}
	partitions, _, err := w.store.table.Walk(t.Context(), listing(), "", 0)
	if err != nil || len(partitions) != lists {
		t.Errorf("%d channels lie in %d partitions, %v; want %d", channels, len(partitions), err, lists)
	}
	for _, p := range partitions {
		rows, _, err := w.store.table.Scan(t.Context(), table.Range{Table: listing(), Partition: p, Limit: channels})
		if err != nil || len(rows) > 4*channels/lists {
			t.Errorf("partition %s has %d of %d channels, %v", p, len(rows), channels, err)
		}
	}
}

func TestTheListInAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newListWorld(t)
		w.fail.Store(true)
		if _, _, err := w.ListLive(t.Context(), "", 10); fault.KindOf(err) != fault.Unavailable {
			t.Errorf("without a list: %v", err)
		}
		w.fail.Store(false)
		w.show(t, "4503599627370497", 3)
		if page, _, err := w.ListLive(t.Context(), "", 10); err != nil || len(page) != 1 {
			t.Fatalf("got %v, %v", page, err)
		}
		w.fail.Store(true)
		time.Sleep(29 * time.Second)
		if page, _, err := w.ListLive(t.Context(), "", 10); err != nil || len(page) != 1 {
			t.Errorf("in the outage: %v, %v", page, err)
		}
		time.Sleep(4 * time.Second)
		if _, _, err := w.ListLive(t.Context(), "", 10); fault.KindOf(err) != fault.Unavailable {
			t.Errorf("after half a minute: %v", err)
		}
		w.fail.Store(false)
		if page, _, err := w.ListLive(t.Context(), "", 10); err != nil || len(page) != 0 {
			t.Errorf("after it, when the row has expired: %v, %v", page, err)
		}
	})
}

// TestARowThatCannotBeReadHidesNoOther also hides a channel.
func TestARowThatCannotBeReadHidesNoOther(t *testing.T) {
	w := newListWorld(t)
	w.show(t, "4503599627370497", 3)
	w.show(t, "4503599627370498", 3)
	if err := w.store.hide(t.Context(), "4503599627370498"); err != nil {
		t.Fatal(err)
	}
	if err := w.store.list(t.Context(), listing(), listOf("4503599627370497"), table.Put([]byte("4503599627370499"), []byte("{"))); err != nil {
		t.Fatal(err)
	}
	if page, _, err := w.ListLive(t.Context(), "", 10); err != nil || !slices.Equal(ids(page), []string{"4503599627370497:3"}) {
		t.Errorf("got %v, %v", ids(page), err)
	}
}

func TestABadCursor(t *testing.T) {
	w := newListWorld(t)
	for _, cursor := range []string{"x", "1", "1-", "-1", "1-x", "1-4503599627370497-2", "99999999999999999999-4503599627370497"} {
		if _, _, err := w.ListLive(t.Context(), cursor, 10); !errors.Is(err, fault.ErrCursor) {
			t.Errorf("%q: %v", cursor, err)
		}
	}
}

// The pages of a list hold everybody once, those with the most viewers first, also when the one at the
// cursor goes meanwhile.
func TestPages(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		audience := rapid.SliceOfN(rapid.IntRange(0, 3), 0, 40).Draw(t, "viewers")
		all := make([]Listed, 0, len(audience))
		for n, viewers := range audience {
			all = append(all, Listed{Channel{ID: id.Channel(fmt.Sprint(4503599627370497 + n))}, viewers})
		}
		all = order(all)
		for i := 1; i < len(all); i++ {
			if a, b := all[i-1], all[i]; a.Viewers < b.Viewers || a.Viewers == b.Viewers && a.ID <= b.ID {
				t.Fatalf("%v is before %v", a, b)
			}
		}
		c := &Client{live: &liveList{list: all, at: time.Now().Add(time.Hour)}}
		limit := rapid.IntRange(1, 7).Draw(t, "limit")
		var got []Listed
		for cursor, pages := "", 0; ; pages++ {
			page, next, err := c.ListLive(context.Background(), cursor, limit)
			if err != nil || len(page) > limit || pages > len(all) {
				t.Fatalf("page %d: %v, %v", pages, page, err)
			}
			got = append(got, page...)
			if next == "" {
				break
			}
			if len(page) == 0 {
				t.Fatal("an empty page says that there is more")
			}
			cursor = next
			if rapid.IntRange(0, 9).Draw(t, "gone") == 0 {
				c.live.list = slices.DeleteFunc(slices.Clone(c.live.list), func(l Listed) bool { return place(l).String() == cursor })
			}
		}
		if !slices.Equal(ids(got), ids(all)) {
			t.Fatalf("got %v, want %v", ids(got), ids(all))
		}
	})
}

// TestTheLongestList leaves out those with the fewest viewers.
func TestTheLongestList(t *testing.T) {
	all := make([]Listed, 0, maxLive+2)
	for n := range maxLive + 2 {
		all = append(all, Listed{Channel{ID: id.Channel(fmt.Sprint(4503599627370497 + n))}, n})
	}
	all = order(all)
	if len(all) != maxLive || all[0].Viewers != maxLive+1 || all[maxLive-1].Viewers != 2 {
		t.Errorf("%d, from %d to %d viewers", len(all), all[0].Viewers, all[len(all)-1].Viewers)
	}
}

// TestADamagedRowHidesNoOtherChannel of those that are live.
func TestADamagedRowHidesNoOtherChannel(t *testing.T) {
	w := newListWorld(t)
	w.show(t, "4503599627370497", 3)
	w.show(t, "4503599627370498", 5)
	w.damaged.Store(true)
	if page, _, err := w.ListLive(t.Context(), "", 10); err != nil || !slices.Equal(ids(page), []string{"4503599627370497:3"}) {
		t.Errorf("got %v, %v", ids(page), err)
	}
}
