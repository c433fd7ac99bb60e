package account_test

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/barrage-live/barrage/actors/document"
	"github.com/barrage-live/barrage/actors/identity/account"
	"github.com/barrage-live/barrage/actors/identity/revocation"
	"github.com/barrage-live/barrage/actors/worldtest"
	"github.com/barrage-live/barrage/cluster"
	"github.com/barrage-live/barrage/cluster/coordination"
	"github.com/barrage-live/barrage/cluster/coordination/localstore"
	"github.com/barrage-live/barrage/internal/auth"
	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/id"
	"github.com/barrage-live/barrage/internal/position"
	"github.com/barrage-live/barrage/live/ingest"
	"github.com/barrage-live/barrage/storage/table"
	"github.com/barrage-live/barrage/storage/table/faulttable"
	"github.com/barrage-live/barrage/storage/table/pebbletable/pebbletest"
)

// TestAFailedRegistrationMayBeTriedAgain: at once, if surely nothing was stored; when the claim has
// expired, if nobody knows.
func TestAFailedRegistrationMayBeTriedAgain(t *testing.T) {
	for name, x := range map[string]struct {
		call  int // the first that fails: the activation's fence is the first, the creation's the second, the third writes
		how   worldtest.Fault
		kind  fault.Kind
		after time.Duration
	}{
		"nothing is claimed":            {1, worldtest.Lost, fault.Unavailable, 0},
		"surely not stored":             {3, worldtest.Lost, fault.Unavailable, 0},
		"nobody knows what was claimed": {1, worldtest.UnsureAway, fault.Timeout, time.Minute + 2*time.Second},
		"nobody knows what was stored":  {3, worldtest.UnsureAway, fault.Timeout, time.Minute + 2*time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store, disk := worldtest.NewFlaky(t)
				w := worldtest.New(t, worldtest.Config{Table: store})
				disk.FailFrom("account", x.call, x.how)
				if _, err := w.Accounts.Register(t.Context(), "Ivan", password); err == nil || fault.KindOf(err) != x.kind {
					t.Errorf("got %v", err)
				}
				disk.Fail("", worldtest.None)
				time.Sleep(x.after)
				register(t, w, "lvan") // which shares a look with the handle, and not the skeleton of it in small letters
			})
		})
	}
}

// TestARegistrationThatSucceededUnnoticed: the person was told that nobody knows, tries to log in, and can
// from then on.
func TestARegistrationThatSucceededUnnoticed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, disk := worldtest.NewFlaky(t)
		w := worldtest.New(t, worldtest.Config{Table: store})
		disk.FailFrom("account", 3, worldtest.UnsureAway) // after the fences
		if _, err := w.Accounts.Register(t.Context(), "Ivan", password); fault.KindOf(err) != fault.Timeout {
			t.Fatalf("got %v", err)
		}
		disk.Fail("", worldtest.None)
		for _, when := range []time.Duration{0, time.Hour} {
			time.Sleep(when)
			if _, err := w.Accounts.Authenticate(t.Context(), "ivan", password); err != nil {
				t.Errorf("%v later: %v", when, err)
			}
		}
		if _, err := w.Accounts.Register(t.Context(), "lvan", password); !errors.Is(err, account.ErrHandleTaken) {
			t.Errorf("a name that looks like it: %v", err)
		}
	})
}

// TestAChangeThatIsStoredIsNotDenied: after the write nothing need be read to know that it was done.
func TestAChangeThatIsStoredIsNotDenied(t *testing.T) {
	d, err := pebbletest.NewMem().Open()
	if err != nil {
		t.Fatal(err)
	}
	unread := make(chan struct{})
	store := table.New(faulttable.Wrap(d, func(c faulttable.Call) faulttable.Fault {
		select {
		case <-unread:
			if c.Kind == faulttable.Get && c.Table == "account" {
				return faulttable.Refused(fault.New(fault.Unavailable, "away", "reads do not work"))
			}
		default:
		}
		return faulttable.Fault{}
	}))
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	w := worldtest.New(t, worldtest.Config{Table: store})
	a := register(t, w, "ann")
	close(unread)
	if got, err := w.Accounts.SetDisabled(t.Context(), a.User, true); err != nil || !got.Disabled {
		t.Errorf("got %+v, %v", got, err)
	}
}

