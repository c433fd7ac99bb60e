package channel_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/barrage-live/barrage/actors/document"
	"github.com/barrage-live/barrage/actors/live/channel"
	"github.com/barrage-live/barrage/actors/worldtest"
	"github.com/barrage-live/barrage/internal/auth"
	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/id"
	"github.com/barrage-live/barrage/internal/position"
	"github.com/barrage-live/barrage/live"
	"github.com/barrage-live/barrage/live/ingest"
	"github.com/barrage-live/barrage/live/origin"
	"github.com/barrage-live/barrage/storage/outbox"
	"github.com/barrage-live/barrage/storage/table"
)

// eventually asks until yes, at most 10 s.
func eventually(t *testing.T, what string, yes func() bool) {
	t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(10 * time.Second); !yes(); <-tick.C {
		if time.Now().After(end) {
			t.Fatalf("not within 10 s: %s", what)
		}
	}
}

func create(t *testing.T, w *worldtest.World, owner id.User, name string) channel.Channel {
	t.Helper()
	c, err := w.Channels.Create(t.Context(), owner, name, "")
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func mint(t *testing.T, w *worldtest.World, ch id.Channel) (channel.Key, string) {
	t.Helper()
	k, secret, err := w.Channels.MintKey(t.Context(), ch, 0)
	if err != nil {
		t.Fatal(err)
	}
	return k, secret.Reveal()
}

func begin(t *testing.T, w *worldtest.World, key string) *live.Stream {
	t.Helper()
	return w.Publish(t, key)
}

func phase(t *testing.T, w *worldtest.World, ch id.Channel) channel.Phase {
	t.Helper()
	c, err := w.Channels.Get(t.Context(), ch)
	if err != nil {
		t.Fatal(err)
	}
	return c.Phase
}

func listed(t *testing.T, w *worldtest.World) []channel.Listed {
	t.Helper()
	list, next, err := w.Channels.ListLive(t.Context(), "", channel.MaxList)
	if err != nil || next != "" {
		t.Fatalf("the list: %q, %v", next, err)
	}
	return list
}

// marked are those who have something left to do.
func marked(t *testing.T, w *worldtest.World) []outbox.Owner {
	t.Helper()
	owners, next, err := outbox.Marks{Tables: w.Table}.All(t.Context(), "")
	if err != nil || next != "" {
		t.Fatalf("the marks: %q, %v", next, err)
	}
	return owners
}

func roomLive(t *testing.T, w *worldtest.World, c channel.Channel) bool {
	t.Helper()
	info, err := w.Rooms.Info(t.Context(), c.Room)
	if err != nil {
		t.Fatal(err)
	}
	return info.Live
}

func TestCreate(t *testing.T) {
	w := worldtest.New(t, worldtest.Config{})
	ctx := t.Context()
	c := create(t, w, "42", "Ann")
	if c.Name != "ann" || c.Title != "Ann" || c.Owner != "42" || c.Phase != channel.Offline || c.Room == "" {
		t.Errorf("got %+v", c)
	}
	for _, name := range []string{"ann", "ANN", string(c.ID)} {
		if got, err := w.Channels.Resolve(ctx, name); got != c.ID || err != nil {
			t.Errorf("%s resolves to %q, %v", name, got, err)
		}
	}
	if got, err := w.Channels.Owned(ctx, "42"); got.ID != c.ID || err != nil {
		t.Errorf("owned: %+v, %v", got, err)
	}
	if card, err := w.Rooms.Card(ctx, c.Room); err != nil || card.Channel != c.ID || card.Owner != "42" {
		t.Errorf("room: %+v, %v", card, err)
	}
	if _, err := w.Channels.Create(ctx, "42", "other", ""); !errors.Is(err, channel.ErrChannelExists) {
		t.Errorf("a second channel: %v", err)
	}
	if _, err := w.Channels.Create(ctx, "43", "ANN", ""); !errors.Is(err, channel.ErrNameTaken) {
		t.Errorf("a taken name: %v", err)
	}
	for _, alike := range [][2]string{{"paypal", "paypa1"}, {"b0b", "bob"}, {"modem", "modern"}} {
		if _, err := w.Channels.Create(ctx, id.User("4"+alike[0]), alike[0], ""); err != nil {
			t.Error(err)
		}
		if _, err := w.Channels.Create(ctx, "43", alike[1], ""); !errors.Is(err, channel.ErrNameTaken) {
			t.Errorf("%s beside %s: %v", alike[1], alike[0], err)
		}
		if _, err := w.Channels.Resolve(ctx, alike[1]); !errors.Is(err, channel.ErrNoChannel) {
			t.Errorf("%s leads to %s: %v", alike[1], alike[0], err)
		}
	}
	for _, reserved := range []string{"admin", "adrnin", "0fficial", "st-udio"} {
		if _, err := w.Channels.Create(ctx, "43", reserved, ""); fault.CodeOf(err) != "name_reserved" {
			t.Errorf("%s: %v", reserved, err)
		}
	}
	// The refusal gave the claim of the owner back: the same account may try another name at once.
	create(t, w, "43", "bea")
	for _, unknown := range []string{"nobody", "4503599627370497", "../x", ""} {
		ch, err := w.Channels.Resolve(ctx, unknown)
		if err == nil {
			_, err = w.Channels.Get(ctx, ch)
		}
		if !errors.Is(err, channel.ErrNoChannel) {
			t.Errorf("%q: %v", unknown, err)
		}
	}
}

func TestManyWantOneName(t *testing.T) {
	w := worldtest.New(t, worldtest.Config{})
	var wg sync.WaitGroup
	results := make([]error, 40)
	for i := range results {
		wg.Go(func() {
			_, results[i] = w.Channels.Create(t.Context(), id.User(fmt.Sprint(100+i)), "ann", "")
		})
	}
	wg.Wait()
	won := 0
	for _, err := range results {
		if err == nil {
			won++
		} else if !errors.Is(err, channel.ErrNameTaken) {
			t.Error(err)
		}
	}
	if won != 1 {
		t.Errorf("%d won", won)
	}
}

func TestBroadcast(t *testing.T) {
	w := worldtest.New(t, worldtest.Config{Channel: channel.Config{Grace: 50 * time.Millisecond}})
	c := create(t, w, "42", "ann")
	_, key := mint(t, w, c.ID)
	s := begin(t, w, key)
	if phase(t, w, c.ID) != channel.Live {
		t.Error("not live")
	}
	eventually(t, "the room is live", func() bool { return roomLive(t, w, c) })
	eventually(t, "the channel is listed", func() bool {
		list := listed(t, w)
		return len(list) == 1 && list[0].ID == c.ID && list[0].Broadcast != ""
	})
	if err := w.Gate.End(t.Context(), s, live.ErrEnded); err != nil {
		t.Fatal(err)
	}
	if p := phase(t, w, c.ID); p == channel.Live {
		t.Errorf("after the end: %s", p)
	}
	eventually(t, "the grace is over", func() bool { return phase(t, w, c.ID) == channel.Offline })
	eventually(t, "the broadcast is finished", func() bool { return len(w.Origin.Finished()) == 1 })
	eventually(t, "the room is offline", func() bool { return !roomLive(t, w, c) })
	eventually(t, "nothing is listed", func() bool { return len(listed(t, w)) == 0 })
	if err := w.Gate.End(t.Context(), s, live.ErrEnded); err != nil {
		t.Errorf("a second end: %v", err)
	}
}

// TestTheListKnowsTheAudience and the title, a beat after they changed.
func TestTheListKnowsTheAudience(t *testing.T) {
	w := worldtest.New(t, worldtest.Config{Channel: channel.Config{Beat: 20 * time.Millisecond}})
	c := create(t, w, "42", "ann")
	_, key := mint(t, w, c.ID)
	begin(t, w, key)
	if _, err := w.Rooms.Attach(t.Context(), c.Room, "n1", 1); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Rooms.Report(t.Context(), c.Room, "n1", 1, 7); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Channels.SetTitle(t.Context(), c.ID, "Now with sound"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the list is up to date", func() bool {
		list := listed(t, w)
		return len(list) == 1 && list[0].Viewers == 7 && list[0].Title == "Now with sound" && list[0].Room == c.Room && list[0].Owner == "42"
	})
}

