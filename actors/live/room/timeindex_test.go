package room_test

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/barrage-live/barrage/actors/actortest"
	"github.com/barrage-live/barrage/actors/live/room"
	"github.com/barrage-live/barrage/actors/worldtest"
	"github.com/barrage-live/barrage/cluster"
	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/id"
	"github.com/barrage-live/barrage/internal/position"
	"github.com/barrage-live/barrage/storage/table"
	"github.com/barrage-live/barrage/storage/table/pebbletable/pebbletest"
)

// indexSoon is more than the index takes after an acknowledgement while nothing fails.
const indexSoon = 2 * time.Second

// replay is a room on a store of its own, and who reads its danmaku by media time.
type replay struct {
	t     *testing.T
	store *table.Store
	rooms *room.Client
	index *room.TimeIndex
	node  *cluster.Node
	end   func()
	said  uint64 // by the channel
	posts int
}

// replays runs f with a created room on a store, in fake time.
func replays(t *testing.T, open func(tb testing.TB) *table.Store, f func(t *testing.T, x *replay)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		x := &replay{t: t, store: open(t)}
		x.start()
		defer func() { x.end() }()
		if err := x.rooms.Create(t.Context(), theRoom, "8", theOwner); err != nil {
			t.Fatal(err)
		}
		f(t, x)
	})
}

func (x *replay) start() {
	m := room.NewMetrics(prometheus.NewRegistry())
	x.node, x.end = actortest.Run(x.t, x.store, room.Kind(room.Deps{
		Store: x.store, Fanout: &nodes{}, Metrics: m, Config: room.Config{PostRate: 1 << 20, PostBurst: 1 << 20, RingRows: 50},
	}))
	x.rooms, x.index = room.NewClient(x.node), room.NewTimeIndex(x.node, x.store, m)
}

func inMemory(tb testing.TB) *table.Store { return pebbletest.Open(tb) }

// live begins a broadcast that has run for an hour; without a name it ends the one that runs.
func (x *replay) live(b id.Broadcast) {
	x.t.Helper()
	x.said++
	by := position.Fence{Epoch: 1, Activation: x.said}
	var err error
	if b == "" {
		err = x.rooms.SetOffline(x.t.Context(), theRoom, by)
	} else {
		_, err = x.rooms.SetLive(x.t.Context(), theRoom, by, b, time.Now().Add(-time.Hour))
	}
	if err != nil {
		x.t.Fatal(err)
	}
}

// post posts a danmaku on a picture, and says whether it was acknowledged.
func (x *replay) post(media time.Duration) (position.Position, error) {
	x.posts++
	key := fmt.Sprint("k", x.posts)
	p, _, err := x.rooms.Post(x.t.Context(), theRoom, author(key), room.Draft{Key: key, Text: key, MediaTime: media})
	return p, err
}

func (x *replay) mustPost(media time.Duration) position.Position {
	x.t.Helper()
	p, err := x.post(media)
	if err != nil {
		x.t.Fatal(err)
	}
	return p
}

// all reads a span page by page, and whether it was settled from the first page on.
func (x *replay) all(b id.Broadcast, q room.TimeSpan) (rows []room.Danmaku, settled bool) {
	x.t.Helper()
	settled = true
	for more := true; more; {
		p, err := x.index.Page(x.t.Context(), theRoom, b, q)
		if err != nil {
			x.t.Fatal(err)
		}
		if q.Limit > 0 && len(p.Danmaku) > q.Limit || p.More && len(p.Danmaku) == 0 {
			x.t.Fatalf("a page of %d has %d danmaku, more %v", q.Limit, len(p.Danmaku), p.More)
		}
		rows, more, settled = append(rows, p.Danmaku...), p.More, settled && p.Settled
		if more {
			last := p.Danmaku[len(p.Danmaku)-1]
			q.After = room.Moment{Media: last.MediaTime, Offset: last.Position.Offset}
		}
	}
	return rows, settled
}