// TestAChangeOfRightsThatNobodyHearsOf is not said to be done, and may be made again.
func TestAChangeOfRightsThatNobodyHearsOf(t *testing.T) {
	store, disk := worldtest.NewFlaky(t)
	w := worldtest.New(t, worldtest.Config{Table: store})
	a := register(t, w, "ann")
	token, err := w.Tokens.Mint(auth.Identity{User: a.User, Session: "0123456789abcdef0123456789abcdef"}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	disk.Fail("revocation", worldtest.Lost)
	if _, err := w.Accounts.SetDisabled(t.Context(), a.User, true); fault.KindOf(err) != fault.Timeout {
		t.Errorf("got %v", err)
	}
	disk.Fail("", worldtest.None)
	if got, err := w.Accounts.SetDisabled(t.Context(), a.User, true); err != nil || !got.Disabled {
		t.Errorf("again: %+v, %v", got, err)
	}
	if _, err := w.Tokens.Verify(token); !errors.Is(err, auth.ErrTokenOutdated) {
		t.Errorf("the token: %v", err)
	}
	// Twice if what the first change lacked was made good before the second, which has a version of its own.
	if users := w.Sockets.Users(); len(users) == 0 || len(users) > 2 || slices.ContainsFunc(users, func(u id.User) bool { return u != a.User }) {
		t.Errorf("sockets of %v were told", users)
	}
}

// TestAChangeOfRightsThatACrashCutOff: the next process has every node refuse the old tokens before it lets
// anybody in.
func TestAChangeOfRightsThatACrashCutOff(t *testing.T) {
	store, disk := worldtest.NewFlaky(t)
	w := worldtest.New(t, worldtest.Config{Table: store})
	a := register(t, w, "ann")
	disk.Fail("revocation", worldtest.Lost)
	if _, err := w.Accounts.SetRoles(t.Context(), a.User, auth.NewRoles(auth.Moderator)); fault.KindOf(err) != fault.Timeout {
		t.Errorf("got %v", err)
	}
	w.Kill()
	disk.Fail("", worldtest.None)
	w = worldtest.New(t, worldtest.Config{Table: store})
	if n, err := document.WakeAll(t.Context(), w.Node, store, nil); n != 1 || err != nil {
		t.Errorf("woken: %d, %v", n, err)
	}
	who := auth.Identity{User: a.User, Expires: time.Now().Add(time.Minute)}
	if err := w.Revoked.Check(who); !errors.Is(err, auth.ErrTokenOutdated) {
		t.Errorf("a token from before: %v", err)
	}
}

// TestARegistrationThatACrashCutOff: the account is stored and not all that its handle looks like is
// confirmed, and the claims on that have expired by the time that somebody starts the next process.
func TestARegistrationThatACrashCutOff(t *testing.T) {
	for _, x := range []struct {
		handle, alike string
		from, to      int // the calls of the table at which the crash comes; before, the looks are taken
	}{
		{"ann", "ANN", 2, 3},   // read, confirmed
		{"Ivan", "lvan", 3, 6}, // the same of both looks
	} {
		for at := x.from; at <= x.to; at++ {
			synctest.Test(t, func(t *testing.T) {
				store, disk := worldtest.NewFlaky(t)
				w := worldtest.New(t, worldtest.Config{Table: store})
				disk.FailFrom("account_handle", at, worldtest.Lost)
				if _, err := w.Accounts.Register(t.Context(), x.handle, password); err == nil {
					t.Errorf("%s, %d: the registration is said to be done", x.handle, at)
				}
				disk.Fail("", worldtest.None)
				if _, err := w.Accounts.Register(t.Context(), strings.ToLower(x.handle), password); !errors.Is(err, account.ErrHandleTaken) {
					t.Errorf("%s, %d: somebody else takes the name at once: %v", x.handle, at, err)
				}
				w.Kill()
				time.Sleep(2 * time.Minute)
				w = worldtest.New(t, worldtest.Config{Table: store})
				if _, err := document.WakeAll(t.Context(), w.Node, store, nil); err != nil {
					t.Errorf("%s, %d: woken: %v", x.handle, at, err)
				}
				if _, err := w.Accounts.Authenticate(t.Context(), x.handle, password); err != nil {
					t.Errorf("%s, %d: the account cannot be reached: %v", x.handle, at, err)
				}
				if _, err := w.Accounts.Register(t.Context(), x.alike, password); !errors.Is(err, account.ErrHandleTaken) {
					t.Errorf("%s, %d: %s: %v", x.handle, at, x.alike, err)
				}
			})
		}
	}
}

// TestHalfANameIsNoName: while a registration was cut off somebody else has got one of the two things that
// its handle looks like. Then the other one is free, also if it was confirmed already.
func TestHalfANameIsNoName(t *testing.T) {
	for _, x := range []struct {
		taken, free string
		from, to    int // the calls of the table at which the crash comes, as above
	}{
		{"lvan", "ivan", 3, 4}, // nothing is confirmed
		{"ivan", "lvan", 3, 6},
	} {
		for at := x.from; at <= x.to; at++ {
			synctest.Test(t, func(t *testing.T) {
				store, disk := worldtest.NewFlaky(t)
				w := worldtest.New(t, worldtest.Config{Table: store})
				disk.FailFrom("account_handle", at, worldtest.Lost)
				if _, err := w.Accounts.Register(t.Context(), "Ivan", password); err == nil {
					t.Errorf("%d: the registration is said to be done", at)
				}
				disk.Fail("", worldtest.None)
				w.Kill()
				time.Sleep(2 * time.Minute)
				w = worldtest.New(t, worldtest.Config{Table: store})
				register(t, w, x.taken)
				if _, err := document.WakeAll(t.Context(), w.Node, store, nil); err != nil {
					t.Errorf("%s, %d: woken: %v", x.taken, at, err)
				}
				register(t, w, x.free)
			})
		}
	}
}

// TestARevocationDoesNotWaitForAName that cannot be read.
func TestARevocationDoesNotWaitForAName(t *testing.T) {
	store, disk := worldtest.NewFlaky(t)
	w := worldtest.New(t, worldtest.Config{Table: store})
	a := register(t, w, "ann")
	disk.Fail("revocation", worldtest.Lost)
	if _, err := w.Accounts.SetRoles(t.Context(), a.User, auth.NewRoles(auth.Moderator)); fault.KindOf(err) != fault.Timeout {
		t.Errorf("got %v", err)
	}
	w.Kill()
	disk.Fail("account_handle", worldtest.Away)
	w = worldtest.New(t, worldtest.Config{Table: store})
	if _, err := document.WakeAll(t.Context(), w.Node, store, nil); err == nil {
		t.Error("the name is said to be kept")
	}
	who := auth.Identity{User: a.User, Expires: time.Now().Add(time.Minute)}
	if err := w.Revoked.Check(who); !errors.Is(err, auth.ErrTokenOutdated) {
		t.Errorf("a token from before: %v", err)
	}
}

// TestAnAccountOfBeforeLikenesses has one name, which is kept.
func TestAnAccountOfBeforeLikenesses(t *testing.T) {
	store, disk := worldtest.NewFlaky(t)
	w := worldtest.New(t, worldtest.Config{Table: store})
	a := register(t, w, "ann")
	disk.Fail("revocation", worldtest.Lost)
	if _, err := w.Accounts.SetRoles(t.Context(), a.User, auth.NewRoles(auth.Moderator)); fault.KindOf(err) != fault.Timeout {
		t.Errorf("got %v", err)
	}
	w.Kill()
	disk.Fail("", worldtest.None)
	row, err := store.Get(t.Context(), table.Owned("account"), string(a.User), []byte("doc"))
	if err != nil {
		t.Fatal(err)
	}
	old := bytes.Replace(row.Value, []byte(`"Likeness":"ann"`), []byte(`"Likeness":""`), 1)
	if bytes.Equal(old, row.Value) {
		t.Fatalf("no likeness in %s", row.Value)
	}
	fence := position.Fence{Epoch: w.Node.Epoch(), Activation: 1 << 20}
	if err := store.Fence(t.Context(), table.Owned("account"), string(a.User), fence); err != nil {
		t.Fatal(err)
	}
	batch := table.Batch{Table: table.Owned("account"), Partition: string(a.User), Fence: fence, Ops: []table.Op{table.Put([]byte("doc"), old)}}
	if _, err := store.Write(t.Context(), batch); err != nil {
		t.Fatal(err)
	}
	w = worldtest.New(t, worldtest.Config{Table: store})
	if n, err := document.WakeAll(t.Context(), w.Node, store, nil); n != 1 || err != nil {
		t.Errorf("woken: %d, %v", n, err)
	}
	if _, err := w.Accounts.Authenticate(t.Context(), "ann", password); err != nil {
		t.Error(err)
	}
}

// shutOut makes an account with a login and a stream key, and shuts it out while its logins cannot be ended.
func shutOut(t *testing.T) (*worldtest.World, *worldtest.Flaky, account.Account, id.Session, auth.StreamKey) {
	t.Helper()
	store, disk := worldtest.NewFlaky(t)
	w := worldtest.New(t, worldtest.Config{Table: store})
	a := register(t, w, "ann")
	login, err := w.Sessions.Open(t.Context(), a.User, a.Logins, "")
	if err != nil {
		t.Fatal(err)
	}
	ch, err := w.Channels.Create(t.Context(), a.User, "annas", "")
	if err != nil {
		t.Fatal(err)
	}
	_, key, err := w.Channels.MintKey(t.Context(), ch.ID, a.RightsVersion)
	if err != nil {
		t.Fatal(err)
	}
	disk.Fail("", worldtest.None)
	disk.FailFrom("revocation", 2, worldtest.Lost) // after that of the rights
	if _, err := w.Accounts.SetDisabled(t.Context(), a.User, true); fault.KindOf(err) != fault.Timeout {
		t.Errorf("got %v", err)
	}
	return w, disk, a, login.Session, key
}

// TestWhoIsShutOutLosesEverything also if a crash comes in between.
func TestWhoIsShutOutLosesEverything(t *testing.T) {
	w, disk, a, login, key := shutOut(t)
	w.Kill()
	disk.Fail("", worldtest.None)
	w = worldtest.New(t, worldtest.Config{Table: w.Table})
	if _, err := document.WakeAll(t.Context(), w.Node, w.Table, nil); err != nil {
		t.Error(err)
	}
	gone(t, w, a, login, key)
}

// TestNobodyIsLetInWithWhatTheyHad before they were shut out, and not at all while that cannot be ended.
func TestNobodyIsLetInWithWhatTheyHad(t *testing.T) {
	w, disk, a, login, key := shutOut(t)
	w.Kill()
	w = worldtest.New(t, worldtest.Config{Table: w.Table})
	if got, err := w.Accounts.SetDisabled(t.Context(), a.User, false); err == nil {
		t.Errorf("it is let in: %+v", got)
	}
	disk.Fail("", worldtest.None)
	if got, err := w.Accounts.Get(t.Context(), a.User); err != nil || !got.Disabled {
		t.Errorf("the account is %+v, %v", got, err)
	}
	if got, err := w.Accounts.SetDisabled(t.Context(), a.User, false); err != nil || got.Disabled {
		t.Errorf("let in: %+v, %v", got, err)
	}
	gone(t, w, a, login, key)
}

// TestAShutOutThatComesLate ends nothing that its account has since it was let in again. What follows a
// shut-out goes on beside all else, and nobody can call it back.
func TestAShutOutThatComesLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, err := pebbletest.NewMem().Open()
		if err != nil {
			t.Fatal(err)
		}
		var revocations atomic.Int32
		stalled, let := context.WithCancel(t.Context())
		store := table.New(faulttable.Wrap(d, func(c faulttable.Call) faulttable.Fault {
			if c.Table == "revocation" && c.Kind == faulttable.Write {
				switch revocations.Add(1) {
				case 1: // that of the rights; the second one is of the login
					return faulttable.Refused(fault.New(fault.Unavailable, "away", "the disk is away"))
				case 3: // that of the rights is tried again
					<-stalled.Done()
				}
			}
			return faulttable.Fault{}
		}))
		t.Cleanup(func() {
			if err := store.Close(); err != nil {
				t.Error(err)
			}
		})
		w := worldtest.New(t, worldtest.Config{Table: store})
		t.Cleanup(let)
		a := register(t, w, "ann")
		ch, err := w.Channels.Create(t.Context(), a.User, "annas", "")
		if err != nil {
			t.Fatal(err)
		}
		has := func(a account.Account) (id.Session, auth.StreamKey) {
			t.Helper()
			login, err := w.Sessions.Open(t.Context(), a.User, a.Logins, "")
			if err != nil {
				t.Fatal(err)
			}
			_, key, err := w.Channels.MintKey(t.Context(), ch.ID, a.RightsVersion)
			if err != nil {
				t.Fatal(err)
			}
			return login.Session, key
		}
		login, key := has(a)
		if _, err := w.Accounts.SetDisabled(t.Context(), a.User, true); fault.KindOf(err) != fault.Timeout {
			t.Errorf("got %v", err)
		}
		time.Sleep(time.Second)
		if n := revocations.Load(); n != 3 {
			t.Fatalf("what follows the shut-out is not under way: %d revocations", n)
		}
		if a, err = w.Accounts.SetDisabled(t.Context(), a.User, false); err != nil || a.Disabled {
			t.Fatalf("let in: %+v, %v", a, err)
		}
		gone(t, w, a, login, key)
		login, key = has(a)
		stream := w.Publish(t, key.Reveal())
		let()
		time.Sleep(time.Second)
		if _, err := w.Sessions.Get(t.Context(), login); err != nil {
			t.Errorf("the new login: %v", err)
		}
		if err := stream.Err(); err != nil {
			t.Errorf("the new publisher: %v", err)
		}
		w.Publish(t, key.Reveal())
	})
}

