package room_test

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/barrage-live/barrage/actors/live/room"
	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/id"
	"github.com/barrage-live/barrage/internal/position"
	"github.com/barrage-live/barrage/storage/table"
)

func TestFanOut(t *testing.T) {
	bubble(t, func(t *testing.T, x *fixture) {
		x.mustPost("2", "before", "0")
		a, one := x.attach("n1", 5)
		if a.Position.Offset != 1 || a.Seq != 0 || a.Info.MaxLength != room.DefaultLength || a.Info.Room != theRoom {
			t.Fatalf("attached %+v", a)
		}
		_, two := x.attach("n2", 1)
		for i := range 4 {
			x.mustPost("2", fmt.Sprint(i), string(rune('a'+i)))
		}
		time.Sleep(time.Second)
		if got := one.texts(); got != "a|bcd|" || two.texts() != got {
			t.Errorf("delivered %q and %q, want a|bcd|", got, two.texts())
		}
		if gap := one.gap(); gap < 100*time.Millisecond || gap > 110*time.Millisecond {
			t.Errorf("a tick of %v, want 100 ms", gap)
		}
		if err := x.rooms.Detach(theRoom, "n2", 1); err != nil {
			t.Fatal(err)
		}
		if a, err := x.rooms.Report(t.Context(), theRoom, "n1", 5, 3); err != nil || a.Seq < 2 || a.Position.Offset != 5 {
			t.Fatalf("report: %+v, %v", a, err)
		}
		x.mustPost("2", "last", "e")
		time.Sleep(time.Second)
		if two.texts() != "a|bcd|" || one.texts() != "a|bcd|#3|e|" {
			t.Errorf("delivered %q and %q", one.texts(), two.texts())
		}
	})
}

func TestRestartContinues(t *testing.T) {
	bubble(t, func(t *testing.T, x *fixture) {
		first := x.mustPost("2", "k", "a")
		if err := x.rooms.Configure(t.Context(), theRoom, room.Adjustment{SlowMode: new(2 * time.Second), MaxLength: new(20)}); err != nil {
			t.Fatal(err)
		}
		if err := x.rooms.Mute(t.Context(), theRoom, "3", time.Now().Add(time.Hour), theOwner); err != nil {
			t.Fatal(err)
		}
		start := time.Now().UTC().Truncate(time.Millisecond)
		if _, err := x.rooms.SetLive(t.Context(), theRoom, position.Fence{Epoch: 1, Activation: 1}, "b", start); err != nil {
			t.Fatal(err)
		}
		old := x.node.Epoch()
		x.restart()
		again, duplicate, err := x.post("2", "k", "a")
		if err != nil || !duplicate || again != first {
			t.Errorf("a retry after the restart: %v, %v, %v; want the duplicate %v", again, duplicate, err, first)
		}
		_, _, err = x.post("3", "k", "a")
		wantCode(t, err, fault.Denied, "muted")
		time.Sleep(2 * time.Second)
		next := x.mustPost("2", "l", "b")
		if next.Offset != first.Offset+1 || next.Epoch <= first.Epoch {
			t.Errorf("%v does not continue %v", next, first)
		}
		a, _ := x.attach("n", 1)
		info := a.Info
		if info.Epoch != next.Epoch || !info.Live || !info.BroadcastStart.Equal(start) || info.SlowMode != 2*time.Second || info.MaxLength != 20 {
			t.Errorf("info after the restart: %+v", info)
		}
		r, err := x.rooms.Resume(t.Context(), theRoom, first)
		if err != nil || !r.Recovered || len(r.Danmaku) != 1 || r.Head != next {
			t.Errorf("resume: %+v, %v", r, err)
		}
		x.refusesWritesOf(position.Fence{Epoch: old, Activation: 1}, 0)
	})
}

func TestWindowSurvivesPassivation(t *testing.T) {
	bubble(t, func(t *testing.T, x *fixture) {
		first := x.mustPost("2", "k", "a")
		time.Sleep(3 * time.Minute) // passivated after one
		p, duplicate, err := x.post("2", "k", "a")
		if err != nil || !duplicate || p != first {
			t.Errorf("got %v, %v, %v", p, duplicate, err)
		}
		time.Sleep(3 * time.Minute)
		p = x.mustPost("2", "k", "a")
		if p.Offset != 2 {
			t.Errorf("a key beyond its window gave %v", p)
		}
	})
}