func TestReconnectWithinTheGraceGoesOn(t *testing.T) {
	w := worldtest.New(t, worldtest.Config{})
	c := create(t, w, "42", "ann")
	_, key := mint(t, w, c.ID)
	if err := w.Gate.End(t.Context(), begin(t, w, key), live.ErrEnded); err != nil {
		t.Fatal(err)
	}
	if p := phase(t, w, c.ID); p != channel.Interrupted {
		t.Errorf("in the grace: %s", p)
	}
	begin(t, w, key)
	o := w.Origin.Leases()
	if len(o) != 2 || o[0].Broadcast != o[1].Broadcast || !o[0].Start.Equal(o[1].Start) || o[0].Fence >= o[1].Fence {
		t.Errorf("openings: %+v", o)
	}
}

func TestTheNewestPublisherWins(t *testing.T) {
	w := worldtest.New(t, worldtest.Config{})
	c := create(t, w, "42", "ann")
	_, key := mint(t, w, c.ID)
	first := begin(t, w, key)
	second := begin(t, w, key)
	<-first.Done()
	if !errors.Is(first.Err(), live.ErrTakenOver) {
		t.Errorf("the first ended with %v", first.Err())
	}
	if err := w.Gate.End(t.Context(), first, first.Err()); err != nil {
		t.Fatal(err)
	}
	if second.Err() != nil || phase(t, w, c.ID) != channel.Live {
		t.Error("the end of the first touched the second")
	}
}

