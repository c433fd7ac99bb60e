package rtmp

import (
	"errors"
	"net"
	"testing"
)

func TestPrefix(t *testing.T) {
	for addr, want := range map[string]string{
		"192.0.2.7:1935":               "192.0.2.7/32",
		"[::ffff:192.0.2.7]:1935":      "192.0.2.7/32",
		"[2001:db8:1:2:3:4:5:6]:1935":  "2001:db8:1:2::/64",
		"[2001:db8:1:2:ffff::1]:50000": "2001:db8:1:2::/64",
		"[fe80::1%eth0]:1935":          "fe80::/64",
	} {
		tcp, err := net.ResolveTCPAddr("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		if got := prefix(tcp).String(); got != want {
			t.Errorf("%s: got %s, want %s", addr, got, want)
		}
	}
}

func TestAdmission(t *testing.T) {
	a := newAdmission(Config{MaxConns: 2, MaxUnverified: 3, MaxPerAddress: 2})
	enter := func(ip string) (*place, error) { return a.enter(&net.TCPAddr{IP: net.ParseIP(ip), Port: 1}) }
	must := func(p *place, err error) *place {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	refused := func(err error, why string) {
		t.Helper()
		if !errors.Is(err, errTooMany) {
			t.Errorf("%s: %v", why, err)
		}
	}
	first, second := must(enter("192.0.2.1")), must(enter("192.0.2.1"))
	_, err := enter("192.0.2.1")
	refused(err, "a third of one address")
	third := must(enter("192.0.2.2"))
	_, err = enter("192.0.2.3")
	refused(err, "a fourth of all")
	if err := errors.Join(first.verify(), second.verify()); err != nil {
		t.Fatal(err)
	}
	refused(third.verify(), "a third publisher")
	fourth := must(enter("192.0.2.1")) // the publishers of the address do not count
	first.leave()
	if err := third.verify(); err != nil {
		t.Errorf("a slot was given back: %v", err)
	}
	for _, p := range []*place{second, third, fourth} {
		p.leave()
	}
	if a.mu.publishers != 0 || a.mu.unverified != 0 || len(a.mu.byAddress) != 0 {
		t.Errorf("left behind: %d publishers, %d others, %v", a.mu.publishers, a.mu.unverified, a.mu.byAddress)
	}
}
