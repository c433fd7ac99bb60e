package quota

import (
	"fmt"
	"net/netip"
	"testing"
	"time"
)

func TestBucket(t *testing.T) {
	r := Rate{PerSecond: 2, Burst: 5}
	var b Bucket
	for i := range 5 {
		if !b.Take(0, r, 1) {
			t.Fatalf("token %d of the burst is missing", i)
		}
	}
	if b.Take(0, r, 1) {
		t.Error("more than the burst")
	}
	if b.Take(499*time.Millisecond, r, 1) {
		t.Error("a token came early")
	}
	if !b.Take(501*time.Millisecond, r, 1) || b.Take(502*time.Millisecond, r, 1) {
		t.Error("not one token after half a second")
	}
	if b.Full(time.Second, r) || !b.Full(time.Minute, r) {
		t.Error("Full is wrong")
	}
}

func TestBucketWeighs(t *testing.T) {
	r := Rate{PerSecond: 1, Burst: 10}
	var b Bucket
	if !b.Take(0, r, 8) || b.Take(0, r, 3) || !b.Take(0, r, 2) {
		t.Error("a cost of 8 and 2 is a burst of 10, and 3 is refused between them and takes nothing")
	}
	b.Charge(0, r, 5)
	if b.Take(5*time.Second, r, 1) || !b.Take(6*time.Second, r, 1) {
		t.Error("a debt of 5 is grown back in 5 s")
	}
	b.Charge(6*time.Second, r, 1000)
	if !b.Take(17*time.Second, r, 1) {
		t.Error("the debt is more than a burst")
	}
}

func TestRatesTakeFromAllOrNone(t *testing.T) {
	r := NewRates[string](10)
	small, large := Demand[string]{"small", Rate{1, 2}}, Demand[string]{"large", Rate{1, 4}}
	if !r.Take(0, 2, small, large) {
		t.Fatal("the burst is missing")
	}
	if r.Take(0, 1, large, small) {
		t.Error("more than the small one has")
	}
	if !r.Take(0, 2, large) {
		t.Error("what was refused has taken from the large one")
	}
	r.Charge(time.Minute, 3, large)
	if r.Take(time.Minute, 2, large) || !r.Take(time.Minute, 1, large) {
		t.Error("what was charged is still there")
	}
}

func TestNeighboursShareTheRateOfTheirNetwork(t *testing.T) {
	r := NewRates[netip.Prefix](1 << 10)
	took := map[string]int{}
	for i := range 2000 {
		for _, addr := range []string{fmt.Sprint("192.0.2.", i%250), "2001:db8::1", fmt.Sprintf("2001:db8:0:%x::1", i%256), fmt.Sprintf("2001:db8:1:%x::1", i)} {
			var dst [Levels]Demand[netip.Prefix]
			if a := netip.MustParseAddr(addr); r.Take(0, 1, Demands(&dst, a, Rate{1, 10})...) {
				var around [Levels]netip.Prefix
				levels := Around(&around, a)
				took[levels[len(levels)-1].String()]++
			}
		}
	}
	want := map[string]int{"192.0.2.0/24": 40, "2001:db8::/48": 40, "2001:db8:1::/48": 160}
	for network, n := range want {
		if took[network] != n {
			t.Errorf("%s took %d, want %d", network, took[network], n)
		}
	}
}

func TestRatesRememberABoundedNumber(t *testing.T) {
	const most = 100
	r := NewRates[int](most)
	rate := Rate{1, 2}
	for i := range 2 * most {
		r.Take(time.Millisecond, 1, Demand[int]{i, rate})
	}
	if len(r.mu.buckets) > most {
		t.Errorf("%d keys", len(r.mu.buckets))
	}
	if r.Take(time.Millisecond, 1, Demand[int]{10 * most, rate}) {
		t.Error("those that came when it was full do not share a bucket")
	}
	if !r.Take(time.Minute, 1, Demand[int]{1000 * most, rate}) {
		t.Error("refused after a minute of peace")
	}
	if len(r.mu.buckets) != 1 {
		t.Errorf("%d keys are remembered for nothing", len(r.mu.buckets))
	}
}
