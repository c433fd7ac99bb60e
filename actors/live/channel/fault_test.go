package channel_test

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/barrage-live/barrage/actors/actortest"
	"github.com/barrage-live/barrage/actors/document"
	"github.com/barrage-live/barrage/actors/live/channel"
	"github.com/barrage-live/barrage/actors/worldtest"
	"github.com/barrage-live/barrage/cluster"
	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/id"
	"github.com/barrage-live/barrage/internal/position"
	"github.com/barrage-live/barrage/live"
	"github.com/barrage-live/barrage/live/ingest"
	"github.com/barrage-live/barrage/storage/outbox"
	"github.com/barrage-live/barrage/storage/table"
)

// flakyWorld is a world with a live channel whose document's writes can be made to fail.
func flakyWorld(t *testing.T) (w *worldtest.World, disk *worldtest.Flaky, c channel.Channel, key string, s *live.Stream) {
	t.Helper()
	store, disk := worldtest.NewFlaky(t)
	w = worldtest.New(t, worldtest.Config{Table: store, Channel: channel.Config{Grace: 50 * time.Millisecond, Beat: 20 * time.Millisecond}})
	c = create(t, w, "42", "ann")
	_, key = mint(t, w, c.ID)
	return w, disk, c, key, begin(t, w, key)
}

// unfinished reports whether the stored document still carries the mark of a broadcast.
func unfinished(t *testing.T, w *worldtest.World, c channel.Channel) bool {
	t.Helper()
	row, err := w.Table.Get(t.Context(), table.Owned("channel"), string(c.ID), []byte("doc"))
	if err != nil {
		t.Fatal(err)
	}
	return bytes.Contains(row.Value, []byte(`"broadcast"`))
}

func title(t *testing.T, w *worldtest.World, c channel.Channel) string {
	t.Helper()
	got, err := w.Channels.Get(t.Context(), c.ID)
	if err != nil {
		t.Fatal(err)
	}
	return got.Title
}

func TestAFailedEditLeavesTheBroadcastAlone(t *testing.T) {
	for name, x := range map[string]struct {
		how   worldtest.Fault
		title string
	}{"lost": {worldtest.Lost, "ann"}, "unsure": {worldtest.Unsure, "Changed"}} {
		t.Run(name, func(t *testing.T) {
			w, disk, c, _, s := flakyWorld(t)
			disk.Fail("channel", x.how)
			if _, err := w.Channels.SetTitle(t.Context(), c.ID, "Changed"); err == nil {
				t.Errorf("got %v", err)
			}
			disk.Fail("", worldtest.None)
			eventually(t, "the title is that of the table", func() bool { return title(t, w, c) == x.title })
			if s.Err() != nil || phase(t, w, c.ID) != channel.Live {
				t.Errorf("the publisher was hurt: %v", s.Err())
			}
			if _, err := w.Channels.SetTitle(t.Context(), c.ID, "Again"); err != nil || title(t, w, c) != "Again" {
				t.Errorf("afterwards: %v", err)
			}
		})
	}
}

