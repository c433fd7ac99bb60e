package table_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/position"
	"github.com/barrage-live/barrage/storage/table"
	"github.com/barrage-live/barrage/storage/table/faulttable"
	"github.com/barrage-live/barrage/storage/table/pebbletable/pebbletest"
)

type note struct {
	Text string `json:"text"`
}

func notesOf(s *table.Store) table.Document[note] {
	return table.Document[note]{Store: s, Table: table.Owned("note"), Key: []byte("doc"), Name: "note"}
}

func owner(epoch position.Epoch) position.Fence { return position.Fence{Epoch: epoch, Activation: 1} }

func TestDocument(t *testing.T) {
	mem := pebbletest.NewMem()
	d, err := mem.Open()
	if err != nil {
		t.Fatal(err)
	}
	store := table.New(d)
	notes := notesOf(store)
	fence := func(epoch position.Epoch) {
		t.Helper()
		if err := store.Fence(t.Context(), notes.Table, "p", owner(epoch)); err != nil {
			t.Fatal(err)
		}
	}
	save := func(epoch position.Epoch, text string, version table.Version, ttl time.Duration) (table.Version, error) {
		return notes.Save(t.Context(), owner(epoch), "p", note{text}, version, ttl)
	}
	expect := func(want string, version table.Version) {
		t.Helper()
		if got, v, err := notes.Load(t.Context(), "p"); got.Text != want || v != version || err != nil {
			t.Errorf("loaded %q, version %d, %v; want %q, %d", got.Text, v, err, want, version)
		}
	}
	expect("", 0)
	if _, err := save(1, "early", 0, 0); fault.KindOf(err) != fault.Fenced {
		t.Errorf("a save before the fence: %v", err)
	}
	fence(1)
	first, err := save(1, "one", 0, 0)
	if err != nil || first == 0 {
		t.Fatalf("first save: version %d, %v", first, err)
	}
	expect("one", first)
	if _, err := save(1, "again", 0, 0); fault.KindOf(err) != fault.Conflict {
		t.Errorf("a second first save: %v", err)
	}
	fence(2)
	if _, err := save(1, "late", first, 0); fault.KindOf(err) != fault.Fenced {
		t.Errorf("a save of the old owner: %v", err)
	}
	second, err := save(2, "two", first, 0)
	if err != nil || second == first {
		t.Fatalf("second save: version %d after %d, %v", second, first, err)
	}
	if _, err := save(2, "stale", first, 0); fault.KindOf(err) != fault.Conflict {
		t.Errorf("a save over an older version: %v", err)
	}
	expect("two", second)
	if _, err := save(2, "brief", second, time.Second); err != nil {
		t.Errorf("a document with an end: %v", err)
	}
	mem.Wait(3 * time.Second)
	expect("", 0)

	_, err = store.Write(t.Context(), table.Batch{Table: notes.Table, Partition: "p", Fence: owner(2), Ops: []table.Op{table.Put([]byte("doc"), []byte("{"))}})
	if err != nil {
		t.Fatal(err)
	}
	if got, v, err := notes.Load(t.Context(), "p"); fault.CodeOf(err) != "note_unreadable" || got != (note{}) || v != 0 {
		t.Errorf("loaded %v, version %d, %v from half a document", got, v, err)
	}
	if err := store.Close(); err != nil {
		t.Error(err)
	}
}

// TestSavedIsSaved fails every read: a save that happened must not be denied for it.
func TestSavedIsSaved(t *testing.T) {
	d, err := pebbletest.NewMem().Open()
	if err != nil {
		t.Fatal(err)
	}
	fail := true
	store := table.New(faulttable.Wrap(d, func(c faulttable.Call) faulttable.Fault {
		if fail && c.Kind == faulttable.Get {
			return faulttable.Refused(fault.New(fault.Unavailable, "storage_full", "the disk is full"))
		}
		return faulttable.Fault{}
	}))
	notes := notesOf(store)
	if err := store.Fence(t.Context(), notes.Table, "p", owner(1)); err != nil {
		t.Fatal(err)
	}
	version, err := notes.Save(t.Context(), owner(1), "p", note{"one"}, 0, 0)
	if err == nil {
		version, err = notes.Save(t.Context(), owner(1), "p", note{"two"}, version, 0)
	}
	fail = false
	if got, v, lerr := notes.Load(t.Context(), "p"); err != nil || lerr != nil || v != version || got.Text != "two" {
		t.Errorf("saved as version %d, %v; loaded %q, version %d, %v", version, err, got.Text, v, lerr)
	}
	if err := store.Close(); err != nil {
		t.Error(err)
	}
}