func TestKeys(t *testing.T) {
	w := worldtest.New(t, worldtest.Config{})
	c := create(t, w, "42", "ann")
	ctx := t.Context()
	k, key := mint(t, w, c.ID)
	other := create(t, w, "43", "bea")
	_, foreign := mint(t, w, other.ID)
	for name, bad := range map[string]string{
		"garbage": "garbage", "empty": "", "unknown channel": auth.NewStreamKey("4503599627370497").Reveal(),
		"another's secret": string(c.ID) + foreign[len(other.ID):], "cut short": key[:len(key)-1], "upper case": strings.ToUpper(key),
	} {
		if _, err := w.Gate.Begin(ctx, ingest.Publication{Key: bad}); !errors.Is(err, auth.ErrStreamKey) {
			t.Errorf("%s: %v", name, err)
		}
		if err := w.Gate.Verify(ctx, ingest.Publication{Key: bad}); !errors.Is(err, auth.ErrStreamKey) {
			t.Errorf("verifying %s: %v", name, err)
		}
	}
	if err := w.Gate.Verify(ctx, ingest.Publication{Key: key}); err != nil || phase(t, w, c.ID) != channel.Offline {
		t.Errorf("verify: %v", err)
	}
	s := begin(t, w, key)
	list, err := w.Channels.Keys(ctx, c.ID)
	if err != nil || len(list) != 1 || list[0].ID != k.ID || !list[0].InUse || list[0].Used.IsZero() {
		t.Errorf("keys: %+v, %v", list, err)
	}
	if _, err := w.Channels.RevokeKey(ctx, c.ID, k.ID); err != nil {
		t.Fatal(err)
	}
	<-s.Done()
	if !errors.Is(s.Err(), channel.ErrKeyRevoked) {
		t.Errorf("the publisher ended with %v", s.Err())
	}
	if _, err := w.Gate.Begin(ctx, ingest.Publication{Key: key}); !errors.Is(err, channel.ErrKeyRevoked) {
		t.Errorf("a revoked key: %v", err)
	}
	if _, err := w.Channels.RevokeKey(ctx, c.ID, "nothing"); !errors.Is(err, channel.ErrNoKey) {
		t.Errorf("an unknown key: %v", err)
	}
}

func TestTheOriginRefuses(t *testing.T) {
	w := worldtest.New(t, worldtest.Config{})
	c := create(t, w, "42", "ann")
	_, key := mint(t, w, c.ID)
	w.Origin.Refuse(fault.New(fault.Exhausted, "too_many_streams", "no more"))
	if _, err := w.Gate.Begin(t.Context(), ingest.Publication{Key: key}); fault.CodeOf(err) != "too_many_streams" {
		t.Errorf("got %v", err)
	}
	eventually(t, "the channel is offline", func() bool { return phase(t, w, c.ID) == channel.Offline })
	w.Origin.Refuse(nil)
	begin(t, w, key)
}