// TestAnOutageDuringABroadcast: whatever is asked of the channel meanwhile, the publisher goes on, and what
// it does is noticed.
func TestAnOutageDuringABroadcast(t *testing.T) {
	for name, how := range map[string]worldtest.Fault{"away": worldtest.Away, "unsure": worldtest.UnsureAway} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, disk, c, key, s := flakyWorld(t)
				k, err := w.Channels.Keys(t.Context(), c.ID)
				if err != nil {
					t.Fatal(err)
				}
				disk.Fail("", how)
				for what, err := range map[string]error{
					"a title":          second(w.Channels.SetTitle(t.Context(), c.ID, "Changed")),
					"another title":    second(w.Channels.SetTitle(t.Context(), c.ID, "Changed again")),
					"a revoked key":    second(w.Channels.RevokeKey(t.Context(), c.ID, k[0].ID)),
					"a second encoder": second(w.Gate.Begin(t.Context(), ingest.Publication{Key: key})),
				} {
					if err == nil {
						t.Errorf("%s is stored in an outage", what)
					}
				}
				time.Sleep(40 * time.Second)
				if s.Err() != nil || phase(t, w, c.ID) != channel.Live {
					t.Fatalf("the publisher was hurt: %v", s.Err())
				}
				if err := w.Gate.Verify(t.Context(), ingest.Publication{Key: key}); err != nil {
					t.Errorf("the key cannot be checked: %v", err)
				}
				if err := w.Gate.End(t.Context(), s, live.ErrEnded); err != nil {
					t.Fatal(err)
				}
				time.Sleep(time.Second)
				if p := phase(t, w, c.ID); p != channel.Offline {
					t.Errorf("after the grace the channel is %s", p)
				}
				disk.Fail("", worldtest.None)
				time.Sleep(20 * time.Second)
				if unfinished(t, w, c) || roomLive(t, w, c) {
					t.Error("after the outage the end is not known")
				}
				begin(t, w, key)
			})
		})
	}
}

func second[T any](_ T, err error) error { return err }

// TestAPanicEndsNoBroadcast: the channel's next activation finds publisher and packager as they were.
func TestAPanicEndsNoBroadcast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := worldtest.New(t, worldtest.Config{Kind: actortest.Fragile, Channel: channel.Config{Grace: 5 * time.Second}})
		c := create(t, w, "42", "ann")
		k, key := mint(t, w, c.ID)
		s := begin(t, w, key)
		kill := func() {
			t.Helper()
			if _, err := cluster.Ask[any](t.Context(), w.Node, channel.KindName, string(c.ID), actortest.Panic); fault.CodeOf(err) != "actor_panicked" {
				t.Fatal(err)
			}
		}
		before, err := w.Channels.Get(t.Context(), c.ID)
		if err != nil {
			t.Fatal(err)
		}
		kill()
		after, err := w.Channels.Get(t.Context(), c.ID)
		if err != nil || after.Phase != channel.Live || after.Broadcast != before.Broadcast || !after.Start.Equal(before.Start) || s.Err() != nil {
			t.Errorf("before %+v, after %+v, %v; the stream says %v", before, after, err, s.Err())
		}
		synctest.Wait() // the room is told
		if !roomLive(t, w, c) || len(w.Origin.Finished()) != 0 {
			t.Errorf("the room is live: %v; finished %v", roomLive(t, w, c), w.Origin.Finished())
		}
		time.Sleep(30 * time.Second)
		_, err = w.Channels.RevokeKey(t.Context(), c.ID, k.ID)
		synctest.Wait() // the node of the publisher is told
		if err != nil || fault.CodeOf(s.Err()) != "key_revoked" {
			t.Errorf("the key it came with is revoked, %v, and the stream says %v", err, s.Err())
		}
		time.Sleep(20 * time.Second)
		if p := phase(t, w, c.ID); p != channel.Offline || len(w.Origin.Finished()) != 1 {
			t.Errorf("after that the channel is %s, finished %v", p, w.Origin.Finished())
		}
		// One who has left when the next activation looks does not hold it up.
		_, key = mint(t, w, c.ID)
		s = begin(t, w, key)
		s.Close(live.ErrEnded)
		kill()
		if p := phase(t, w, c.ID); p != channel.Interrupted {
			t.Errorf("without a publisher the channel is %s", p)
		}
		time.Sleep(6 * time.Second)
		if p := phase(t, w, c.ID); p != channel.Offline {
			t.Errorf("after the grace the channel is %s", p)
		}
	})
}