// logged is what the log has on pictures of a broadcast, in the order of media time.
func (x *replay) logged(b id.Broadcast) (rows []room.Danmaku) {
	x.t.Helper()
	var before position.Position
	for more := true; more; {
		page, m, err := x.rooms.History(x.t.Context(), theRoom, before, 0)
		if err != nil {
			x.t.Fatal(err)
		}
		for _, d := range page {
			if d.Broadcast == b && d.MediaTime >= 0 {
				rows = append(rows, d)
			}
		}
		if more = m && len(page) > 0; more {
			before = page[0].Position
		}
	}
	slices.SortFunc(rows, func(a, b room.Danmaku) int {
		return cmp.Or(cmp.Compare(a.MediaTime, b.MediaTime), cmp.Compare(a.Position.Offset, b.Position.Offset))
	})
	return rows
}

func within(rows []room.Danmaku, from, to time.Duration) (of []room.Danmaku) {
	for _, d := range rows {
		if d.MediaTime >= from && d.MediaTime < to {
			of = append(of, d)
		}
	}
	return of
}

// TestTheIndexHasWhatTheLogHas drives a room through posts on pictures of any minute, broadcasts that follow
// each other, faults of every table, and restarts. In the end every span of media time has what the log has
// there: each danmaku once, in its range, in the order of media time.
func TestTheIndexHasWhatTheLogHas(t *testing.T) {
	for seed := range uint64(40) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			rng := rand.New(rand.NewPCG(seed, 11))
			var flaky *worldtest.Flaky
			replays(t, func(tb testing.TB) (s *table.Store) { s, flaky = worldtest.NewFlaky(tb); return s }, func(t *testing.T, x *replay) {
				broadcasts := []id.Broadcast{"a", "b", "c"}
				acked := map[position.Position]bool{}
				for i, b := range broadcasts {
					x.live(b)
					stumble(x, flaky, rng, acked)
					if i+1 == len(broadcasts) {
						x.live("")
					}
				}
				time.Sleep(time.Minute) // longer than any step waits to be done again
				found := 0
				for _, b := range broadcasts {
					logged := x.logged(b)
					found += len(logged)
					for _, d := range logged {
						delete(acked, d.Position)
					}
					for range 10 {
						from := time.Duration(rng.Int64N(int64(9 * time.Minute))).Truncate(time.Millisecond)
						to := from + time.Duration(1+rng.Int64N(int64(9*time.Minute)))
						got, settled := x.all(b, room.TimeSpan{From: from, To: to, Limit: 1 + rng.IntN(40)})
						if want := within(logged, from, to.Truncate(time.Millisecond)); !settled || !slices.Equal(got, want) {
							t.Fatalf("%s from %v to %v: %d danmaku, settled %v; the log has %d", b, from, to, len(got), settled, len(want))
						}
					}
				}
				if len(acked) > 0 || found == 0 {
					t.Errorf("%d danmaku that were acknowledged are nowhere; %d are", len(acked), found)
				}
			})
		})
	}
}

// stumble posts while things fail, and has them work in the end.
func stumble(x *replay, flaky *worldtest.Flaky, rng *rand.Rand, acked map[position.Position]bool) {
	tables := []string{"danmaku_by_time", "danmaku_by_time", "room", "room_log", ""}
	faults := []worldtest.Fault{
		worldtest.None, worldtest.None, worldtest.Lost, worldtest.Unsure, worldtest.Away, worldtest.UnsureAway, worldtest.Superseded,
	}
	for range 8 {
		flaky.FailFrom(tables[rng.IntN(len(tables))], 1+rng.IntN(4), faults[rng.IntN(len(faults))])
		for range rng.IntN(40) {
			if p, err := x.post(time.Duration(rng.Int64N(int64(8 * time.Minute)))); err == nil {
				acked[p] = true
			}
			time.Sleep(time.Duration(rng.IntN(200)) * time.Millisecond)
		}
		if rng.IntN(3) == 0 {
			x.end()
			flaky.Fail("", worldtest.None)
			x.start()
		}
	}
	flaky.Fail("", worldtest.None)
	for err := error(fault.New(fault.Unavailable, "not_yet", "")); err != nil; {
		time.Sleep(time.Second)
		var p position.Position
		if p, err = x.post(time.Minute); err == nil {
			acked[p] = true
		}
	}
}

