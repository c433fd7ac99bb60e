package auth

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/barrage-live/barrage/internal/id"
)

func TestRevocations(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	until := now.Add(15 * time.Minute)
	who := func(user id.User, login id.Session, rights uint64) Identity {
		return Identity{User: user, Session: login, RightsVersion: rights, Expires: now.Add(time.Minute)}
	}
	var r Revocations
	if err := r.Check(who("1", "a", 0)); err != nil {
		t.Fatalf("nothing was revoked: %v", err)
	}
	for i, news := range []bool{
		r.EndLogin("a", until), r.OutdateUser("2", 3, until),
		!r.EndLogin("a", until), !r.OutdateUser("2", 3, until),
		!r.OutdateUser("2", 2, until), // told late
	} {
		if !news {
			t.Errorf("what was said %d-th is not as new as it says", i)
		}
	}
	for _, x := range []struct {
		who  Identity
		want error
	}{
		{who("1", "a", 9), ErrSessionEnded},
		{who("1", "b", 0), nil},
		{who("2", "c", 2), ErrTokenOutdated},
		{who("2", "c", 3), nil},
		{who("2", "a", 2), ErrSessionEnded}, // there is no use in a refresh
		{who("a", "2", 0), nil},             // a user is no login
	} {
		if err := r.Check(x.who); !errors.Is(err, x.want) {
			t.Errorf("%+v: %v, want %v", x.who, err, x.want)
		}
	}

	r.EndLogin("a", until.Add(time.Minute)) // again, and for longer
	r.EndLogin("a", now)                    // and for less, which changes nothing
	r.Forget(until)
	if err := r.Check(who("1", "a", 0)); r.Len() != 1 || !errors.Is(err, ErrSessionEnded) {
		t.Errorf("%d are left, %v", r.Len(), err)
	}
	r.Forget(until.Add(time.Minute))
	if n := r.Len(); n != 0 {
		t.Errorf("%d are left", n)
	}
}

// Whatever is revoked and forgotten, no token is let in that was revoked and has not expired, and never
// more are remembered than the limit. While there is room, no other token is refused.
func TestRevocationsAreBoundedAndLetNobodyIn(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		now := time.Unix(1_800_000_000, 0)
		r := Revocations{limit: rapid.IntRange(1, 6).Draw(t, "limit")}
		ended, changed, rights := map[id.Session]time.Time{}, map[id.User]time.Time{}, map[id.User]uint64{}
		full := false
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			now = now.Add(time.Duration(rapid.IntRange(0, 5).Draw(t, "pass")) * time.Minute)
			until := now.Add(time.Duration(rapid.IntRange(15, 16).Draw(t, "until")) * time.Minute)
			name := fmt.Sprint(rapid.IntRange(0, 7).Draw(t, "name"))
			switch rapid.SampledFrom([]string{"end", "outdate", "forget"}).Draw(t, "step") {
			case "end":
				full = full || r.Len() == r.limit
				r.EndLogin(id.Session(name), until)
				ended[id.Session(name)] = now
			case "outdate":
				full = full || r.Len() == r.limit
				rights[id.User(name)]++
				changed[id.User(name)] = now
				r.OutdateUser(id.User(name), rights[id.User(name)], until)
			case "forget":
				r.Forget(now)
			}
			if r.Len() > r.limit {
				t.Fatalf("%d are remembered, the limit is %d", r.Len(), r.limit)
			}
			// A token of every sort that has not expired.
			who := Identity{
				User: id.User(fmt.Sprint(rapid.IntRange(0, 8).Draw(t, "user"))), Session: id.Session(fmt.Sprint(rapid.IntRange(0, 8).Draw(t, "login"))),
				Expires: now.Add(time.Duration(rapid.IntRange(1, 15*60).Draw(t, "left")) * time.Second),
			}
			minted := who.Expires.Add(-15 * time.Minute)
			at, was := ended[who.Session]
			over := was && !minted.After(at)
			who.RightsVersion = uint64(rapid.IntRange(0, 3).Draw(t, "rights"))
			lower := who.RightsVersion < rights[who.User]
			outdated := lower && !minted.After(changed[who.User])
			err := r.Check(who)
			if (over || outdated) && err == nil {
				t.Fatalf("%+v is let in at %v: ended %v, rights %d", who, now, over, rights[who.User])
			}
			if !full && !was && !lower && err != nil {
				t.Fatalf("%+v is refused at %v: %v", who, now, err)
			}
		}
	})
}

func TestRevocationsFromManySides(t *testing.T) {
	var r Revocations
	var wg sync.WaitGroup
	now := time.Unix(1_800_000_000, 0)
	for i := range 8 {
		wg.Go(func() {
			for n := range 500 {
				login := id.Session(fmt.Sprint(i, n))
				r.EndLogin(login, now.Add(time.Duration(n)*time.Second))
				if err := r.Check(Identity{Session: login, Expires: now.Add(time.Hour)}); !errors.Is(err, ErrSessionEnded) && n > 250 {
					t.Errorf("%s: %v", login, err)
				}
				r.Forget(now.Add(250 * time.Second))
			}
		})
	}
	wg.Wait()
	if n := r.Len(); n != 8*249 {
		t.Errorf("%d are left", n)
	}
}

func BenchmarkRevocationsCheck(b *testing.B) {
	var r Revocations
	now := time.Unix(1_800_000_000, 0)
	for n := range 100_000 {
		r.EndLogin(id.Session(fmt.Sprintf("%032x", n)), now.Add(time.Duration(n)*time.Millisecond))
	}
	who := Identity{User: "4503599627370497", Session: id.NewSession(), Expires: now.Add(time.Hour)}
	b.ReportAllocs()
	for b.Loop() {
		if err := r.Check(who); err != nil {
			b.Fatal(err)
		}
	}
}
