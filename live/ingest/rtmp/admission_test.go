package rtmp

import (
	"errors"
	"fmt"
	"net"
	"testing"

	"github.com/barrage-live/barrage/internal/quota"
)

func enter(a *admission, ip string) (*place, error) {
	return a.enter(&net.TCPAddr{IP: net.ParseIP(ip), Port: 1})
}

func TestAdmission(t *testing.T) {
	a := newAdmission(Config{MaxConns: 2, MaxUnverified: 3})
	must := func(p *place, err error) *place {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	first, second := must(enter(a, "192.0.2.1")), must(enter(a, "192.0.2.1"))
	if _, err := enter(a, "192.0.2.1"); !errors.Is(err, quota.ErrCrowded) {
		t.Errorf("a third of one address: %v", err)
	}
	third := must(enter(a, "192.0.2.2"))
	if _, err := enter(a, "203.0.113.3"); !errors.Is(err, quota.ErrFull) {
		t.Errorf("a fourth of all: %v", err)
	}
	if err := errors.Join(first.verify(), second.verify()); err != nil {
		t.Fatal(err)
	}
	if err := third.verify(); !errors.Is(err, errTooMany) {
		t.Errorf("a third publisher: %v", err)
	}
	fourth := must(enter(a, "192.0.2.1")) // the publishers of the address do not count
	first.leave()
	if err := third.verify(); err != nil {
		t.Errorf("a slot was given back: %v", err)
	}
	for _, p := range []*place{second, third, fourth} {
		p.leave()
	}
	if a.mu.publishers != 0 || a.strangers.Open() != 0 {
		t.Errorf("left behind: %d publishers, %d others", a.mu.publishers, a.strangers.Open())
	}
}

// TestANetworkOfStrangersKeepsNobodyOut: however many addresses a network has, and whether ten of them come,
// others find a place.
func TestANetworkOfStrangersKeepsNobodyOut(t *testing.T) {
	a := newAdmission(Config{}.filled())
	for network := range 5 {
		for host := range 254 {
			for range 20 {
				_, _ = enter(a, fmt.Sprintf("192.0.%d.%d", network, host))
				_, _ = enter(a, fmt.Sprintf("2001:db8:%d:%x::1", network, host))
			}
		}
	}
	for range strangersLeast {
		if _, err := enter(a, "203.0.113.9"); err != nil {
			t.Errorf("an encoder elsewhere, with %d places taken: %v", a.strangers.Open(), err)
		}
	}
}