// TestABroadcastIsSettledOnceItIsOver, and not while danmaku may follow.
func TestABroadcastIsSettledOnceItIsOver(t *testing.T) {
	replays(t, inMemory, func(t *testing.T, x *replay) {
		x.live("a")
		late, early := x.mustPost(50*time.Minute), x.mustPost(2*time.Minute)
		x.mustPost(room.MediaUnknown)
		time.Sleep(indexSoon)
		rows, settled := x.all("a", room.TimeSpan{To: 10 * time.Minute})
		if settled || len(rows) != 1 || rows[0].Position != early {
			t.Errorf("while it runs: %v, settled %v", rows, settled)
		}
		x.live("")
		time.Sleep(indexSoon)
		rows, settled = x.all("a", room.TimeSpan{From: 45 * time.Minute, To: 51 * time.Minute})
		if !settled || len(rows) != 1 || rows[0].Position != late {
			t.Errorf("when it is over: %v, settled %v", rows, settled)
		}
		if rows, settled := x.all("never", room.TimeSpan{To: time.Minute}); settled || len(rows) > 0 {
			t.Errorf("one that never was: %v, settled %v", rows, settled)
		}
	})
}

// TestWhatIsSettledIsWhole: a reader who is told so lacks nothing, whenever the broadcast ends.
func TestWhatIsSettledIsWhole(t *testing.T) {
	replays(t, inMemory, func(t *testing.T, x *replay) {
		for i := range 20 {
			b := id.Broadcast(fmt.Sprint("b", i))
			x.live(b)
			x.mustPost(time.Second)
			time.Sleep(time.Duration(i) * 100 * time.Millisecond)
			x.mustPost(2 * time.Second)
			x.live("")
			for settled := false; !settled; time.Sleep(10 * time.Millisecond) {
				var rows []room.Danmaku
				if rows, settled = x.all(b, room.TimeSpan{To: time.Minute}); settled && len(rows) != 2 {
					t.Fatalf("broadcast %d is settled with %d danmaku", i, len(rows))
				}
			}
		}
	})
}

// TestWhatAnActivationLeftIsIndexedByTheNext that anybody who reads awakes.
func TestWhatAnActivationLeftIsIndexedByTheNext(t *testing.T) {
	replays(t, inMemory, func(t *testing.T, x *replay) {
		x.live("a")
		x.mustPost(time.Minute)
		x.end()
		x.start()
		if rows, _ := x.all("a", room.TimeSpan{To: 2 * time.Minute}); len(rows) > 0 {
			t.Fatalf("the index has %v before anything was indexed", rows)
		}
		time.Sleep(indexSoon)
		if rows, _ := x.all("a", room.TimeSpan{To: 2 * time.Minute}); len(rows) != 1 {
			t.Errorf("%d danmaku, want the one that the activation before left", len(rows))
		}
	})
}

// TestADeletedBroadcastStaysDeleted, also where the log is indexed once more from its beginning.
func TestADeletedBroadcastStaysDeleted(t *testing.T) {
	damaged := false
	open := func(tb testing.TB) *table.Store {
		return worldtest.NewDamaged(tb, func(table, _ string, key []byte) bool { return damaged && table == "room" && string(key) == "i" })
	}
	replays(t, open, func(t *testing.T, x *replay) {
		x.live("a")
		for i := range 70 {
			x.mustPost(time.Duration(i) * 40 * time.Second)
		}
		err := x.index.Delete(t.Context(), theRoom, "a")
		wantCode(t, err, fault.Conflict, "broadcast_running")
		x.live("b")
		kept := x.mustPost(time.Minute)
		for range 2 { // who was not answered asks again
			if err := x.index.Delete(t.Context(), theRoom, "a"); err != nil {
				t.Fatal(err)
			}
		}
		damaged = true
		x.end()
		x.start()
		if err := x.index.Delete(t.Context(), theRoom, "none"); err != nil { // which waits for the index
			t.Fatal(err)
		}
		_, err = x.index.Page(t.Context(), theRoom, "a", room.TimeSpan{To: time.Minute})
		wantCode(t, err, fault.NotFound, "no_broadcast")
		if left := partitions(t, x.store, "danmaku_by_time", "7:a:"); len(left) > 0 {
			t.Errorf("left of it: %v", left)
		}
		if rows, _ := x.all("b", room.TimeSpan{To: 2 * time.Minute}); len(rows) != 1 || rows[0].Position != kept {
			t.Errorf("of the other: %v", rows)
		}
	})
}