func TestClaim(t *testing.T) {
	mem := pebbletest.NewMem()
	d, err := mem.Open()
	if err != nil {
		t.Fatal(err)
	}
	store := table.New(d)
	claim := table.Claim{Store: store, Table: table.Shared("name"), Key: []byte("owner"), TTL: time.Minute}
	ann, bob := []byte("ann"), []byte("bob")
	step := func(what string, err, want error) {
		t.Helper()
		if !errors.Is(err, want) || (want == nil) != (err == nil) {
			t.Errorf("%s: %v, want %v", what, err, want)
		}
	}
	whose := func(want string) {
		t.Helper()
		got, err := claim.Owner(t.Context(), "x")
		if want == "" && !errors.Is(err, table.ErrNoRow) || want != "" && (err != nil || string(got) != want) {
			t.Errorf("the name is %q's, %v; want %q", got, err, want)
		}
	}
	whose("")
	step("confirm before take", claim.Confirm(t.Context(), "x", ann), table.ErrClaimed)
	step("release before take", claim.Release(t.Context(), "x", ann), nil)
	step("take", claim.Take(t.Context(), "x", ann), nil)
	whose("ann")
	step("take of another", claim.Take(t.Context(), "x", bob), table.ErrClaimed)
	step("confirm of another", claim.Confirm(t.Context(), "x", bob), table.ErrClaimed)
	step("release of another", claim.Release(t.Context(), "x", bob), table.ErrClaimed)
	mem.Wait(40 * time.Second)
	step("take again", claim.Take(t.Context(), "x", ann), nil)
	mem.Wait(40 * time.Second)
	whose("ann") // for a minute from the second take
	mem.Wait(22 * time.Second)
	whose("")
	step("confirm when it has expired", claim.Confirm(t.Context(), "x", ann), table.ErrClaimed)
	step("take of what has expired", claim.Take(t.Context(), "x", bob), nil)
	step("confirm", claim.Confirm(t.Context(), "x", bob), nil)
	step("confirm again", claim.Confirm(t.Context(), "x", bob), nil)
	step("take again when confirmed", claim.Take(t.Context(), "x", bob), nil)
	mem.Wait(time.Hour)
	whose("bob")
	step("release", claim.Release(t.Context(), "x", bob), nil)
	whose("")

	for kind, kept := range map[fault.Kind]bool{fault.Conflict: false, fault.Unavailable: false, fault.Invalid: false, fault.Timeout: true, fault.Internal: true} {
		failed := fault.New(kind, "failed", "the work failed")
		name := fmt.Sprint("work ", kind)
		step(name, claim.During(t.Context(), name, ann, func(context.Context) error { return failed }), failed)
		if _, err := claim.Owner(t.Context(), name); (err == nil) != kept {
			t.Errorf("after a work that failed with %v the name is kept: %v, want %v", kind, err == nil, kept)
		}
		step(name+" again", claim.During(t.Context(), name, ann, func(context.Context) error { return nil }), nil)
		step(name+" of another", claim.During(t.Context(), name, bob, func(context.Context) error { return nil }), table.ErrClaimed)
	}
	if err := store.Close(); err != nil {
		t.Error(err)
	}
}

// TestAClaimOfAnotherTryStays: of two tries to make one thing, the one that fails late takes no name away
// from the one that succeeded.
func TestAClaimOfAnotherTryStays(t *testing.T) {
	claim := table.Claim{Store: pebbletest.Open(t), Table: table.Shared("name"), Key: []byte("owner"), TTL: time.Minute}
	ann, sure := []byte("ann"), fault.New(fault.Fenced, "fenced", "the partition has another owner")
	during := func(name string, inside func(ctx context.Context) error) error {
		return claim.During(t.Context(), name, ann, func(ctx context.Context) error {
			if err := inside(ctx); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			return sure
		})
	}
	for name, inside := range map[string]func(ctx context.Context, name string) error{
		"taken again": func(ctx context.Context, name string) error { return claim.Take(ctx, name, ann) },
		"confirmed":   func(ctx context.Context, name string) error { return claim.Confirm(ctx, name, ann) },
		"made": func(ctx context.Context, name string) error {
			return claim.During(ctx, name, ann, func(context.Context) error { return nil })
		},
	} {
		if err := during(name, func(ctx context.Context) error { return inside(ctx, name) }); !errors.Is(err, sure) {
			t.Errorf("%s: %v", name, err)
		}
		if owner, err := claim.Owner(t.Context(), name); err != nil || string(owner) != "ann" {
			t.Errorf("%s meanwhile: the name is %q's, %v", name, owner, err)
		}
	}
	// A try that finds the name confirmed has taken nothing.
	if err := during("made", func(context.Context) error { return nil }); !errors.Is(err, sure) {
		t.Error(err)
	}
	if owner, err := claim.Owner(t.Context(), "made"); err != nil || string(owner) != "ann" {
		t.Errorf("a confirmed name after a try that failed: %q, %v", owner, err)
	}
}

