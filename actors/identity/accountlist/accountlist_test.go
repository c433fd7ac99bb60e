package accountlist_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/barrage-live/barrage/actors/follower"
	"github.com/barrage-live/barrage/actors/identity/account"
	"github.com/barrage-live/barrage/actors/identity/accountlist"
	"github.com/barrage-live/barrage/actors/worldtest"
	"github.com/barrage-live/barrage/internal/auth"
	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/id"
	"github.com/barrage-live/barrage/internal/position"
	"github.com/barrage-live/barrage/storage/table"
)

const password = "correct horse"

func register(t *testing.T, w *worldtest.World, handle string) account.Account {
	t.Helper()
	a, err := w.Accounts.Register(t.Context(), handle, password)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// eventually asks until yes, at most 10 s: accounts tell what has become of them a moment after they have
// answered.
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

// listed waits for the list to have these, in this order.
func listed(t *testing.T, w *worldtest.World, want ...string) {
	t.Helper()
	var got []string
	defer func() {
		if t.Failed() {
			t.Logf("the list has %v, want %v", got, want)
		}
	}()
	eventually(t, fmt.Sprint("the list has ", want), func() bool {
		got, _ = pages(t, w, "", 10)
		return slices.Equal(got, want)
	})
}

// pages reads the whole list, page by page.
func pages(t *testing.T, w *worldtest.World, prefix string, limit int) (handles []string, pages int) {
	t.Helper()
	for cursor := ""; ; {
		page, next, err := w.List.List(t.Context(), prefix, cursor, limit)
		if err != nil || len(page) > limit {
			t.Fatalf("%d accounts, %v", len(page), err)
		}
		pages++
		for _, a := range page {
			handles = append(handles, a.Handle)
		}
		if cursor = next; next == "" {
			return handles, pages
		}
	}
}

func TestTheListHasEveryAccount(t *testing.T) {
	w := worldtest.New(t, worldtest.Config{})
	if got, _ := pages(t, w, "", 10); len(got) != 0 {
		t.Errorf("nobody is there, and the list has %v", got)
	}
	for _, handle := range []string{"Bea", "ann", "annika", "Änne", "Weiß", "zoe", "сорока"} {
		register(t, w, handle)
	}
	listed(t, w, "ann", "annika", "Bea", "Weiß", "zoe", "Änne", "сорока")
	for prefix, want := range map[string][]string{
		"":     {"ann", "annika", "Bea", "Weiß", "zoe", "Änne", "сорока"},
		"Weiß": {"Weiß"},
		"ann":  {"ann", "annika"},
		"ANNI": {"annika"},
		"СО":   {"сорока"},
		"nn":   nil,
	} {
		if got, _ := pages(t, w, prefix, 10); !slices.Equal(got, want) {
			t.Errorf("%q: %v, want %v", prefix, got, want)
		}
	}
	if got, n := pages(t, w, "", 2); len(got) != 7 || n != 4 {
		t.Errorf("%v in %d pages", got, n)
	}
	for _, cursor := range []string{"x", "\xff", fmt.Sprintf("%02000d", 1)} {
		if _, _, err := w.List.List(t.Context(), "ann", cursor, 10); fault.CodeOf(err) != "bad_cursor" {
			t.Errorf("%.20q: %v", cursor, err)
		}
	}
}

func TestTheListKnowsWhatAnAccountHasBecome(t *testing.T) {
	w := worldtest.New(t, worldtest.Config{})
	a := register(t, w, "ann")
	if _, err := w.Accounts.SetRoles(t.Context(), a.User, auth.NewRoles(auth.Moderator)); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Accounts.GrantRole(t.Context(), a.User, auth.Streamer); err != nil {
		t.Fatal(err)
	}
	want, err := w.Accounts.SetDisabled(t.Context(), a.User, true)
	if err != nil {
		t.Fatal(err)
	}
	want.Logins = 0 // an account answers that itself only, see List
	eventually(t, "the list has the account as it is", func() bool {
		page, _, err := w.List.List(t.Context(), "", "", 10)
		return err == nil && len(page) == 1 && fmt.Sprint(page[0]) == fmt.Sprint(want)
	})
}

// TestTheListIsBuiltFromTheAccounts where it has never been, and where the log has lost what was told.
func TestTheListIsBuiltFromTheAccounts(t *testing.T) {
	for name, forget := range map[string]func(t *testing.T, w *worldtest.World){
		"a list that never was": func(t *testing.T, w *worldtest.World) {
			t.Helper()
			fence := position.Fence{Epoch: w.Node.Epoch(), Activation: 1 << 20}
			if err := w.Table.Fence(t.Context(), table.Owned("account_list"), "all", fence); err != nil {
				t.Fatal(err)
			}
			empty(t, w.Table, table.Owned("account_list"), "all", fence)
		},
		"a log that was put back": func(t *testing.T, w *worldtest.World) {
			t.Helper()
			for n := range 4 {
				empty(t, w.Table, table.Shared("eventlog"), fmt.Sprintf("account/%d", n), position.Fence{})
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := worldtest.New(t, worldtest.Config{})
			for _, handle := range []string{"ann", "bea", "cat"} {
				register(t, w, handle)
			}
			listed(t, w, "ann", "bea", "cat")
			w.Kill()
			forget(t, w)
			w = worldtest.New(t, worldtest.Config{Table: w.Table})
			register(t, w, "dora")
			listed(t, w, "ann", "bea", "cat", "dora")
		})
	}
}

// empty removes all rows of a partition.
func empty(t *testing.T, s *table.Store, of table.Table, partition string, fence position.Fence) {
	t.Helper()
	b := table.Batch{Table: of, Partition: partition, Fence: fence, Ops: []table.Op{table.DeleteRange(nil, nil)}}
	if _, err := s.Write(t.Context(), b); err != nil {
		t.Fatal(err)
	}
}

// TestAListThatCannotHearTheNewestIsShownAsItIs also when its log is away.
func TestAListThatCannotHearTheNewestIsShownAsItIs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, disk := worldtest.NewFlaky(t)
		w := worldtest.New(t, worldtest.Config{Table: store})
		register(t, w, "ann")
		listed(t, w, "ann")
		disk.Fail("eventlog", worldtest.Away)
		register(t, w, "bea")
		if got, _ := pages(t, w, "", 10); !slices.Equal(got, []string{"ann"}) {
			t.Errorf("the list has %v", got)
		}
		disk.Fail("", worldtest.None)
		time.Sleep(20 * time.Second)
		if got, _ := pages(t, w, "", 10); !slices.Equal(got, []string{"ann", "bea"}) {
			t.Errorf("after the outage the list has %v", got)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, _, err := w.List.List(ctx, "", "", 10); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
	})
}