// TestCreateAfterACrash tries again where a crash has left claims: of a channel that was never stored, and
// of one that was.
func TestCreateAfterACrash(t *testing.T) {
	w := worldtest.New(t, worldtest.Config{})
	ctx := t.Context()
	owners := table.Claim{Store: w.Table, Table: table.Shared("channel_by_owner"), Key: []byte("channel"), TTL: time.Hour}
	begun := id.NewChannel(time.Now())
	if err := owners.Take(ctx, "42", []byte(begun)); err != nil {
		t.Fatal(err)
	}
	c := create(t, w, "42", "ann")
	if c.ID != begun {
		t.Errorf("the channel is %s, claimed was %s", c.ID, begun)
	}
	if _, err := w.Channels.Create(ctx, "42", "ann", ""); !errors.Is(err, channel.ErrChannelExists) {
		t.Errorf("a try that came through already: %v", err)
	}
	if err := owners.Confirm(ctx, "42", []byte(begun)); err != nil {
		t.Errorf("the claim is not the channel's: %v", err)
	}
}

// TestARestartIsAnInterruption: the process has ended, and there is a recording to go on from.
func TestARestartIsAnInterruption(t *testing.T) {
	for name, returns := range map[string]bool{"the publisher is back in the grace": true, "nobody comes": false} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := worldtest.New(t, worldtest.Config{})
				c := create(t, w, "42", "ann")
				_, key := mint(t, w, c.ID)
				begin(t, w, key)
				eventually(t, "the room is live", func() bool { return roomLive(t, w, c) })
				was := w.Origin.Leases()[0]
				w.Kill()
				time.Sleep(10 * time.Minute) // the grace begins when the process does
				after := worldtest.NewOrigin()
				after.Recorded()
				w = worldtest.New(t, worldtest.Config{Table: w.Table, Origin: after})
				if n, err := document.WakeAll(t.Context(), w.Node, w.Table, nil); n != 1 || err != nil {
					t.Errorf("woken: %d, %v", n, err)
				}
				time.Sleep(25 * time.Second)
				if held, err := after.Held(t.Context(), c.ID); err != nil || held.Broadcast != was.Broadcast || held.Publishing {
					t.Errorf("what was recorded is not shown: %+v, %v", held, err)
				}
				if p := phase(t, w, c.ID); p != channel.Interrupted || !roomLive(t, w, c) || len(after.Finished()) != 0 {
					t.Errorf("after the restart the channel is %s, finished is %v", p, after.Finished())
				}
				if err := w.Channels.Erase(t.Context(), c.ID, was.Broadcast); !errors.Is(err, origin.ErrLive) {
					t.Errorf("what waits for its publisher can be deleted: %v", err)
				}
				if err := w.Channels.Settle(t.Context(), c.ID, was.Broadcast); err != nil || len(after.Finished()) != 0 {
					t.Errorf("it was settled: %v, finished %v", err, after.Finished())
				}
				if returns {
					begin(t, w, key)
					now := after.Leases()[0]
					if now.Broadcast != was.Broadcast || !now.Start.Equal(was.Start) || now.Fence <= was.Fence || !now.Resumes || now.Record.Compare(was.Record) <= 0 {
						t.Errorf("before %+v, after %+v", was, now)
					}
					return
				}
				time.Sleep(10 * time.Second)
				if p := phase(t, w, c.ID); p != channel.Offline || roomLive(t, w, c) || !slices.Equal(after.Finished(), []id.Broadcast{was.Broadcast}) {
					t.Errorf("after the grace the channel is %s, finished is %v", p, after.Finished())
				}
			})
		})
	}
}

// TestAfterARestartWithoutARecordingTheChannelIsOffline: there is nothing to go on from.
func TestAfterARestartWithoutARecordingTheChannelIsOffline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := worldtest.New(t, worldtest.Config{})
		c := create(t, w, "42", "ann")
		_, key := mint(t, w, c.ID)
		time.Sleep(10 * time.Second)
		if owners := marked(t, w); len(owners) != 0 {
			t.Errorf("%v have something left to do", owners)
		}
		begin(t, w, key)
		eventually(t, "the room is live", func() bool { return roomLive(t, w, c) })
		was := w.Origin.Leases()[0]
		w.Kill()

		w = worldtest.New(t, worldtest.Config{Table: w.Table})
		if n, err := document.WakeAll(t.Context(), w.Node, w.Table, nil); n != 1 || err != nil {
			t.Errorf("woken: %d, %v", n, err)
		}
		eventually(t, "nothing is listed", func() bool { return len(listed(t, w)) == 0 })
		eventually(t, "the broadcast is finished", func() bool { return len(w.Origin.Finished()) == 1 })
		eventually(t, "the room is offline", func() bool { return !roomLive(t, w, c) })
		eventually(t, "nobody has anything left to do", func() bool { return len(marked(t, w)) == 0 })
		begin(t, w, key)
		now := w.Origin.Leases()[0]
		if now.Broadcast == was.Broadcast || now.Fence <= was.Fence {
			t.Errorf("before %+v, after %+v", was, now)
		}
	})
}

