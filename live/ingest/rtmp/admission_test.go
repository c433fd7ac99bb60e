package rtmp

import (
	"errors"
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

// TestWrongKeysAreCounted: after a burst of keys that are none an address is not heard, whatever it shows,
// until a while later. Good ones, and those nobody can judge, do not count.
func TestWrongKeysAreCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAdmission(Config{}.filled())
		wrong := fault.New(fault.Unauthenticated, "bad_stream_key", "the stream key is wrong")
		down := fault.New(fault.Unavailable, "draining", "nobody can tell")
		show := func(ip string, answer error) error {
			p, err := enter(a, ip)
			if err != nil {
				t.Fatal(err)
			}
			defer p.leave()
			return p.try(func() error { return answer })
		}
		for i := range 1000 {
			if err := errors.Join(show("192.0.2.1", nil), show("192.0.2.1", down)); !errors.Is(err, down) || errors.Is(err, errTooManyKeys) {
				t.Fatalf("try %d: %v", i, err)
			}
		}
		heard := 0
		for range 1000 {
			if errors.Is(show("192.0.2.1", wrong), wrong) {
				heard++
			}
		}
		if heard != int(wrongKeys().Burst) || !errors.Is(show("192.0.2.1", nil), errTooManyKeys) || show("192.0.2.2", nil) != nil {
			t.Errorf("%d were heard", heard)
		}
		time.Sleep(2 * time.Second)
		if err := show("192.0.2.1", nil); err != nil {
			t.Errorf("a while later: %v", err)
		}
	})
}
