package subnet

import (
	"net/netip"
	"testing"
)

func TestOf(t *testing.T) {
	for addr, want := range map[string]string{
		"192.0.2.7":          "192.0.2.7/32",
		"::ffff:192.0.2.7":   "192.0.2.7/32",
		"2001:db8:1:2:3::4":  "2001:db8:1:2::/64",
		"fe80::1%eth0":       "fe80::/64",
		"::1":                "::/64",
		"2001:db8:1:2::ffff": "2001:db8:1:2::/64",
	} {
		if got := Of(netip.MustParseAddr(addr)); got.String() != want {
			t.Errorf("%s counts as %s, want %s", addr, got, want)
		}
	}
	if got := Of(netip.Addr{}); got != (netip.Prefix{}) {
		t.Errorf("no address counts as %s", got)
	}
}

func TestCaller(t *testing.T) {
	trusted := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
	for _, c := range []struct {
		name, remote string
		forwarded    []string
		want         string
	}{
		{"direct", "198.51.100.7:5000", nil, "198.51.100.7"},
		{"a forged header", "198.51.100.7:5000", []string{"192.0.2.1"}, "198.51.100.7"},
		{"behind a proxy", "10.0.0.1:5000", []string{"192.0.2.1"}, "192.0.2.1"},
		{"behind two, with a forged part", "10.0.0.1:5000", []string{"203.0.113.1, 192.0.2.1", "10.0.0.2"}, "192.0.2.1"},
		{"a proxy that writes ports", "10.0.0.1:5000", []string{"192.0.2.1:40000, 10.0.0.2:80"}, "192.0.2.1"},
		{"a proxy that writes ports of IPv6", "10.0.0.1:5000", []string{"[2001:db8::1]:40000"}, "2001:db8::1"},
		{"brackets without a port", "10.0.0.1:5000", []string{"[2001:db8::1]"}, "2001:db8::1"},
		{"nonsense", "10.0.0.1:5000", []string{"unknown"}, "10.0.0.1"},
		{"nonsense before a proxy", "10.0.0.1:5000", []string{"192.0.2.1, unknown, 10.0.0.2"}, "10.0.0.2"},
		{"an empty header", "10.0.0.1:5000", []string{""}, "10.0.0.1"},
		{"a proxy's own request", "10.0.0.1:5000", nil, "10.0.0.1"},
		{"a zone", "[fe80::1%eth0]:5000", nil, "fe80::1"},
		{"no address", "pipe", []string{"192.0.2.1"}, "invalid IP"},
		{"IPv4 inside IPv6", "[::ffff:198.51.100.7]:5000", nil, "198.51.100.7"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := Caller(c.remote, c.forwarded, trusted); got.String() != c.want {
				t.Errorf("got %v, want %s", got, c.want)
			}
		})
	}
}
