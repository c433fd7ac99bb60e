package api_test

import (
	"context"
	"net/http"
	"testing"

	"github.com/barrage-live/barrage/actors/identity/account"
	"github.com/barrage-live/barrage/gateway/api"
)

func (w *world) refresh(token string) answer {
	return w.do(call{method: "POST", path: "/v1/auth/refresh", body: map[string]any{"refresh_token": token}})
}

// TestNoLoginOutlivesWhatEndsIt although the process dies after the account was written and before its
// logins were ended.
func TestNoLoginOutlivesWhatEndsIt(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	t.Run("a change of the password", func(t *testing.T) {
		t.Parallel()
		mine := w.join("ann")
		other := w.do(loginAs("ann", password))
		if _, err := w.Accounts.ChangePassword(t.Context(), mine.account.User, mine.session, password, "battery staple"); err != nil {
			t.Fatal(err)
		}
		w.refresh(other.text("refresh_token")).want(t, http.StatusUnauthorized, "session_ended")
		w.do(call{method: "GET", path: "/v1/me", token: other.text("access_token")}).want(t, http.StatusUnauthorized, "session_ended")
		again := w.refresh(mine.refresh)
		again.want(t, http.StatusOK, "")
		if _, err := w.Accounts.ChangePassword(t.Context(), mine.account.User, "", "battery staple", password); err != nil {
			t.Fatal(err)
		}
		w.refresh(again.text("refresh_token")).want(t, http.StatusUnauthorized, "session_ended")
	})
	t.Run("being shut out and let in again", func(t *testing.T) {
		t.Parallel()
		bea := w.join("bea")
		for _, disabled := range []bool{true, false} {
			if _, err := w.Accounts.SetDisabled(t.Context(), bea.account.User, disabled); err != nil {
				t.Fatal(err)
			}
		}
		w.refresh(bea.refresh).want(t, http.StatusUnauthorized, "session_ended")
		w.do(loginAs("bea", password)).want(t, http.StatusOK, "")
	})
}

// changedMeanwhile looks at passwords while somebody else changes them.
type changedMeanwhile struct {
	*account.Client
	change func(account.Account)
}

func (c changedMeanwhile) Authenticate(ctx context.Context, handle, password string) (account.Account, error) {
	a, err := c.Client.Authenticate(ctx, handle, password)
	if err == nil {
		c.change(a)
	}
	return a, err
}

// TestALoginWithThePasswordOfBefore began before the password was changed, and opens after the logins of the
// account were ended.
func TestALoginWithThePasswordOfBefore(t *testing.T) {
	t.Parallel()
	var change func(account.Account)
	w := newWorldOf(t, func(d *api.Deps) {
		d.Identity.Accounts = changedMeanwhile{d.Identity.Accounts.(*account.Client), func(a account.Account) { change(a) }}
	})
	ann := w.join("ann")
	change = func(a account.Account) {
		if _, err := w.Accounts.ChangePassword(t.Context(), a.User, ann.session, password, "battery staple"); err != nil {
			t.Error(err)
		}
	}
	w.do(loginAs("ann", password)).want(t, http.StatusUnauthorized, "bad_credentials")
	if live, err := w.Sessions.List(t.Context(), ann.account.User); err != nil || len(live) != 1 || live[0].Session != ann.session {
		t.Errorf("logins that live: %v, %v", live, err)
	}
}