// TestUnknownOutcome has the storage fail in a way that tells nothing. Until the room has found out, it
// refuses posts, at once and honestly, and serves everything it has in memory; then it goes on with what it
// found.
func TestUnknownOutcome(t *testing.T) {
	bubble(t, func(t *testing.T, x *fixture) {
		_, s := x.attach("n", 1)
		first := x.mustPost("2", "j", "a")
		x.store.set(errors.New("the disk is gone"), nil)
		_, _, err := x.post("2", "k", "b")
		wantCode(t, err, fault.Timeout, "outcome_unknown")
		for range 3 {
			_, _, err = x.post("3", "l", "c")
			wantCode(t, err, fault.Unavailable, "room_recovering")
			if got := x.texts(); !slices.Equal(got, []string{"a"}) {
				t.Errorf("history %v", got)
			}
			if r, err := x.rooms.Resume(t.Context(), theRoom, first); err != nil || !r.Recovered {
				t.Errorf("resume: %+v, %v", r, err)
			}
			x.attach("m", 1)
			time.Sleep(time.Second)
		}
		x.store.set(nil, nil)
		time.Sleep(3 * time.Second) // past the next try
		if s.texts() != "a|b|" {
			t.Errorf("delivered %q, want what was found in the log", s.texts())
		}
		if p, duplicate, err := x.post("2", "k", "b"); err != nil || !duplicate || p.Offset != 2 {
			t.Errorf("the retry: %v, %v, %v", p, duplicate, err)
		}
		x.mustPost("3", "l", "c")
	})
}

// TestSlowAppend holds an append for longer than anyone waits: whoever reads does not notice.
func TestSlowAppend(t *testing.T) {
	bubble(t, func(t *testing.T, x *fixture) {
		first := x.mustPost("2", "j", "a")
		late := make(chan struct{})
		x.store.set(nil, late)
		done := x.store.done
		var wg sync.WaitGroup
		wg.Go(func() {
			_, _, err := x.post("2", "k", "late")
			wantCode(t, err, fault.Timeout, "outcome_unknown")
		})
		for range 8 {
			begin := time.Now()
			if got := x.texts(); !slices.Equal(got, []string{"a"}) {
				t.Errorf("history %v", got)
			}
			if r, err := x.rooms.Resume(t.Context(), theRoom, first); err != nil || !r.Recovered {
				t.Errorf("resume: %+v, %v", r, err)
			}
			if _, err := x.rooms.Info(t.Context(), theRoom); err != nil {
				t.Error(err)
			}
			if d := time.Since(begin); d > 0 {
				t.Errorf("reading took %v beside an append that hangs", d)
			}
			time.Sleep(time.Second)
		}
		begin := time.Now()
		_, _, err := x.post("3", "l", "c")
		wantCode(t, err, fault.Unavailable, "room_recovering")
		if d := time.Since(begin); d > 0 {
			t.Errorf("a post was refused after %v", d)
		}
		wg.Wait()
		close(late)
		if err := <-done; err != nil && fault.KindOf(err) != fault.Conflict { // the first attempt, or one to settle it
			t.Errorf("the late append: %v", err)
		}
		x.store.set(nil, nil)
	})
}

// TestDoubtOfAChange loses the answer to a change of the room's settings, which was written.
func TestDoubtOfAChange(t *testing.T) {
	bubble(t, func(t *testing.T, x *fixture) {
		late := make(chan struct{})
		close(late) // it happens, but nobody is told
		x.store.set(nil, late)
		err := x.rooms.Configure(t.Context(), theRoom, room.Adjustment{MaxLength: new(3)})
		wantCode(t, err, fault.Timeout, "outcome_unknown")
		x.store.set(nil, nil)
		x.mustPost("2", "k", "abcd") // the old length is in force until the change is known
		wantCode(t, x.rooms.Configure(t.Context(), theRoom, room.Adjustment{MaxLength: new(4)}), fault.Unavailable, "room_recovering")
		time.Sleep(3 * time.Second)
		card, err := x.rooms.Card(t.Context(), theRoom)
		if err != nil || card.Settings.MaxLength != 3 {
			t.Errorf("card %+v, %v", card, err)
		}
		if err := x.rooms.Configure(t.Context(), theRoom, room.Adjustment{MaxLength: new(4)}); err != nil {
			t.Error(err)
		}
	})
}

func TestFullDiskRefusesPostsOnly(t *testing.T) {
	bubble(t, func(t *testing.T, x *fixture) {
		x.mustPost("2", "k", "a")
		_, s := x.attach("n", 1)
		x.store.set(fault.New(fault.Unavailable, "storage_full", "the disk is full"), nil)
		_, _, err := x.post("2", "l", "b")
		wantCode(t, err, fault.Unavailable, "storage_full")
		if got := x.texts(); !slices.Equal(got, []string{"a"}) {
			t.Errorf("history %v", got)
		}
		x.store.set(nil, nil)
		x.mustPost("2", "l", "b")
		if got := x.texts(); !slices.Equal(got, []string{"a", "b"}) || s.texts() != "b|" {
			t.Errorf("history %v, delivered %q", got, s.texts())
		}
	})
}