func TestAFailedTakeoverLeavesTheFirstPublisher(t *testing.T) {
	for name, how := range map[string]worldtest.Fault{"lost": worldtest.Lost, "unsure": worldtest.Unsure} {
		t.Run(name, func(t *testing.T) {
			w, disk, c, key, s := flakyWorld(t)
			disk.Fail("channel", how)
			if _, err := w.Gate.Begin(t.Context(), ingest.Publication{Key: key}); err == nil {
				t.Errorf("got %v", err)
			}
			disk.Fail("", worldtest.None)
			if s.Err() != nil || phase(t, w, c.ID) != channel.Live {
				t.Errorf("the first publisher was hurt: %v", s.Err())
			}
			next := begin(t, w, key)
			if !errors.Is(s.Err(), live.ErrTakenOver) || next.Err() != nil {
				t.Errorf("first %v, next %v", s.Err(), next.Err())
			}
			o := w.Origin.Leases()
			if len(o) != 2 || o[1].Fence <= o[0].Fence || o[1].Broadcast != o[0].Broadcast {
				t.Errorf("openings: %+v", o)
			}
			if err := w.Gate.End(t.Context(), next, nil); err != nil {
				t.Fatal(err)
			}
			eventually(t, "the channel is offline", func() bool { return phase(t, w, c.ID) == channel.Offline })
		})
	}
}

func TestAFailedEndIsTriedAgain(t *testing.T) {
	for name, how := range map[string]worldtest.Fault{"lost": worldtest.Lost, "unsure": worldtest.Unsure} {
		t.Run(name, func(t *testing.T) {
			w, disk, c, key, s := flakyWorld(t)
			disk.Fail("channel", how)
			if err := w.Gate.End(t.Context(), s, live.ErrEnded); err != nil {
				t.Fatal(err)
			}
			eventually(t, "the end is tried", func() bool { return len(w.Origin.Finished()) > 0 })
			if _, err := w.Gate.Begin(t.Context(), ingest.Publication{Key: key}); err == nil {
				t.Errorf("a begin while the disk is away: %v", err)
			}
			disk.Fail("", worldtest.None)
			begin(t, w, key) // at once, before the end is tried again
			if o := w.Origin.Leases(); o[0].Broadcast == o[1].Broadcast || o[1].Resumes {
				t.Error("a finished broadcast goes on")
			}
			if p := phase(t, w, c.ID); p != channel.Live {
				t.Errorf("the channel is %s", p)
			}
		})
	}
}

func TestAnEndIsWrittenOnceTheDiskIsBack(t *testing.T) {
	for name, how := range map[string]worldtest.Fault{"lost": worldtest.Lost, "unsure": worldtest.Unsure} {
		t.Run(name, func(t *testing.T) {
			w, disk, c, _, s := flakyWorld(t)
			disk.Fail("channel", how)
			if err := w.Gate.End(t.Context(), s, live.ErrEnded); err != nil {
				t.Fatal(err)
			}
			eventually(t, "the channel is offline", func() bool { return phase(t, w, c.ID) == channel.Offline && !roomLive(t, w, c) })
			disk.Fail("", worldtest.None)
			eventually(t, "the end is written", func() bool { return !unfinished(t, w, c) })
		})
	}
}

// TestAChannelThatIsLiveStaysMarked for as long as it is, so that a crash at any time ends its broadcast.
func TestAChannelThatIsLiveStaysMarked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, _ := worldtest.NewFlaky(t)
		w := worldtest.New(t, worldtest.Config{Table: store})
		c := create(t, w, "42", "ann")
		_, key := mint(t, w, c.ID)
		time.Sleep(time.Minute) // what belongs to the creation is done
		marked := func(when string, want int) {
			t.Helper()
			if got, _, err := (outbox.Marks{Tables: w.Table}).All(t.Context(), ""); err != nil || len(got) != want {
				t.Errorf("%s are marked %v, %v", when, got, err)
			}
		}
		marked("before", 0)
		s := begin(t, w, key)
		time.Sleep(30 * time.Second)
		marked("meanwhile", 1)
		if err := w.Gate.End(t.Context(), s, live.ErrEnded); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Minute)
		marked("after it", 0)
	})
}

