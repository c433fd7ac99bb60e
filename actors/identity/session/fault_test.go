package session_test

import (
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/barrage-live/barrage/actors/document"
	"github.com/barrage-live/barrage/actors/identity/session"
	"github.com/barrage-live/barrage/actors/worldtest"
	"github.com/barrage-live/barrage/internal/auth"
	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/id"
	"github.com/barrage-live/barrage/internal/position"
	"github.com/barrage-live/barrage/storage/outbox"
	"github.com/barrage-live/barrage/storage/table"
)

// A refresh whose write has an unknown outcome may be tried again with the same token, and the family goes
// on.
func TestARefreshOfUnknownOutcomeMayBeTriedAgain(t *testing.T) {
	for name, x := range map[string]struct {
		how  worldtest.Fault
		kind fault.Kind
	}{"lost": {worldtest.Lost, fault.Unavailable}, "unsure": {worldtest.Unsure, fault.Timeout}} {
		t.Run(name, func(t *testing.T) {
			store, disk := worldtest.NewFlaky(t)
			w := worldtest.New(t, worldtest.Config{Table: store})
			r := open(t, w, "42")
			disk.Fail("session", x.how)
			if _, err := w.Sessions.Refresh(t.Context(), r.Token.Reveal()); fault.KindOf(err) != x.kind {
				t.Errorf("got %v", err)
			}
			disk.Fail("", worldtest.None)
			refresh(t, w, refresh(t, w, r))
		})
	}
}

// TestALogoutThatNobodyHearsOf: the session is ended, but its tokens are still taken, so the answer must
// not be that it is done.
func TestALogoutThatNobodyHearsOf(t *testing.T) {
	store, disk := worldtest.NewFlaky(t)
	w := worldtest.New(t, worldtest.Config{Table: store})
	r := open(t, w, "42")
	token, err := w.Tokens.Mint(auth.Identity{User: "42", Session: r.Token.Session}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	disk.Fail("revocation", worldtest.Lost)
	if err := w.Sessions.Logout(t.Context(), r.Token.Reveal()); fault.KindOf(err) != fault.Timeout {
		t.Errorf("got %v", err)
	}
	disk.Fail("", worldtest.None)
	if err := w.Sessions.Logout(t.Context(), r.Token.Reveal()); err != nil {
		t.Errorf("again: %v", err)
	}
	if _, err := w.Tokens.Verify(token); !errors.Is(err, auth.ErrSessionEnded) || len(w.Sockets.Logins()) != 1 {
		t.Errorf("its token: %v, sockets closed %v", err, w.Sockets.Logins())
	}
}

// TestALogoutThatACrashCutOff: the session is ended and the process dies before anybody knows; the next one
// tells everybody before it lets anybody in. Without a crash the same is made up as soon as it can be.
func TestALogoutThatACrashCutOff(t *testing.T) {
	for name, crash := range map[string]bool{"a crash": true, "an outage": false} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store, disk := worldtest.NewFlaky(t)
				w := worldtest.New(t, worldtest.Config{Table: store})
				r := open(t, w, "42")
				disk.Fail("revocation", worldtest.Lost)
				if err := w.Sessions.Logout(t.Context(), r.Token.Reveal()); fault.KindOf(err) != fault.Timeout {
					t.Errorf("got %v", err)
				}
				if crash {
					w.Kill()
				}
				disk.Fail("", worldtest.None)
				if crash {
					w = worldtest.New(t, worldtest.Config{Table: store})
					if n, err := document.WakeAll(t.Context(), w.Node, store, nil); n != 1 || err != nil {
						t.Errorf("woken: %d, %v", n, err)
					}
				} else {
					time.Sleep(10 * time.Second)
				}
				who := auth.Identity{User: "42", Session: r.Token.Session, Expires: time.Now().Add(time.Minute)}
				if err := w.Revoked.Check(who); !errors.Is(err, auth.ErrSessionEnded) {
					t.Errorf("its tokens: %v", err)
				}
				if list, err := w.Sessions.List(t.Context(), "42"); err != nil || len(list) != 0 {
					t.Errorf("listed: %v, %v", list, err)
				}
				time.Sleep(10 * time.Second)
				if owners, _, err := (outbox.Marks{Tables: store}).All(t.Context(), ""); err != nil || len(owners) != 0 {
					t.Errorf("marks are left: %v, %v", owners, err)
				}
			})
		})
	}
}

