package rtmp

import (
	"errors"
	"net"
	"testing"

	"github.com/barrage-live/barrage/internal/quota"
)

func enter(a *admission, ip string) (*place, error) {
	return a.enter(&net.TCPAddr{IP: net.ParseIP(ip), Port: 1}, func() {})
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
	if err := oldest.verify(); !errors.Is(err, quota.ErrGaveWay) {
		t.Errorf("the sixth of all pushes out the oldest of the fullest network: %v", err)
	}
	if err := errors.Join(ps[0].verify(), ps[1].verify()); err != nil {
		t.Fatal(err)
	}
	if err := ps[2].verify(); !errors.Is(err, errTooMany) {
		t.Errorf("a third publisher: %v", err)
	}
	ps = append(ps, must(enter(a, "192.0.2.1"))) // the publishers of the address do not count
	ps[0].leave()
	if err := ps[2].verify(); err != nil {
		t.Errorf("a slot was given back: %v", err)
	}
	for _, p := range append(ps[1:], oldest) {
		p.leave()
	}
	if a.mu.publishers != 0 || a.strangers.Open() != 0 {
		t.Errorf("left behind: %d publishers, %d others", a.mu.publishers, a.strangers.Open())
	}
}