func gone(t *testing.T, w *worldtest.World, a account.Account, login id.Session, key auth.StreamKey) {
	t.Helper()
	if _, err := w.Sessions.Get(t.Context(), login); !errors.Is(err, auth.ErrSessionEnded) {
		t.Errorf("the login: %v", err)
	}
	if names, err := w.Sessions.List(t.Context(), a.User); err != nil || len(names) > 0 {
		t.Errorf("logins %v, %v", names, err)
	}
	if _, err := w.Gate.Begin(t.Context(), ingest.Publication{Key: key.Reveal(), Protocol: "rtmp"}); fault.CodeOf(err) != "key_revoked" {
		t.Errorf("the stream key: %v", err)
	}
}

// stolen grants every shard to whoever asks, as if the owner before had lost it without noticing.
type stolen struct{ coordination.Store }

func (s stolen) Claim(_ context.Context, l coordination.Lease, shard coordination.Shard) (coordination.Grant, error) {
	return coordination.Grant{Shard: shard, Node: l.Node, Epoch: l.Epoch}, nil
}

// TestAFormerOwnerIsNotHeard: once the new owner has read the account, a change of the former one is
// refused, not acknowledged and lost.
func TestAFormerOwnerIsNotHeard(t *testing.T) {
	tables := pebbletest.Open(t)
	local, err := localstore.Open(t.Context(), localstore.Config{Tables: tables, Fresh: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = local.Close() })
	hasher, err := auth.NewHasher(auth.HasherConfig{MemoryKiB: 64, Passes: 1})
	if err != nil {
		t.Fatal(err)
	}
	node := func() *account.Client {
		n, err := cluster.New(cluster.Config{Coordination: stolen{local}, Fencer: tables})
		if err != nil {
			t.Fatal(err)
		}
		if err := n.Start(t.Context(), []cluster.Kind{account.Kind(account.Deps{Table: tables, Revoker: nobody{}})}); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(n.Close)
		return account.NewClient(n, tables, hasher, account.NewMetrics(prometheus.NewRegistry()))
	}
	former, present := node(), node()
	a, err := former.Register(t.Context(), "somebody", password)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := present.Get(t.Context(), a.User); err != nil {
		t.Fatal(err)
	}
	if _, err := former.SetDisabled(t.Context(), a.User, true); fault.KindOf(err) != fault.Fenced {
		t.Errorf("the former owner is told %v", err)
	}
	if got, err := present.SetDisabled(t.Context(), a.User, true); err != nil || !got.Disabled {
		t.Errorf("the present one: %+v, %v", got, err)
	}
}

