package account_test

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/barrage-live/barrage/actors/identity/account"
	"github.com/barrage-live/barrage/actors/worldtest"
	"github.com/barrage-live/barrage/internal/auth"
	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/id"
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

func TestRegisterAndLogIn(t *testing.T) {
	w := worldtest.New(t, worldtest.Config{})
	a := register(t, w, "AnnBonny")
	if a.Handle != "AnnBonny" || !a.Roles.Has(auth.Viewer) || a.Roles.Has(auth.Streamer, auth.Admin) {
		t.Errorf("got %+v", a)
	}
	for _, handle := range []string{"AnnBonny", "annbonny", "ＡＮＮＢＯＮＮＹ"} {
		if got, err := w.Accounts.Authenticate(t.Context(), handle, password); err != nil || got.User != a.User {
			t.Errorf("%s: %+v, %v", handle, got, err)
		}
	}
	for name, c := range map[string][2]string{
		"wrong password": {"annbonny", "wrong horse"}, "unknown handle": {"maryread", password}, "no handle": {"", password},
		"a handle that cannot be": {"a b<c>", password}, "empty password": {"annbonny", ""},
		"a megabyte": {"annbonny", strings.Repeat("x", 1<<20)}, "a look-alike": {"аnnbonny", password},
	} {
		if _, err := w.Accounts.Authenticate(t.Context(), c[0], c[1]); !errors.Is(err, account.ErrCredentials) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if got, err := w.Accounts.ByHandle(t.Context(), "ANNBONNY"); err != nil || got.User != a.User {
		t.Errorf("by handle: %+v, %v", got, err)
	}
	for _, user := range []id.User{"4503599627370497", "x", "-1"} {
		if _, err := w.Accounts.Get(t.Context(), user); !errors.Is(err, account.ErrNoAccount) {
			t.Errorf("%q: %v", user, err)
		}
	}
}

func TestTakenHandles(t *testing.T) {
	w := worldtest.New(t, worldtest.Config{})
	register(t, w, "сор") // Cyrillic
	register(t, w, "Weiß")
	register(t, w, "lvan")
	register(t, w, "player1")
	if a := register(t, w, "Iris"); a.Handle != "Iris" {
		t.Errorf("shown as %s", a.Handle)
	}
	register(t, w, "1vy") // of which nobody has a capital
	register(t, w, "ivy")
	for _, handle := range []string{"СОР", "cop", "ｃｏｐ", "weiss", "WEISS", "Ivan", "IVAN", "playerl", "playerI", "lris", "iris", "IRIS", "1ris"} {
		if _, err := w.Accounts.Register(t.Context(), handle, password); !errors.Is(err, account.ErrHandleTaken) {
			t.Errorf("%s: %v", handle, err)
		}
	}
	// The look-alike is taken but is not the account: it cannot log in to it.
	if _, err := w.Accounts.Authenticate(t.Context(), "cop", password); !errors.Is(err, account.ErrCredentials) {
		t.Errorf("a look-alike logs in: %v", err)
	}
	// Iris is found as people type it, and by nothing that looks like it.
	if _, err := w.Accounts.Authenticate(t.Context(), "iris", password); err != nil {
		t.Errorf("in small letters: %v", err)
	}
	if _, err := w.Accounts.Authenticate(t.Context(), "lris", password); !errors.Is(err, account.ErrCredentials) {
		t.Errorf("a look-alike logs in: %v", err)
	}
	for handle, code := range map[string]string{
		"admin": "handle_reserved", "SYSTEM": "handle_reserved", "adrnin": "handle_reserved", "ADM1N": "handle_reserved", "rn0derator": "handle_reserved",
		"a b": "handle_charset", "\u115f\u115f": "handle_charset",
	} {
		if _, err := w.Accounts.Register(t.Context(), handle, password); fault.CodeOf(err) != code {
			t.Errorf("%s: %v", handle, err)
		}
	}
	if a, err := w.Accounts.CreateAdmin(t.Context(), "admin", password); err != nil || !a.Roles.Has(auth.Admin) {
		t.Errorf("admin: %+v, %v", a, err)
	}
}

func TestManyWantOneHandle(t *testing.T) {
	w := worldtest.New(t, worldtest.Config{})
	var wg sync.WaitGroup
	results := make([]error, 40)
	for i := range results {
		ctx := auth.WithSource(t.Context(), auth.Source{Addr: netip.AddrFrom4([4]byte{192, 0, byte(i), 1})})
		wg.Go(func() { _, results[i] = w.Accounts.Register(ctx, "ann", password) })
	}
	wg.Wait()
	won := 0
	for _, err := range results {
		if err == nil {
			won++
		} else if !errors.Is(err, account.ErrHandleTaken) {
			t.Error(err)
		}
	}
	if won != 1 {
		t.Errorf("%d won", won)
	}
}

func TestRolesAndDisabling(t *testing.T) {
	w := worldtest.New(t, worldtest.Config{})
	a := register(t, w, "ann")
	ctx := t.Context()
	if got, err := w.Accounts.GrantRole(ctx, a.User, auth.Moderator); err != nil || !got.Roles.Has(auth.Moderator) {
		t.Errorf("grant: %+v, %v", got, err)
	}
	if got, err := w.Accounts.SetRoles(ctx, a.User, auth.NewRoles(auth.Streamer)); err != nil || got.Roles.Has(auth.Moderator) {
		t.Errorf("set: %+v, %v", got, err)
	}
	if _, err := w.Accounts.SetDisabled(ctx, a.User, true); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Accounts.Authenticate(ctx, "ann", password); !errors.Is(err, account.ErrDisabled) {
		t.Errorf("disabled: %v", err)
	}
	if _, err := w.Accounts.Authenticate(ctx, "ann", "wrong horse"); !errors.Is(err, account.ErrCredentials) {
		t.Errorf("disabled and wrong: %v", err)
	}
	if _, err := w.Accounts.GrantRole(ctx, "4503599627370497", auth.Admin); !errors.Is(err, account.ErrNoAccount) {
		t.Errorf("nobody: %v", err)
	}
}

func TestChangePassword(t *testing.T) {
	w := worldtest.New(t, worldtest.Config{})
	a := register(t, w, "annbonny")
	const next = "another horse battery"
	for name, x := range map[string]struct{ old, next, code string }{
		"wrong":            {"wrong horse", next, "bad_credentials"},
		"too short":        {password, "horse", "password_short"},
		"the handle in it": {password, "ANNbonny", "password_is_handle"},
	} {
		if _, err := w.Accounts.ChangePassword(t.Context(), a.User, "", x.old, x.next); fault.CodeOf(err) != x.code {
			t.Errorf("%s: %v", name, err)
		}
	}
	if got, err := w.Accounts.ChangePassword(t.Context(), a.User, "", password, next); err != nil || got.User != a.User {
		t.Fatalf("%+v, %v", got, err)
	}
	if _, err := w.Accounts.Authenticate(t.Context(), "annbonny", password); !errors.Is(err, account.ErrCredentials) {
		t.Errorf("the old one: %v", err)
	}
	if _, err := w.Accounts.Authenticate(t.Context(), "annbonny", next); err != nil {
		t.Errorf("the new one: %v", err)
	}
	if _, err := w.Accounts.ChangePassword(t.Context(), "4503599627370497", "", password, next); !errors.Is(err, account.ErrNoAccount) {
		t.Errorf("of nobody: %v", err)
	}
	if _, err := w.Accounts.SetDisabled(t.Context(), a.User, true); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Accounts.ChangePassword(t.Context(), a.User, "", next, password); !errors.Is(err, account.ErrDisabled) {
		t.Errorf("of one who is shut out: %v", err)
	}
}

// TestManyChangeOnePassword: one of them is first, and the others no longer know the password.
func TestManyChangeOnePassword(t *testing.T) {
	w := worldtest.New(t, worldtest.Config{})
	a := register(t, w, "ann")
	var wg sync.WaitGroup
	results := make([]error, 8)
	for i := range results {
		wg.Go(func() {
			ctx := auth.WithSource(t.Context(), auth.Source{Addr: netip.AddrFrom4([4]byte{203, byte(i), 113, 7})}) // not in each other's way
			_, results[i] = w.Accounts.ChangePassword(ctx, a.User, "", password, fmt.Sprint("another horse ", i))
		})
	}
	wg.Wait()
	for i, err := range results {
		_, login := w.Accounts.Authenticate(t.Context(), "ann", fmt.Sprint("another horse ", i))
		if err == nil != (login == nil) || err != nil && !errors.Is(err, account.ErrCredentials) {
			t.Errorf("%d was told %v, and logs in with %v", i, err, login)
		}
	}
}

func TestAccountsSurviveARestart(t *testing.T) {
	w := worldtest.New(t, worldtest.Config{})
	a := register(t, w, "ann")
	if _, err := w.Accounts.GrantRole(t.Context(), a.User, auth.Streamer); err != nil {
		t.Fatal(err)
	}
	w.Kill()
	w = worldtest.New(t, worldtest.Config{Table: w.Table})
	got, err := w.Accounts.Authenticate(t.Context(), "ann", password)
	if err != nil || got.User != a.User || !got.Roles.Has(auth.Streamer) || !got.Created.Equal(a.Created) {
		t.Errorf("got %+v, %v", got, err)
	}
}

// A login under parameters that are no longer used stores the hash anew, and both parameters keep working.
func TestLoginBringsTheHashUpToDate(t *testing.T) {
	w := worldtest.New(t, worldtest.Config{})
	register(t, w, "ann")
	stronger, err := auth.NewHasher(auth.HasherConfig{MemoryKiB: 128, Passes: 1})
	if err != nil {
		t.Fatal(err)
	}
	registry := prometheus.NewRegistry()
	c := account.NewClient(w.Node, w.Table, stronger, account.NewMetrics(registry))
	for range 2 {
		if _, err := c.Authenticate(t.Context(), "ann", password); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.Accounts.Authenticate(t.Context(), "ann", password); err != nil {
		t.Error(err)
	}
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == "barrage_account_rehashes_total" && f.GetMetric()[0].GetCounter().GetValue() != 1 {
			t.Errorf("rehashed %v times", f.GetMetric()[0].GetCounter().GetValue())
		}
	}
}