// TestARoomThatCouldNotBeToldIsToldAfterARestart: a room that says live without a broadcast would keep its
// viewers waiting for ever.
func TestARoomThatCouldNotBeToldIsToldAfterARestart(t *testing.T) {
	w, disk, c, _, s := flakyWorld(t)
	eventually(t, "the room is live", func() bool { return roomLive(t, w, c) })
	disk.Fail("room", worldtest.Lost)
	if err := w.Gate.End(t.Context(), s, live.ErrEnded); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the broadcast is over", func() bool { return phase(t, w, c.ID) == channel.Offline })
	w.Kill()
	disk.Fail("", worldtest.None)
	w = worldtest.New(t, worldtest.Config{Table: w.Table})
	if _, err := document.WakeAll(t.Context(), w.Node, w.Table, nil); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the room is told", func() bool { return !roomLive(t, w, c) })
	eventually(t, "the end is written", func() bool { return !unfinished(t, w, c) })
}

// TestAnEndWaitsForASlowStore: the publisher goes while the channel waits for its store, longer than
// anybody asks.
func TestAnEndWaitsForASlowStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, disk, c, _, s := flakyWorld(t)
		disk.Fail("channel", worldtest.Stalled)
		edited := make(chan error)
		go func() {
			_, err := w.Channels.SetTitle(t.Context(), c.ID, "Changed")
			edited <- err
		}()
		synctest.Wait() // the channel writes
		s.Close(live.ErrEnded)
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		if err := w.Gate.End(ctx, s, live.ErrEnded); err != nil {
			t.Errorf("the end is not taken: %v", err)
		}
		if err := <-edited; fault.KindOf(err) != fault.Timeout {
			t.Errorf("the edit: %v", err)
		}
		time.Sleep(time.Second)
		disk.Fail("", worldtest.None)
		time.Sleep(time.Second)
		if p := phase(t, w, c.ID); p != channel.Offline {
			t.Errorf("the publisher left, its stream is closed, the store is well, and the channel is %s", p)
		}
	})
}

// TestAnEndThatIsNeverTold: whoever publishes is gone without a word, or never took the stream it asked for.
func TestAnEndThatIsNeverTold(t *testing.T) {
	for name, x := range map[string]struct {
		silent bool
		after  time.Duration
	}{"gone": {false, time.Second}, "never there": {true, 62 * time.Second}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, _, c, _, s := flakyWorld(t)
				if !x.silent {
					s.Close(live.ErrEnded)
				}
				time.Sleep(x.after)
				if p := phase(t, w, c.ID); p != channel.Offline || s.Err() == nil {
					t.Errorf("the channel is %s, the stream says %v", p, s.Err())
				}
			})
		})
	}
}

func TestAnOwnerThatWasSupersededStepsDown(t *testing.T) {
	w, disk, c, _, s := flakyWorld(t)
	disk.Fail("channel", worldtest.Superseded)
	if _, err := w.Channels.SetTitle(t.Context(), c.ID, "Changed"); fault.KindOf(err) != fault.Fenced {
		t.Errorf("got %v", err)
	}
	disk.Fail("", worldtest.None)
	eventually(t, "its successor has the publisher", func() bool { return phase(t, w, c.ID) == channel.Live })
	if s.Err() != nil {
		t.Errorf("the publisher ended with %v", s.Err())
	}
}