// TestAListOfManyAccountsIsBuilt from more of them than are read at once.
func TestAListOfManyAccountsIsBuilt(t *testing.T) {
	w := worldtest.New(t, worldtest.Config{})
	var want []string
	for n := range 70 {
		want = append(want, fmt.Sprintf("somebody%02d", n))
		register(t, w, want[n])
	}
	w.Kill()
	fence := position.Fence{Epoch: w.Node.Epoch(), Activation: 1 << 20}
	if err := w.Table.Fence(t.Context(), table.Owned("account_list"), "all", fence); err != nil {
		t.Fatal(err)
	}
	empty(t, w.Table, table.Owned("account_list"), "all", fence)
	w = worldtest.New(t, worldtest.Config{Table: w.Table})
	listed(t, w, want...)
}

// TestAListIsBuiltWithoutWhatCannotBeRead: a damaged account keeps the rows that it had, and rows that no
// account has are removed.
func TestAListIsBuiltWithoutWhatCannotBeRead(t *testing.T) {
	w := worldtest.New(t, worldtest.Config{})
	bea := register(t, w, "bea")
	for _, handle := range []string{"ann", "cat"} {
		register(t, w, handle)
	}
	listed(t, w, "ann", "bea", "cat")
	w.Kill()
	fence := position.Fence{Epoch: w.Node.Epoch(), Activation: 1 << 20}
	put := func(of, partition string, ops ...table.Op) {
		if err := w.Table.Fence(t.Context(), table.Owned(of), partition, fence); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Table.Write(t.Context(), table.Batch{Table: table.Owned(of), Partition: partition, Fence: fence, Ops: ops}); err != nil {
			t.Fatal(err)
		}
	}
	put("account", string(bea.User), table.Put([]byte("doc"), []byte("{")))
	ghost := []byte(`{"User":"123","Handle":"ghost"}`)
	put("account_list", "all", table.Delete([]byte{2}), table.Put([]byte("hghost\x00123"), ghost), table.Put([]byte("u123"), []byte("ghost")),
		table.Put([]byte("habe\x00"+string(bea.User)), []byte(`{"User":"123","Handle":"abe"}`)), table.Put([]byte("hbob"), ghost))
	w = worldtest.New(t, worldtest.Config{Table: w.Table})
	listed(t, w, "abe", "ann", "bea", "cat")
}