// partitions are those of a plain table whose names begin so.
func partitions(t *testing.T, s *table.Store, of, prefix string) (left []string) {
	t.Helper()
	for from, first := table.Cursor(""), true; first || from != ""; first = false {
		names, next, err := s.Walk(t.Context(), table.Plain(of), from, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range names {
			if len(n) >= len(prefix) && n[:len(prefix)] == prefix {
				left = append(left, n)
			}
		}
		from = next
	}
	return left
}

// TestADamagedRowHidesNoOther, be it of the log, of the index or of its list of minutes.
func TestADamagedRowHidesNoOther(t *testing.T) {
	for name, c := range map[string]struct {
		hit  func(table, partition string, key []byte) bool
		want int
	}{
		"log": {func(table, _ string, key []byte) bool {
			return table == "room_log" && string(key) == "l\x00\x00\x00\x00\x00\x00\x00\x02"
		}, 3},
		"index": {func(table, _ string, key []byte) bool {
			return table == "danmaku_by_time" && len(key) == 16 && key[15] == 2
		}, 3},
		"minute": {func(table, _ string, key []byte) bool {
			return table == "danmaku_by_time" && len(key) == 9 && key[8] == 1
		}, 4},
		"state":  {func(table, _ string, key []byte) bool { return table == "danmaku_by_time" && string(key) == "s" }, 4},
		"cursor": {func(table, _ string, key []byte) bool { return table == "room" && string(key) == "i" }, 4},
	} {
		t.Run(name, func(t *testing.T) {
			replays(t, func(tb testing.TB) *table.Store { return worldtest.NewDamaged(tb, c.hit) }, func(t *testing.T, x *replay) {
				x.live("a")
				for i := range 60 { // more than the ring holds
					x.mustPost(time.Duration(i) * time.Second)
				}
				time.Sleep(indexSoon)
				rows, _ := x.all("a", room.TimeSpan{To: 4 * time.Second})
				if len(rows) != c.want {
					t.Errorf("%d danmaku, want %d", len(rows), c.want)
				}
				if rows, _ = x.all("a", room.TimeSpan{From: 4 * time.Second, To: 2 * time.Minute}); len(rows) != 56 {
					t.Errorf("%d of the others, want 56", len(rows))
				}
			})
		})
	}
}

// TestASpanIsBounded in time and in bytes.
func TestASpanIsBounded(t *testing.T) {
	replays(t, inMemory, func(t *testing.T, x *replay) {
		for _, q := range []room.TimeSpan{{}, {From: -1, To: 1}, {From: 2, To: 1}, {To: room.MaxTimeSpan + 1}} {
			_, err := x.index.Page(t.Context(), theRoom, "a", q)
			wantCode(t, err, fault.Invalid, "bad_time_range")
		}
		x.live("a")
		const posts = 1500
		for range posts {
			x.mustPost(time.Second)
		}
		time.Sleep(indexSoon)
		p, err := x.index.Page(t.Context(), theRoom, "a", room.TimeSpan{To: time.Minute})
		if err != nil || !p.More || len(p.Danmaku) > room.TimeLimit {
			t.Errorf("a page has %d danmaku, more %v, %v", len(p.Danmaku), p.More, err)
		}
		size := 0
		for i := range p.Danmaku {
			size += p.Danmaku[i].Weight()
		}
		if size > room.MaxTimeBytes {
			t.Errorf("a page weighs %d bytes", size)
		}
		if rows, _ := x.all("a", room.TimeSpan{To: time.Minute}); len(rows) != posts {
			t.Errorf("%d danmaku on all pages, want %d", len(rows), posts)
		}
	})
}