// row is where the list has a channel, and what it says; nothing if it is not there.
func row(t *testing.T, w *worldtest.World, ch id.Channel) (b table.Batch) {
	t.Helper()
	partitions, _, err := w.Table.Walk(t.Context(), table.Plain("channel_live"), "", 0)
	for _, p := range partitions {
		r, getErr := w.Table.Get(t.Context(), table.Plain("channel_live"), p, []byte(ch))
		if getErr == nil {
			b = table.Batch{Table: table.Plain("channel_live"), Partition: p, Ops: []table.Op{table.Put([]byte(ch), r.Value)}}
		} else if !errors.Is(getErr, table.ErrNoRow) {
			err = getErr
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestAnOwnerWhoseRoomHasHeardANewerOneStepsDown: room and list are told by another activation, and keep
// what that one said.
func TestAnOwnerWhoseRoomHasHeardANewerOneStepsDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := worldtest.New(t, worldtest.Config{})
		c := create(t, w, "42", "ann")
		_, key := mint(t, w, c.ID)
		s := begin(t, w, key)
		time.Sleep(time.Second)
		if !roomLive(t, w, c) {
			t.Fatal("the room is not live")
		}
		if err := w.Rooms.SetOffline(t.Context(), c.Room, position.Fence{Epoch: w.Node.Epoch() + 1, Activation: 1}); err != nil {
			t.Fatal(err)
		}
		hidden := row(t, w, c.ID)
		hidden.Ops[0] = table.Delete([]byte(c.ID))
		if _, err := w.Table.Write(t.Context(), hidden); err != nil {
			t.Fatal(err)
		}
		time.Sleep(15 * time.Second)
		if roomLive(t, w, c) || row(t, w, c.ID).Partition != "" {
			t.Error("room or list believe the older one")
		}
		if s.Err() != nil {
			t.Errorf("the publisher, which the newer one leads now, ended with %v", s.Err())
		}
	})
}

// TestAnEndThatIsToldLateHidesNoNewerBroadcast: the room takes no end until another activation has told it
// of a new broadcast.
func TestAnEndThatIsToldLateHidesNoNewerBroadcast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, disk, c, _, s := flakyWorld(t)
		time.Sleep(time.Second)
		shown := row(t, w, c.ID)
		disk.Fail("room", worldtest.Lost)
		if err := w.Gate.End(t.Context(), s, live.ErrEnded); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		disk.Fail("", worldtest.None)
		if _, err := w.Rooms.SetLive(t.Context(), c.Room, position.Fence{Epoch: w.Node.Epoch() + 1, Activation: 1}, "next", time.Now()); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Table.Write(t.Context(), shown); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Second) // the end is told again
		if !roomLive(t, w, c) || row(t, w, c.ID).Partition == "" {
			t.Error("the older one has hidden the broadcast of the newer")
		}
	})
}

// TestWhoeverFindsAChannelSeesToItsNames: its owner was told that nobody knows whether it was made, and
// somebody looks.
func TestWhoeverFindsAChannelSeesToItsNames(t *testing.T) {
	for what, look := range map[string]func(w *worldtest.World) error{
		"by name":  func(w *worldtest.World) error { return second(w.Channels.Resolve(context.Background(), "ann")) },
		"by owner": func(w *worldtest.World) error { return second(w.Channels.Owned(context.Background(), "42")) },
	} {
		t.Run(what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store, disk := worldtest.NewFlaky(t)
				w := worldtest.New(t, worldtest.Config{Table: store})
				disk.FailFrom("channel", 3, worldtest.UnsureAway) // after the fences
				if _, err := w.Channels.Create(t.Context(), "42", "ann", ""); fault.KindOf(err) != fault.Timeout {
					t.Fatalf("got %v", err)
				}
				disk.Fail("", worldtest.None)
				if err := look(w); err != nil {
					t.Errorf("right after it: %v", err)
				}
				time.Sleep(time.Hour)
				own, err := w.Channels.Owned(t.Context(), "42")
				if named, nameErr := w.Channels.Resolve(t.Context(), "ann"); err != nil || nameErr != nil || named != own.ID {
					t.Errorf("an hour later: the owner's is %q, %v, the name leads to %q, %v", own.ID, err, named, nameErr)
				}
			})
		})
	}
}