// TestAListThatWasNeverWholeIsNotShown: half a list looks like a whole one.
func TestAListThatWasNeverWholeIsNotShown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, disk := worldtest.NewFlaky(t)
		disk.Fail("eventlog", worldtest.Away)
		w := worldtest.New(t, worldtest.Config{Table: store})
		register(t, w, "ann")
		if _, _, err := w.List.List(t.Context(), "", "", 10); !errors.Is(err, follower.ErrBuilding) {
			t.Errorf("got %v", err)
		}
		disk.Fail("", worldtest.None)
		time.Sleep(20 * time.Second)
		listed(t, w, "ann")
	})
}

// TestADamagedRowOfTheListHidesNoOther, keeps nothing that is told later from it, and ends no build.
func TestADamagedRowOfTheListHidesNoOther(t *testing.T) {
	var damaged atomic.Pointer[id.User]
	store := worldtest.NewDamaged(t, func(table, _ string, key []byte) bool {
		user := damaged.Load()
		return user != nil && table == "account_list" && bytes.Contains(key, []byte(*user))
	})
	w := worldtest.New(t, worldtest.Config{Table: store})
	var bea account.Account
	for _, handle := range []string{"ann", "bea", "cat"} {
		if a := register(t, w, handle); handle == "bea" {
			bea = a
		}
	}
	listed(t, w, "ann", "bea", "cat")
	damaged.Store(&bea.User)
	listed(t, w, "ann", "cat")
	if got, n := pages(t, w, "", 1); !slices.Equal(got, []string{"ann", "cat"}) || n != 2 {
		t.Errorf("%v in %d pages", got, n)
	}
	if _, err := w.Accounts.SetRoles(t.Context(), bea.User, auth.NewRoles(auth.Moderator)); err != nil {
		t.Fatal(err)
	}
	for _, handle := range []string{"dora", "eva", "fay", "gil", "hal", "ida"} { // some of which are in its partition of the log
		register(t, w, handle)
	}
	listed(t, w, "ann", "cat", "dora", "eva", "fay", "gil", "hal", "ida")
	w.Kill()
	fence := position.Fence{Epoch: w.Node.Epoch(), Activation: 1 << 20}
	if err := w.Table.Fence(t.Context(), table.Owned("account_list"), "all", fence); err != nil {
		t.Fatal(err)
	}
	again := table.Batch{Table: table.Owned("account_list"), Partition: "all", Fence: fence, Ops: []table.Op{table.Delete([]byte{2})}}
	if _, err := w.Table.Write(t.Context(), again); err != nil {
		t.Fatal(err)
	}
	w = worldtest.New(t, worldtest.Config{Table: store})
	// After a restart nobody remembers the number of what bea told last.
	if _, err := w.Accounts.SetRoles(t.Context(), bea.User, auth.NewRoles()); err != nil {
		t.Fatal(err)
	}
	for _, handle := range []string{"jan", "kim", "lea", "mia", "nia", "ole"} {
		register(t, w, handle)
	}
	listed(t, w, "ann", "cat", "dora", "eva", "fay", "gil", "hal", "ida", "jan", "kim", "lea", "mia", "nia", "ole")
	damaged.Store(nil) // as it is once it was written anew
	eventually(t, "the list has all as they are", func() bool {
		page, _, err := w.List.List(t.Context(), "", "", accountlist.MaxPage)
		return err == nil && len(page) == 15 && page[1].User == bea.User && !page[1].Roles.Has(auth.Moderator)
	})
}