// TestLateAppend lets an append happen after the room has tried it again: one of the two takes effect.
func TestLateAppend(t *testing.T) {
	bubble(t, func(t *testing.T, x *fixture) {
		late := make(chan struct{})
		x.store.set(nil, late)
		done := x.store.done
		_, _, err := x.post("2", "k", "late")
		wantCode(t, err, fault.Timeout, "outcome_unknown")
		x.store.set(nil, nil)
		time.Sleep(time.Second)
		p := x.mustPost("2", "l", "next")
		close(late)
		if err := <-done; fault.KindOf(err) != fault.Conflict {
			t.Errorf("the late append: %v, want that its place is taken", err)
		}
		x.restart()
		if got := x.texts(); !slices.Equal(got, []string{"late", "next"}) || p.Offset != 2 {
			t.Errorf("history %v", got)
		}
	})
}

// TestLateAppendFirst is the other order: it happens before the room tries again.
func TestLateAppendFirst(t *testing.T) {
	bubble(t, func(t *testing.T, x *fixture) {
		late := make(chan struct{})
		x.store.set(nil, late)
		done := x.store.done
		_, _, err := x.post("2", "k", "late")
		wantCode(t, err, fault.Timeout, "outcome_unknown")
		close(late)
		if err := <-done; err != nil {
			t.Errorf("the late append: %v", err)
		}
		x.store.set(nil, nil)
		time.Sleep(time.Second)
		if p, duplicate, err := x.post("2", "k", "late"); err != nil || !duplicate || p.Offset != 1 {
			t.Errorf("the retry: %v, %v, %v", p, duplicate, err)
		}
		if got := x.texts(); !slices.Equal(got, []string{"late"}) {
			t.Errorf("history %v", got)
		}
	})
}

// TestLateAppendOfAnEarlierActivation happens after the room has moved on to its next activation.
func TestLateAppendOfAnEarlierActivation(t *testing.T) {
	bubble(t, func(t *testing.T, x *fixture) {
		x.mustPost("2", "j", "a")
		late := make(chan struct{})
		x.store.set(nil, late)
		done := x.store.done
		_, _, err := x.post("2", "k", "late")
		wantCode(t, err, fault.Timeout, "outcome_unknown")
		x.store.set(nil, nil)
		x.restart()
		p := x.mustPost("2", "l", "next")
		close(late)
		if err := <-done; fault.KindOf(err) != fault.Fenced && fault.KindOf(err) != fault.Conflict {
			t.Errorf("the late append: %v, want that it is refused", err)
		}
		if got := x.texts(); int(p.Offset) != len(got) || got[len(got)-1] != "next" {
			t.Errorf("history %v, posted at %v", got, p)
		}
	})
}

func TestDrainEndsAttachments(t *testing.T) {
	bubble(t, func(t *testing.T, x *fixture) {
		_, s := x.attach("n", 1)
		x.mustPost("2", "k", "a")
		x.mustPost("2", "l", "b")
		if err := x.node.Drain(t.Context()); err != nil {
			t.Fatal(err)
		}
		if s.texts() != "a|b!|" {
			t.Errorf("delivered %q, want a|b!|", s.texts())
		}
	})
}

func TestNoRoom(t *testing.T) {
	bubble(t, func(t *testing.T, x *fixture) {
		ctx, none := t.Context(), id.Room("99")
		_, _, err := x.rooms.Post(ctx, none, room.Author{User: "2", Name: "N"}, room.Draft{Key: "k", Text: "a"})
		wantCode(t, err, fault.NotFound, "no_room")
		_, err = x.rooms.Attach(ctx, none, "n", 1)
		wantCode(t, err, fault.NotFound, "no_room")
		_, err = x.rooms.Resume(ctx, none, position.Position{})
		wantCode(t, err, fault.NotFound, "no_room")
		_, _, err = x.rooms.History(ctx, none, position.Position{}, 0)
		wantCode(t, err, fault.NotFound, "no_room")
		wantCode(t, x.rooms.SetOffline(ctx, none, position.Fence{Epoch: 1, Activation: 1}), fault.NotFound, "no_room")
		_, err = x.rooms.Card(ctx, "not a number")
		wantCode(t, err, fault.Invalid, "bad_id")
		// Asking left nothing behind, not even a fence.
		if exists, err := x.store.FenceExisting(ctx, table.Owned("room"), string(none), position.Fence{Epoch: 1 << 20}); exists || err != nil {
			t.Errorf("the partition of a room that does not exist: %v, %v", exists, err)
		}
	})
}

