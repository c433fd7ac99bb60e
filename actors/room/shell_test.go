package room_test

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/barrage-live/barrage/actors/room"
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
		if err := x.rooms.SetLive(t.Context(), theRoom, "b", start); err != nil {
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
		_, err = x.store.Store.Write(t.Context(), table.Batch{
			Table: table.Owned("room"), Partition: string(theRoom), Fence: position.Fence{Epoch: old, Activation: 1}, Ops: []table.Op{table.Put([]byte("l"), nil)},
		})
		wantCode(t, err, fault.Fenced, "fenced")
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

func TestUnknownOutcome(t *testing.T) {
	bubble(t, func(t *testing.T, x *fixture) {
		_, s := x.attach("n", 1)
		x.store.set(errors.New("the disk is gone"), nil)
		_, _, err := x.post("2", "k", "a")
		wantCode(t, err, fault.Timeout, "outcome_unknown")
		time.Sleep(time.Second)
		if s.texts() != "!|" {
			t.Errorf("delivered %q, want the end", s.texts())
		}
		x.store.set(nil, nil)
		if p, duplicate, err := x.post("2", "k", "a"); err != nil || duplicate || p.Offset != 1 {
			t.Errorf("the retry: %v, %v, %v", p, duplicate, err)
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

// TestLateAppend lets an append happen after its activation gave it up and the next one went on.
func TestLateAppend(t *testing.T) {
	bubble(t, func(t *testing.T, x *fixture) {
		late := make(chan struct{})
		x.store.set(nil, late)
		done := x.store.done
		_, _, err := x.post("2", "k", "late")
		wantCode(t, err, fault.Timeout, "outcome_unknown")
		x.store.set(nil, nil)
		p := x.mustPost("2", "l", "next")
		close(late)
		if err := <-done; fault.KindOf(err) != fault.Fenced {
			t.Errorf("the late append: %v, want that it is fenced", err)
		}
		x.restart()
		if got := x.texts(); !slices.Equal(got, []string{"next"}) || p.Offset != 1 {
			t.Errorf("history %v", got)
		}
	})
}

// TestLateAppendFirst is the other order: it happens after the next activation has read the log, but before it appends.
func TestLateAppendFirst(t *testing.T) {
	bubble(t, func(t *testing.T, x *fixture) {
		late := make(chan struct{})
		x.store.set(nil, late)
		done := x.store.done
		_, _, err := x.post("2", "k", "late")
		wantCode(t, err, fault.Timeout, "outcome_unknown")
		x.store.set(nil, nil)
		if got := x.texts(); len(got) != 0 {
			t.Errorf("history %v", got)
		}
		close(late)
		if err := <-done; fault.KindOf(err) != fault.Fenced {
			t.Errorf("the late append: %v, want that it is fenced", err)
		}
		if p := x.mustPost("2", "l", "next"); p.Offset != 1 {
			t.Errorf("posted at %v", p)
		}
		if p, duplicate, err := x.post("2", "k", "late"); err != nil || duplicate || p.Offset != 2 {
			t.Errorf("the retry: %v, %v, %v", p, duplicate, err)
		}
		if got := x.texts(); !slices.Equal(got, []string{"next", "late"}) {
			t.Errorf("history %v", got)
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
		wantCode(t, x.rooms.SetOffline(ctx, none), fault.NotFound, "no_room")
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
			wg.Go(func() { x.mustPost("2", fmt.Sprint(i), "x") })
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
