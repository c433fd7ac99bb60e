package rtmp

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/quota"
	"github.com/barrage-live/barrage/live"
)

func enter(a *admission, ip string) (*place, error) {
	return a.enter(&net.TCPAddr{IP: net.ParseIP(ip), Port: 1}, func(error) {})
}

func TestAdmission(t *testing.T) {
	a := newAdmission(Config{MaxConns: 2, MaxUnverified: 5})
	must := func(p *place, err error) *place {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	oldest := must(enter(a, "192.0.2.9"))
	var ps []*place
	for range 4 {
		ps = append(ps, must(enter(a, "192.0.2.1")))
	}
	if _, err := enter(a, "192.0.2.1"); !errors.Is(err, quota.ErrCrowded) {
		t.Errorf("a fifth of one address: %v", err)
	}
	ps = append(ps, must(enter(a, "203.0.113.3")))
	if err := oldest.verify("o"); !errors.Is(err, quota.ErrGaveWay) {
		t.Errorf("the sixth of all pushes out the oldest of the fullest network: %v", err)
	}
	if err := errors.Join(ps[0].verify("a"), ps[1].verify("b")); err != nil {
		t.Fatal(err)
	}
	if err := ps[2].verify("c"); !errors.Is(err, errTooMany) {
		t.Errorf("a third publisher: %v", err)
	}
	ps = append(ps, must(enter(a, "192.0.2.1"))) // the publishers of the address do not count
	ps[0].leave()
	if err := ps[2].verify("c"); err != nil {
		t.Errorf("a slot was given back: %v", err)
	}
	for _, p := range append(ps[1:], oldest) {
		p.leave()
	}
	if a.mu.publishers != 0 || a.strangers.Open() != 0 || len(a.mu.coming) != 0 {
		t.Errorf("left behind: %d publishers, %d others, %v", a.mu.publishers, a.strangers.Open(), a.mu.coming)
	}
}

// TestANewerOneOfAKeyNeedsNoSlot: when all slots are taken, who comes anew with the key of one that does not
// publish yet has that one's.
func TestANewerOneOfAKeyNeedsNoSlot(t *testing.T) {
	a := newAdmission(Config{MaxConns: 1}.filled())
	var ps []*place
	for range 3 {
		p, err := enter(a, "192.0.2.1")
		if err != nil {
			t.Fatal(err)
		}
		if err := p.verify("a"); err != nil {
			t.Fatal(err)
		}
		ps = append(ps, p)
	}
	p, err := enter(a, "192.0.2.1")
	if err != nil {
		t.Fatal(err)
	}
	if err := p.verify("b"); !errors.Is(err, errTooMany) || a.mu.publishers != 1 {
		t.Errorf("another key: %v, %d publishers", err, a.mu.publishers)
	}
	for _, p := range ps[:2] {
		p.leave()
	}
	if err := p.verify("b"); !errors.Is(err, errTooMany) {
		t.Errorf("when the older ones are gone: %v", err)
	}
	ps[2].leave()
	if err := p.verify("b"); err != nil || a.mu.publishers != 1 {
		t.Errorf("when the last one is gone: %v, %d publishers", err, a.mu.publishers)
	}
	p.leave()
}

// TestOneOfAKeyIsComing: a newer connection of a key ends the older one that does not publish yet, and leaves
// alone the one that does and those of other keys.
func TestOneOfAKeyIsComing(t *testing.T) {
	a := newAdmission(Config{}.filled())
	came := func(key string) (p *place, ended *error) {
		ended = new(error)
		p, err := a.enter(&net.TCPAddr{IP: net.IPv4(192, 0, 2, 1)}, func(cause error) { *ended = cause })
		if err == nil {
			err = p.verify(key)
		}
		if err != nil {
			t.Fatal(err)
		}
		return p, ended
	}
	first, firstEnded := came("a")
	other, otherEnded := came("b")
	first.publishes()
	second, secondEnded := came("a")
	third, thirdEnded := came("a")
	if *firstEnded != nil || *otherEnded != nil || *thirdEnded != nil || !errors.Is(*secondEnded, live.ErrTakenOver) {
		t.Errorf("ended: %v, %v, %v, %v", *firstEnded, *otherEnded, *secondEnded, *thirdEnded)
	}
	second.leave() // the third is still the one that comes
	if _, _ = came("a"); !errors.Is(*thirdEnded, live.ErrTakenOver) {
		t.Errorf("the third: %v", *thirdEnded)
	}
	for _, p := range []*place{first, other, third} {
		p.leave()
	}
	if a.mu.publishers != 1 || len(a.mu.coming) != 1 {
		t.Errorf("%d publishers and %d that come, one is left", a.mu.publishers, len(a.mu.coming))
	}
}

// TestWrongKeysAreCounted: after a burst of keys that are none an address is heard no longer, until a while
// later. Good ones, and those nobody can judge, do not count.
func TestWrongKeysAreCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAdmission(Config{}.filled())
		for i := range 1000 {
			if err := errors.Join(show(t, a, "192.0.2.1", "good", nil), show(t, a, "192.0.2.1", "who knows", errDown)); !errors.Is(err, errDown) || errors.Is(err, errTooManyKeys) {
				t.Fatalf("try %d: %v", i, err)
			}
		}
		heard := 0
		for i := range 1000 {
			if errors.Is(show(t, a, "192.0.2.1", fmt.Sprint("wrong ", i), errWrong), errWrong) {
				heard++
			}
		}
		if heard != int(wrongKeys().Burst) {
			t.Errorf("%d were heard", heard)
		}
		if err := show(t, a, "192.0.2.1", "new", nil); !errors.Is(err, errTooManyKeys) {
			t.Errorf("a new key from there: %v", err)
		}
		if err := show(t, a, "192.0.2.2", "new", nil); err != nil {
			t.Errorf("a new key from next door: %v", err)
		}
		time.Sleep(2 * time.Second)
		if err := show(t, a, "192.0.2.1", "another that is new", nil); err != nil {
			t.Errorf("a while later: %v", err)
		}
	})
}