// TestACreationThatSucceededUnnoticedKeepsItsNames: its owner was told that nobody knows, and tries again
// at once.
func TestACreationThatSucceededUnnoticedKeepsItsNames(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, disk := worldtest.NewFlaky(t)
		w := worldtest.New(t, worldtest.Config{Table: store})
		disk.FailFrom("channel", 3, worldtest.UnsureAway) // after the fences
		if _, err := w.Channels.Create(t.Context(), "42", "ann", ""); fault.KindOf(err) != fault.Timeout {
			t.Fatalf("got %v", err)
		}
		disk.Fail("channel_name", worldtest.Lost)
		if _, err := w.Channels.Create(t.Context(), "42", "ann", ""); err == nil || errors.Is(err, channel.ErrChannelExists) {
			t.Errorf("a try whose names cannot be confirmed: %v", err)
		}
		disk.Fail("", worldtest.None)
		if _, err := w.Channels.Create(t.Context(), "42", "ann", ""); !errors.Is(err, channel.ErrChannelExists) {
			t.Errorf("the next try: %v", err)
		}
		time.Sleep(time.Hour)
		own, err := w.Channels.Owned(t.Context(), "42")
		if err != nil || own.Name != "ann" {
			t.Fatalf("the owner's: %+v, %v", own, err)
		}
		if named, err := w.Channels.Resolve(t.Context(), "ann"); err != nil || named != own.ID {
			t.Errorf("the name is %q's, %v", named, err)
		}
	})
}

func TestAFailedCreationMayBeTriedAgain(t *testing.T) {
	for name, x := range map[string]struct {
		table string
		call  int // the first that fails: the activation's fence is the first, the creation's the second, the third writes
		how   worldtest.Fault
		kind  fault.Kind
		after time.Duration
	}{
		"nothing is claimed":                {"channel", 1, worldtest.Lost, fault.Unavailable, 0},
		"the document is surely not stored": {"channel", 3, worldtest.Lost, fault.Unavailable, 0},
		"the room is surely not made":       {"room", 1, worldtest.Lost, fault.Unavailable, 0},
		"nobody knows":                      {"channel", 3, worldtest.UnsureAway, fault.Timeout, time.Minute + 2*time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store, disk := worldtest.NewFlaky(t)
				w := worldtest.New(t, worldtest.Config{Table: store})
				disk.FailFrom(x.table, x.call, x.how)
				if _, err := w.Channels.Create(t.Context(), "42", "ann", ""); err == nil || fault.KindOf(err) != x.kind {
					t.Errorf("got %v", err)
				}
				disk.Fail("", worldtest.None)
				time.Sleep(x.after)
				create(t, w, "43", "ann") // the name is free, and
				create(t, w, "42", "bob") // so is its owner
			})
		})
	}
}

// TestAChannelThatIsGoneHasNothingLeftToDo in the metrics of this node.
func TestAChannelThatIsGoneHasNothingLeftToDo(t *testing.T) {
	store, disk := worldtest.NewFlaky(t)
	w := worldtest.New(t, worldtest.Config{Table: store})
	waiting := func() (n float64) {
		families, err := w.Undone.Gather()
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range families {
			if f.GetName() == "barrage_outbox_waiting_actors" {
				for _, m := range f.GetMetric() {
					n += m.GetGauge().GetValue()
				}
			}
		}
		return n
	}
	disk.FailFrom("channel_name", 2, worldtest.Lost)
	if _, err := w.Channels.Create(t.Context(), "42", "ann", ""); fault.KindOf(err) != fault.Timeout {
		t.Errorf("got %v", err)
	}
	for end := time.Now().Add(10 * time.Second); waiting() == 0; {
		if time.Now().After(end) {
			t.Fatal("what is left of its creation is not shown")
		}
	}
	w.Kill()
	if n := waiting(); n != 0 {
		t.Errorf("%v are left", n)
	}
}