// TestANameIsKeptForWhatIsThere: of two names of one thing, the one that was taken first is not released
// when the thing is made and the other name cannot be confirmed, whatever the reason.
func TestANameIsKeptForWhatIsThere(t *testing.T) {
	claim := table.Claim{Store: pebbletest.Open(t), Table: table.Shared("name"), Key: []byte("owner"), TTL: time.Minute}
	ann := []byte("ann")
	err := claim.During(t.Context(), "first", ann, func(ctx context.Context) error {
		return claim.During(ctx, "second", ann, func(ctx context.Context) error {
			return claim.Release(ctx, "second", ann) // as if it had expired
		})
	})
	if fault.KindOf(err) != fault.Timeout || !errors.Is(err, table.ErrClaimed) {
		t.Errorf("got %v", err)
	}
	if owner, err := claim.Owner(t.Context(), "first"); err != nil || string(owner) != "ann" {
		t.Errorf("the first name is %q's, %v", owner, err)
	}
}

// TestALostNameIsRefusedByItself: what is refused says which of several names is somebody else's, and only
// if nothing was done.
func TestALostNameIsRefusedByItself(t *testing.T) {
	claim := table.Claim{Store: pebbletest.Open(t), Table: table.Shared("name"), Key: []byte("owner"), TTL: time.Minute}
	ann, bob := []byte("ann"), []byte("bob")
	noFirst, noSecond := fault.New(fault.Conflict, "no_first", ""), fault.New(fault.Conflict, "no_second", "")
	both := []table.Held{{claim, "first", ann, noFirst}, {claim, "second", ann, noSecond}}
	for _, x := range []struct {
		lost string
		want error
	}{{"first", noFirst}, {"second", noSecond}} {
		if err := claim.Take(t.Context(), x.lost, bob); err != nil {
			t.Fatal(err)
		}
		err := table.DuringAll(t.Context(), both, func(context.Context) error { t.Error("the work is done"); return nil })
		if !errors.Is(err, x.want) {
			t.Errorf("without the %s: %v", x.lost, err)
		}
		if err := claim.Release(t.Context(), x.lost, bob); err != nil {
			t.Fatal(err)
		}
	}
	for _, lost := range []string{"first", "second"} {
		err := table.DuringAll(t.Context(), both, func(ctx context.Context) error {
			return claim.Release(ctx, lost, ann) // as if it had expired
		})
		if fault.KindOf(err) != fault.Timeout {
			t.Errorf("the work is done and the %s is lost: %v", lost, err)
		}
		for _, n := range both {
			owner, err := claim.Owner(t.Context(), n.Name)
			if n.Name != lost && (err != nil || string(owner) != "ann") {
				t.Errorf("the %s is lost, and the %s is %q's, %v", lost, n.Name, owner, err)
			}
			_ = claim.Release(t.Context(), n.Name, ann)
		}
	}
}