func TestGovernance(t *testing.T) {
	bubble(t, func(t *testing.T, x *fixture) {
		ctx := t.Context()
		wantCode(t, x.rooms.Create(ctx, theRoom, "8", "other"), fault.Conflict, "room_exists")
		if err := x.rooms.Mute(ctx, theRoom, "3", time.Now().Add(time.Minute), theOwner); err != nil {
			t.Fatal(err)
		}
		all, err := x.rooms.Mutes(ctx, theRoom)
		if err != nil || len(all) != 1 || all[0].User != "3" || all[0].By != theOwner {
			t.Errorf("mutes %+v, %v", all, err)
		}
		if err := x.rooms.Unmute(ctx, theRoom, "3"); err != nil {
			t.Fatal(err)
		}
		x.mustPost("3", "k", "a")
		if err := x.rooms.Configure(ctx, theRoom, room.Adjustment{MaxLength: new(3)}); err != nil {
			t.Fatal(err)
		}
		_, _, err = x.post("3", "l", "four")
		wantCode(t, err, fault.Invalid, "text_too_long")
		card, err := x.rooms.Card(ctx, theRoom)
		if err != nil || card.Owner != theOwner || card.Channel != "8" || card.Settings.MaxLength != 3 {
			t.Errorf("card %+v, %v", card, err)
		}
	})
}

func TestDeepHistoryAndRecovery(t *testing.T) {
	bubble(t, func(t *testing.T, x *fixture) {
		const n = 2500 // more than the ring
		var wg sync.WaitGroup
		for i := range n {
			wg.Go(func() { x.mustPost(id.User(fmt.Sprint("u", i)), "k", "x") })
		}
		wg.Wait()
		var before position.Position
		seen, more := 0, true
		for more {
			rows, m, err := x.rooms.History(t.Context(), theRoom, before, 0)
			if err != nil {
				t.Fatal(err)
			}
			seen, more = seen+len(rows), m
			before = rows[0].Position
		}
		if seen != n || before.Offset != 1 {
			t.Errorf("%d rows down to %v", seen, before)
		}
		r, err := x.rooms.Resume(t.Context(), theRoom, before)
		if err != nil || r.Recovered || r.Reason != room.TooMany || r.Head.Offset != n {
			t.Errorf("resume from the first: %+v, %v", r, err)
		}
	})
}

// refusesWritesOf has an earlier owner write wherever it could: to the card, to the open bucket of the log,
// and to the next one.
func (x *fixture) refusesWritesOf(f position.Fence, bucket int) {
	x.t.Helper()
	for _, b := range []table.Batch{
		{Table: table.Owned("room"), Partition: string(theRoom)},
		{Table: table.Owned("room_log"), Partition: fmt.Sprintf("%s:%d", theRoom, bucket)},
		{Table: table.Owned("room_log"), Partition: fmt.Sprintf("%s:%d", theRoom, bucket+1)},
	} {
		b.Fence, b.Ops = f, []table.Op{table.Put([]byte("l"), nil)}
		_, err := x.store.Store.Write(x.t.Context(), b)
		wantCode(x.t, err, fault.Fenced, "fenced")
	}
}

// TestBuckets fills the first bucket of a log and goes on in the next: reading crosses the border, before
// and after a restart, and an earlier owner can write into neither.
func TestBuckets(t *testing.T) {
	bubble(t, func(t *testing.T, x *fixture) {
		const border = 1 << 16
		var wg sync.WaitGroup
		for w := range 256 {
			wg.Go(func() {
				for i := w; i < border+20; i += 256 {
					x.mustPost(id.User(fmt.Sprint("u", i)), "k", "x")
				}
			})
		}
		wg.Wait()
		old := x.node.Epoch()
		across := func(when string) {
			t.Helper()
			rows, more, err := x.rooms.History(t.Context(), theRoom, position.Position{Epoch: 1, Offset: border + 5}, 20)
			if err != nil || !more || len(rows) != 20 || rows[0].Position.Offset != border-15 {
				t.Fatalf("%s: history across the border: %d rows, more %v, %v", when, len(rows), more, err)
			}
			r, err := x.rooms.Resume(t.Context(), theRoom, rows[0].Position)
			if err != nil || !r.Recovered || r.Danmaku[0].Position.Offset != border-14 {
				t.Fatalf("%s: resume across the border: %+v, %v", when, r, err)
			}
		}
		across("before a restart")
		x.restart()
		across("after a restart")
		if p := x.mustPost("2", "k", "next"); p.Offset != border+21 || p.Epoch <= old {
			t.Errorf("the next is at %v", p)
		}
		x.refusesWritesOf(position.Fence{Epoch: old, Activation: 1}, 1)
	})
}