// TestWrongKeysKeepNoPublisherOut: a key that was good is heard through a flood of wrong ones from its own
// address, and until it is revoked.
func TestWrongKeysKeepNoPublisherOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAdmission(Config{}.filled())
		if err := show(t, a, "192.0.2.1", "good", nil); err != nil {
			t.Fatal(err)
		}
		for i := range 2 * maxJudged { // from everywhere, so that they are all asked about, and remembered
			_ = show(t, a, fmt.Sprintf("10.%d.%d.%d", i>>16, i>>8&255, i&255), fmt.Sprint("wrong ", i), errWrong)
		}
		for range 2 * int(wrongKeys().Burst) {
			_ = show(t, a, "192.0.2.1", "wrong "+rand.Text(), errWrong)
		}
		if n := len(a.judged.mu.wrong.young) + len(a.judged.mu.wrong.old); n > maxJudged || n < maxJudged/2 {
			t.Errorf("%d wrong keys are remembered", n)
		}
		if err := show(t, a, "192.0.2.1", "good", nil); err != nil {
			t.Errorf("through the flood: %v", err)
		}
		if err := show(t, a, "192.0.2.1", "good", errWrong); !errors.Is(err, errWrong) {
			t.Errorf("once it is revoked: %v", err)
		}
		time.Sleep(wrongLasts)
		for range 3 * int(wrongKeys().Burst) {
			_ = show(t, a, "192.0.2.1", "flood "+rand.Text(), errWrong)
		}
		if err := show(t, a, "192.0.2.1", "good", errWrong); !errors.Is(err, errTooManyKeys) {
			t.Errorf("a revoked one is like any other: %v", err)
		}
	})
}

// TestAWrongKeyIsAskedOnce: an encoder that shows the same wrong key again and again costs neither reads nor
// what its neighbours may show; after a minute it is asked about once more.
func TestAWrongKeyIsAskedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAdmission(Config{}.filled())
		asked := 0
		p, err := enter(a, "192.0.2.1")
		if err != nil {
			t.Fatal(err)
		}
		again := func() {
			for range 100 {
				if err := p.try(t.Context(), "wrong", func() error { asked++; return errWrong }); !errors.Is(err, errWrong) {
					t.Fatal(err)
				}
			}
		}
		again()
		if err := show(t, a, "192.0.2.1", "good", nil); err != nil || asked != 1 {
			t.Errorf("asked %d times; a neighbour: %v", asked, err)
		}
		time.Sleep(wrongLasts)
		if again(); asked != 2 {
			t.Errorf("a minute later: asked %d times", asked)
		}
	})
}