// A logout that was not stored is not claimed: the session lives and its sockets stay.
func TestALogoutThatWasLostIsRefused(t *testing.T) {
	store, disk := worldtest.NewFlaky(t)
	w := worldtest.New(t, worldtest.Config{Table: store})
	r := open(t, w, "42")
	disk.Fail("session", worldtest.Lost)
	if err := w.Sessions.Logout(t.Context(), r.Token.Reveal()); fault.KindOf(err) != fault.Unavailable {
		t.Errorf("got %v", err)
	}
	if closed := w.Sockets.Logins(); len(closed) != 0 {
		t.Errorf("closed %v", closed)
	}
	disk.Fail("", worldtest.None)
	if err := w.Sessions.Logout(t.Context(), r.Token.Reveal()); err != nil || len(w.Sockets.Logins()) != 1 {
		t.Errorf("afterwards: %v, closed %v", err, w.Sockets.Logins())
	}
}

// TestADamagedSessionKeepsNoOtherAlive, wherever among them it is.
func TestADamagedSessionKeepsNoOtherAlive(t *testing.T) {
	for damaged := range 3 {
		w := worldtest.New(t, worldtest.Config{})
		opened := []session.Rotation{open(t, w, "42"), open(t, w, "42"), open(t, w, "42")}
		w.Kill()
		fence := position.Fence{Epoch: w.Node.Epoch(), Activation: 1 << 20}
		partition := string(opened[damaged].Session)
		if err := w.Table.Fence(t.Context(), table.Owned("session"), partition, fence); err != nil {
			t.Fatal(err)
		}
		batch := table.Batch{Table: table.Owned("session"), Partition: partition, Fence: fence, Ops: []table.Op{table.Put([]byte("doc"), []byte("{"))}}
		if _, err := w.Table.Write(t.Context(), batch); err != nil {
			t.Fatal(err)
		}
		w = worldtest.New(t, worldtest.Config{Table: w.Table})
		if n, err := w.Sessions.RevokeAll(t.Context(), "42", "", 0); n != 2 || err != nil {
			t.Errorf("%d ended, %v", n, err)
		}
	}
}

// TestADamagedSessionKeepsNobodyOut: its user sees the others, and logs in however many there may be.
func TestADamagedSessionKeepsNobodyOut(t *testing.T) {
	var damaged atomic.Value
	damaged.Store("")
	store := worldtest.NewDamaged(t, func(table, partition string, _ []byte) bool {
		return table == "session" && partition == damaged.Load().(string)
	})
	cfg := worldtest.Config{Table: store, Session: session.Config{MaxPerUser: 3}}
	w := worldtest.New(t, cfg)
	first := open(t, w, "42")
	open(t, w, "42")
	open(t, w, "42")
	w.Kill()
	damaged.Store(string(first.Session))
	w = worldtest.New(t, cfg)
	if l, err := w.Sessions.List(t.Context(), "42"); err != nil || len(l) != 2 {
		t.Errorf("listed: %v, %v", l, err)
	}
	for range 3 {
		open(t, w, "42")
	}
	if l, err := w.Sessions.List(t.Context(), "42"); err != nil || len(l) != 3 {
		t.Errorf("listed: %v, %v", l, err)
	}
}

// TestADamagedRowOfTheListKeepsNoSessionAlive: its key says which session it is.
func TestADamagedRowOfTheListKeepsNoSessionAlive(t *testing.T) {
	var damaged atomic.Bool
	store := worldtest.NewDamaged(t, func(table, _ string, _ []byte) bool { return table == "session_by_user" && damaged.Load() })
	w := worldtest.New(t, worldtest.Config{Table: store})
	first, second := open(t, w, "42"), open(t, w, "42")
	damaged.Store(true)
	if n, err := w.Sessions.RevokeAll(t.Context(), "42", second.Session, 0); n != 1 || err != nil {
		t.Errorf("%d ended, %v", n, err)
	}
	if _, err := w.Sessions.RevokeAll(t.Context(), "42", "", 0); err != nil {
		t.Error(err)
	}
	for _, s := range []id.Session{first.Session, second.Session} {
		if _, err := w.Sessions.Get(t.Context(), s); !errors.Is(err, auth.ErrSessionEnded) {
			t.Errorf("got %v", err)
		}
	}
}