// TestANameThatChangesHandsMeanwhile: the claim expires between the look at it and the write, and somebody
// else has the name by then.
func TestANameThatChangesHandsMeanwhile(t *testing.T) {
	ann, bob := []byte("ann"), []byte("bob")
	for what, x := range map[string]struct {
		write int // before which it changes hands
		do    func(ctx context.Context, c table.Claim) error
	}{
		"taken again": {2, func(ctx context.Context, c table.Claim) error { return c.Take(ctx, "a", ann) }},
		"confirmed":   {1, func(ctx context.Context, c table.Claim) error { return c.Confirm(ctx, "a", ann) }},
		"given back":  {1, func(ctx context.Context, c table.Claim) error { return c.Release(ctx, "a", ann) }},
	} {
		t.Run(what, func(t *testing.T) {
			d, err := pebbletest.NewMem().Open()
			if err != nil {
				t.Fatal(err)
			}
			theirs := table.Claim{Store: table.New(d), Table: table.Shared("name"), Key: []byte("owner"), TTL: time.Minute}
			writes := 0
			ours := theirs
			ours.Store = table.New(faulttable.Wrap(d, func(c faulttable.Call) faulttable.Fault {
				if c.Kind != faulttable.Write {
					return faulttable.Fault{}
				}
				if writes++; writes == x.write {
					if err := errors.Join(theirs.Release(t.Context(), "a", ann), theirs.Take(t.Context(), "a", bob)); err != nil {
						t.Error(err)
					}
				}
				return faulttable.Fault{}
			}))
			t.Cleanup(func() {
				if err := ours.Store.Close(); err != nil {
					t.Error(err)
				}
			})
			if err := theirs.Take(t.Context(), "a", ann); err != nil {
				t.Fatal(err)
			}
			if err := x.do(t.Context(), ours); !errors.Is(err, table.ErrClaimed) {
				t.Errorf("got %v", err)
			}
			if owner, err := theirs.Owner(t.Context(), "a"); err != nil || string(owner) != "bob" {
				t.Errorf("the name is %q's, %v", owner, err)
			}
		})
	}
}

// TestAllNamesAreKeptOrNone of what is there already.
func TestAllNamesAreKeptOrNone(t *testing.T) {
	ann, bob := []byte("ann"), []byte("bob")
	for name, x := range map[string]struct {
		before func(ctx context.Context, one, two table.Claim) error
		want   error
		left   [2]string // whose the names are then
	}{
		"nobody has them":          {nil, nil, [2]string{"ann", "ann"}},
		"one is confirmed already": {func(ctx context.Context, one, _ table.Claim) error { return during(ctx, one, ann) }, nil, [2]string{"ann", "ann"}},
		"the first is lost":        {func(ctx context.Context, one, _ table.Claim) error { return during(ctx, one, bob) }, table.ErrClaimed, [2]string{"bob", ""}},
		"the second is lost":       {func(ctx context.Context, _, two table.Claim) error { return during(ctx, two, bob) }, table.ErrClaimed, [2]string{"", "bob"}},
		"one is lost, the other one confirmed": {func(ctx context.Context, one, two table.Claim) error {
			return errors.Join(during(ctx, one, bob), during(ctx, two, ann))
		}, table.ErrClaimed, [2]string{"bob", ""}},
		"somebody is about to have one": {func(ctx context.Context, _, two table.Claim) error {
			return two.Take(ctx, "a", bob)
		}, table.ErrContested, [2]string{"ann", "bob"}},
	} {
		t.Run(name, func(t *testing.T) {
			store := pebbletest.Open(t)
			one := table.Claim{Store: store, Table: table.Shared("one"), Key: []byte("owner"), TTL: time.Minute}
			two := table.Claim{Store: store, Table: table.Shared("two"), Key: []byte("owner"), TTL: time.Minute}
			if x.before != nil {
				if err := x.before(t.Context(), one, two); err != nil {
					t.Fatal(err)
				}
			}
			for _, when := range []string{"once", "again"} {
				if err := table.KeepAll(t.Context(), []table.Held{{Claim: one, Name: "a", Owner: ann}, {Claim: two, Name: "a", Owner: ann}}); !errors.Is(err, x.want) || (err == nil) != (x.want == nil) {
					t.Errorf("%s: %v, want %v", when, err, x.want)
				}
			}
			for i, c := range []table.Claim{one, two} {
				owner, confirmed, err := c.Look(t.Context(), "a")
				kept := x.want == nil // a part of the names is confirmed by nobody
				if string(owner) != x.left[i] || (err != nil) != (x.left[i] == "") || string(owner) == "ann" && confirmed != kept {
					t.Errorf("name %d is %q's (confirmed: %v), %v; want %q", i, owner, confirmed, err, x.left[i])
				}
			}
		})
	}
}

func during(ctx context.Context, c table.Claim, owner []byte) error {
	return c.During(ctx, "a", owner, func(context.Context) error { return nil })
}