// TestThePublisherOutlivesTheActivation: the node that runs the channel ends, another one takes the channel
// over, and the node that holds the publisher notices nothing.
func TestThePublisherOutlivesTheActivation(t *testing.T) {
	w := worldtest.New(t, worldtest.Config{})
	c := create(t, w, "42", "lina")
	k, key := mint(t, w, c.ID)
	s := begin(t, w, key)
	before, err := w.Channels.Get(t.Context(), c.ID)
	if err != nil {
		t.Fatal(err)
	}
	w.Kill()
	w = worldtest.New(t, worldtest.Config{Table: w.Table, Origin: w.Origin})
	if _, err := document.WakeAll(t.Context(), w.Node, w.Table, nil); err != nil {
		t.Fatal(err)
	}
	after, err := w.Channels.Get(t.Context(), c.ID)
	if err != nil || s.Err() != nil || after.Phase != channel.Live || after.Broadcast != before.Broadcast || !after.Start.Equal(before.Start) {
		t.Errorf("before %+v, after %+v, %v; the stream says %v", before, after, err, s.Err())
	}
	if _, err := w.Channels.RevokeKey(t.Context(), c.ID, k.ID); err != nil {
		t.Fatal(err)
	}
	<-s.Done()
	if !errors.Is(s.Err(), channel.ErrKeyRevoked) {
		t.Errorf("the key it came with is revoked, and the stream says %v", s.Err())
	}
}

// TestANameThatWasNotConfirmed has the process end between the two confirmations of a new channel, and the
// claim of the name expire.
func TestANameThatWasNotConfirmed(t *testing.T) {
	w := worldtest.New(t, worldtest.Config{})
	c, other := create(t, w, "42", "ann"), create(t, w, "43", "bob")
	w.Kill()
	forget := func(name string, op table.Op) {
		t.Helper()
		if _, err := w.Table.Write(t.Context(), table.Batch{Table: table.Shared("channel_name"), Partition: name, Ops: []table.Op{op}}); err != nil {
			t.Fatal(err)
		}
	}
	forget("ann", table.Delete([]byte("channel")))
	forget("bob", table.Put([]byte("channel"), []byte("c"+string(c.ID)+" bob"))) // taken meanwhile

	w = worldtest.New(t, worldtest.Config{Table: w.Table})
	if _, err := w.Channels.Resolve(t.Context(), "ann"); !errors.Is(err, channel.ErrNoChannel) {
		t.Fatalf("the name is there: %v", err)
	}
	if n, err := document.WakeAll(t.Context(), w.Node, w.Table, nil); n != 2 || err != nil {
		t.Fatalf("woken: %d, %v", n, err)
	}
	if own, err := w.Channels.Owned(t.Context(), "42"); err != nil || own.ID != c.ID {
		t.Fatalf("the owner's: %+v, %v", own, err)
	}
	if got, err := w.Channels.Resolve(t.Context(), "ann"); got != c.ID || err != nil {
		t.Errorf("the name after that: %v, %v", got, err)
	}
	if _, err := w.Channels.Get(t.Context(), other.ID); err != nil {
		t.Errorf("one whose name is lost: %v", err)
	}
	if got, err := w.Channels.Resolve(t.Context(), "bob"); got != c.ID || err != nil {
		t.Errorf("a name that is another's now: %v, %v", got, err)
	}
}