// TestWhatJudgesNothing: a key about which nobody could tell is asked about again, and a good one stays one;
// a wrong answer that comes before a good one is forgotten; and a good key gives nobody anything to spend.
func TestWhatJudgesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAdmission(Config{}.filled())
		for _, answer := range []error{errDown, nil, errDown} {
			if err := show(t, a, "192.0.2.1", "good", answer); !errors.Is(err, answer) {
				t.Errorf("answered %v, got %v", answer, err)
			}
		}
		for range 2 * int(wrongKeys().Burst) {
			_ = show(t, a, "192.0.2.1", "wrong "+rand.Text(), errWrong)
		}
		for range 100 {
			if err := show(t, a, "192.0.2.1", "good", nil); err != nil {
				t.Fatalf("a good one after an outage: %v", err)
			}
		}
		if err := show(t, a, "192.0.2.1", "new", nil); !errors.Is(err, errTooManyKeys) {
			t.Errorf("a new one after many good ones: %v", err)
		}
		a.judged.learn(digestOf("both"), errWrong)
		a.judged.learn(digestOf("both"), nil)
		if good, wrong := a.judged.look(digestOf("both")); !good || wrong != nil {
			t.Errorf("good after wrong: %v, %v", good, wrong)
		}
	})
}

// TestRecent: what was put or got stays through half of what it holds, and what was dropped is gone from both
// halves.
func TestRecent(t *testing.T) {
	r := newRecent[int]()
	key := func(i int) digest { return sha256.Sum256(fmt.Append(nil, i)) }
	r.put(key(0), 7)
	for i := range 10 * maxJudged {
		r.put(key(i+1), i)
		if i%(maxJudged/4) == 0 {
			if v, ok := r.get(key(0)); !ok || v != 7 {
				t.Fatalf("gone after %d others", i)
			}
		}
	}
	if _, ok := r.get(key(1)); ok {
		t.Error("the first of the others is still there")
	}
	r.put(key(0), 8) // in both halves, if the halves have changed since
	if r.drop(key(0)); len(r.young)+len(r.old) > maxJudged {
		t.Errorf("it holds %d", len(r.young)+len(r.old))
	}
	if v, ok := r.get(key(0)); ok {
		t.Errorf("dropped, and %d is there", v)
	}
}

// TestWhoGaveWayTakesNoSlot: one whose place was needed a moment ago leaves an older one of its key alone.
func TestWhoGaveWayTakesNoSlot(t *testing.T) {
	a := newAdmission(Config{MaxConns: 2, MaxUnverified: 1}.filled())
	older, err := enter(a, "192.0.2.1")
	if err != nil {
		t.Fatal(err)
	}
	if err := older.verify("a"); err != nil {
		t.Fatal(err)
	}
	late, err := enter(a, "192.0.2.2")
	if err != nil {
		t.Fatal(err)
	}
	other, err := enter(a, "192.0.2.3")
	if err != nil {
		t.Fatal(err)
	}
	if err := late.verify("a"); !errors.Is(err, quota.ErrGaveWay) {
		t.Errorf("one that gave way: %v", err)
	}
	for _, p := range []*place{late, other, older} {
		p.leave()
	}
	if a.mu.publishers != 0 || len(a.mu.coming) != 0 {
		t.Errorf("%d publishers, %d coming", a.mu.publishers, len(a.mu.coming))
	}
}

// TestWhoIsCutOffHasPaid: a connection that has to give way while its key is asked about gets nothing back.
func TestWhoIsCutOffHasPaid(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAdmission(Config{}.filled())
		heard := 0
		for i := range 1000 {
			p, err := enter(a, "192.0.2.1")
			if err != nil {
				t.Fatal(err)
			}
			ctx, cut := context.WithCancel(t.Context())
			err = p.try(ctx, fmt.Sprint("wrong ", i), func() error { heard++; cut(); return fault.From(ctx.Err()) })
			if p.leave(); err == nil {
				t.Fatal("it is good")
			}
		}
		if heard != int(wrongKeys().Burst) {
			t.Errorf("%d were heard", heard)
		}
		ctx, cut := context.WithCancel(t.Context())
		defer cut()
		for i := range 1000 { // who had its answer has not paid for it
			p, err := enter(a, "203.0.113.1")
			if err != nil {
				t.Fatal(err)
			}
			err = p.try(ctx, fmt.Sprint("good ", i), func() error { cut(); return nil })
			if p.leave(); err != nil {
				t.Fatalf("good key %d: %v", i, err)
			}
		}
	})
}

var (
	errWrong = fault.New(fault.Unauthenticated, "bad_stream_key", "the stream key is wrong")
	errDown  = fault.New(fault.Unavailable, "draining", "nobody can tell")
)

// show lets a connection from ip show a key, about which the answer is given.
func show(t *testing.T, a *admission, ip, key string, answer error) error {
	t.Helper()
	p, err := enter(a, ip)
	if err != nil {
		t.Fatal(err)
	}
	defer p.leave()
	return p.try(t.Context(), key, func() error { return answer })
}