type nobody struct{}

func (nobody) Revoke(context.Context, revocation.Notice) error { return nil }

// TestADamagedChannelPublishesNoLonger: its row is damaged while its owner publishes, and she is shut out.
func TestADamagedChannelPublishesNoLonger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, err := pebbletest.NewMem().Open()
		if err != nil {
			t.Fatal(err)
		}
		var damaged atomic.Bool
		store := table.New(faulttable.Wrap(d, func(c faulttable.Call) faulttable.Fault {
			if c.Table == "channel" && damaged.Load() && c.Kind != faulttable.Fence {
				return faulttable.Refused(table.ErrCorrupt)
			}
			return faulttable.Fault{}
		}))
		t.Cleanup(func() {
			if err := store.Close(); err != nil {
				t.Error(err)
			}
		})
		w := worldtest.New(t, worldtest.Config{Table: store})
		a := register(t, w, "ann")
		ch, err := w.Channels.Create(t.Context(), a.User, "annas", "")
		if err != nil {
			t.Fatal(err)
		}
		_, key, err := w.Channels.MintKey(t.Context(), ch.ID, a.RightsVersion)
		if err != nil {
			t.Fatal(err)
		}
		stream := w.Publish(t, key.Reveal())
		damaged.Store(true)
		if got, err := w.Accounts.SetDisabled(t.Context(), a.User, true); err != nil || !got.Disabled {
			t.Errorf("shut out: %+v, %v", got, err)
		}
		synctest.Wait()
		if stream.Err() == nil {
			t.Error("the publisher goes on")
		}
	})
}