// TestADamagedChannelHoldsNobodyUp breaks the row of one of two channels that were live when the process
// ended.
func TestADamagedChannelHoldsNobodyUp(t *testing.T) {
	w := worldtest.New(t, worldtest.Config{})
	damaged, whole := create(t, w, "42", "ann"), create(t, w, "43", "bob")
	for _, c := range []channel.Channel{damaged, whole} {
		_, key := mint(t, w, c.ID)
		begin(t, w, key)
		eventually(t, "the room is live", func() bool { return roomLive(t, w, c) })
	}
	w.Kill()
	op, later := table.Put([]byte("doc"), []byte("{")), position.Fence{Epoch: 1, Activation: 1 << 20}
	err := w.Table.Fence(t.Context(), table.Owned("channel"), string(damaged.ID), later)
	if err == nil {
		_, err = w.Table.Write(t.Context(), table.Batch{Table: table.Owned("channel"), Partition: string(damaged.ID), Fence: later, Ops: []table.Op{op}})
	}
	if err != nil {
		t.Fatal(err)
	}

	w = worldtest.New(t, worldtest.Config{Table: w.Table})
	n, err := document.WakeAll(t.Context(), w.Node, w.Table, nil)
	if n != 1 || err == nil || !strings.Contains(err.Error(), string(damaged.ID)) {
		t.Errorf("woken: %d, %v", n, err)
	}
	eventually(t, "the whole one is finished", func() bool { return len(w.Origin.Finished()) == 1 })
	_, key := mint(t, w, whole.ID)
	begin(t, w, key)
	eventually(t, "the whole one is listed", func() bool {
		return slices.ContainsFunc(listed(t, w), func(l channel.Listed) bool { return l.ID == whole.ID && l.Phase == channel.Live })
	})
}

func TestIngest(t *testing.T) {
	w := worldtest.New(t, worldtest.Config{})
	c := create(t, w, "42", "ann")
	got, err := w.Channels.Ingest(t.Context(), c.ID)
	if err != nil || got.Phase != channel.Offline || len(got.Warnings) != 0 {
		t.Errorf("offline: %+v, %v", got, err)
	}
	_, key := mint(t, w, c.ID)
	begin(t, w, key)
	got, err = w.Channels.Ingest(t.Context(), c.ID)
	if err != nil || got.Phase != channel.Live || got.Since.IsZero() || got.VideoCodec == "" || len(got.Warnings) != 1 {
		t.Errorf("live: %+v, %v", got, err)
	}
	if _, err := w.Channels.Ingest(t.Context(), "4503599627370497"); !errors.Is(err, channel.ErrNoChannel) {
		t.Errorf("unknown: %v", err)
	}
}

// TestTheLastRefusal is shown to the owner; who has no key of the channel writes nothing there.
func TestTheLastRefusal(t *testing.T) {
	w := worldtest.New(t, worldtest.Config{})
	c, other := create(t, w, "1", "ann"), create(t, w, "2", "bea")
	first, key := mint(t, w, c.ID)
	_, foreign := mint(t, w, other.ID)
	_, secret, _ := strings.Cut(foreign, "-")
	last := func() channel.Refusal {
		i, err := w.Channels.Ingest(t.Context(), c.ID)
		if err != nil {
			t.Fatal(err)
		}
		return i.Refusal
	}
	mp3 := fault.New(fault.Invalid, "codec_unsupported", "MP3 is not carried")
	for _, stranger := range []string{string(c.ID) + "-" + secret, foreign, "nonsense"} {
		w.Gate.Refused(ingest.Publication{Key: stranger, Protocol: "rtmp"}, mp3)
		if r := last(); r != (channel.Refusal{}) {
			t.Errorf("a stranger has written %+v", r)
		}
	}
	w.Gate.Refused(ingest.Publication{Key: key, Protocol: "rtmp"}, mp3)
	if r := last(); r.Code != mp3.Code || r.Message != mp3.Message || r.Protocol != "rtmp" || time.Since(r.At) > time.Minute {
		t.Errorf("the refusal is %+v", r)
	}
	if _, err := w.Channels.RevokeKey(t.Context(), c.ID, first.ID); err != nil {
		t.Fatal(err)
	}
	if err := w.Gate.Verify(t.Context(), ingest.Publication{Key: key, Protocol: "rtmp"}); !errors.Is(err, channel.ErrKeyRevoked) {
		t.Fatal(err)
	}
	if r := last(); r.Code != channel.ErrKeyRevoked.Code {
		t.Errorf("after a revoked key the refusal is %+v", r)
	}
}
