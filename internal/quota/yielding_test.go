package quota

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// guest holds a place of Yielding until it has to give way, which it does at once.
type guest struct {
	place *Waiting
	out   bool
}

func arrive(y *Yielding, addr string) (*guest, error) {
	g := &guest{}
	var err error
	g.place, err = y.Take(netip.MustParseAddr(addr), func() {
		g.out = true
		g.place.Give()
	})
	return g, err
}

// TestFewNetworksPushOutThemselves: whose network has few places keeps its own through a flood without end of
// others that have many, and so do its neighbours.
func TestFewNetworksPushOutThemselves(t *testing.T) {
	for _, c := range []struct {
		name   string
		flood  func(i int) string
		honest []string
	}{
		{"23 /24s of 3 hosts", func(i int) string { return fmt.Sprintf("10.0.%d.%d", i%23, i/23%3) }, []string{"192.0.2.1", "192.0.2.2", "2001:db8::1"}},
		{"a walk through one /24", func(i int) string { return fmt.Sprintf("192.0.2.%d", i%250) }, []string{"192.0.3.1"}},
		{"21 /48s of 3 hosts", func(i int) string { return fmt.Sprintf("2001:db8:%x:%x00::1", i%21, i/21%3) }, []string{"2001:db8:ff::1", "192.0.2.1"}},
		{"a house and its neighbours", func(i int) string { return fmt.Sprintf("2001:db8:0:%x::1", i%256) }, []string{"2001:db8:0:100::1", "2001:db8:0:ff00::1"}},
		{"ten /64s and another of the same house", func(i int) string { return fmt.Sprintf("2001:db8:0:%x::%x", i%10, i) }, []string{"2001:db8:0:ff::1"}},
		{"240 networks", func(i int) string { return fmt.Sprintf("10.0.%d.%d", i%240, i/240%250) }, []string{"192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			y := NewYielding(1000)
			for i := range 5000 {
				_, _ = arrive(y, c.flood(i))
			}
			for _, addr := range c.honest {
				g, err := arrive(y, addr)
				if err != nil {
					t.Fatalf("%s finds no place: %v", addr, err)
				}
				for i := range 5000 {
					_, _ = arrive(y, c.flood(i))
				}
				if g.out || !g.place.Give() {
					t.Errorf("%s had to give way", addr)
				}
			}
		})
	}
}

// TestWhoHasWaitedLongestGivesWay when every network holds as little, and nobody does while there is room.
func TestWhoHasWaitedLongestGivesWay(t *testing.T) {
	const total = 100
	y := NewYielding(total)
	var came []*guest
	for i := range 3 * total {
		g, err := arrive(y, fmt.Sprintf("10.%d.0.1", i%256))
		if err != nil {
			t.Fatal(err)
		}
		came = append(came, g)
		for j, g := range came {
			if g.out != (j <= i-total) {
				t.Fatalf("with %d come, number %d is out: %v", i+1, j, g.out)
			}
		}
	}
}

// TestOneAddressHoldsAnEighth, and is refused the next without anybody giving way.
func TestOneAddressHoldsAnEighth(t *testing.T) {
	y := NewYielding(100)
	var first *guest
	for i := range 20 {
		g, err := arrive(y, "192.0.2.1")
		if i == 0 {
			first = g
		}
		if refused := i >= 100/addressPart; refused != errors.Is(err, ErrCrowded) {
			t.Errorf("place %d: %v", i, err)
		}
	}
	if first.out || y.Open() != 100/addressPart {
		t.Errorf("%d are held, the first is out: %v", y.Open(), first.out)
	}
}

// TestThoseWhoStayThoughTheyGaveWayAreBounded: a newcomer is refused when as many as there are places gave
// way and are not gone, and finds a place as soon as one of them is.
func TestThoseWhoStayThoughTheyGaveWayAreBounded(t *testing.T) {
	const total = 8
	y := NewYielding(total)
	var stay []*Waiting
	take := func(i int) error {
		w, err := y.Take(netip.AddrFrom4([4]byte{10, byte(i), 0, 1}), func() {})
		if err == nil {
			stay = append(stay, w)
		}
		return err
	}
	for i := range 2 * total {
		if err := take(i); err != nil {
			t.Fatalf("number %d: %v", i, err)
		}
	}
	if err := take(100); !errors.Is(err, ErrFull) || y.Open() != 2*total {
		t.Fatalf("%d are there, the next: %v", y.Open(), err)
	}
	for range 2 { // the second time changes nothing
		if stay[0].Give() {
			t.Error("who gave way kept the place")
		}
	}
	if err := take(100); err != nil {
		t.Errorf("one is gone: %v", err)
	}
	if err := take(101); !errors.Is(err, ErrFull) {
		t.Errorf("another has not gone: %v", err)
	}
}

// TestYieldingIsCountedExactly takes and gives at random: what is held is what was not given, who gives way
// is of the network that holds most, and nothing is remembered of those who left.
func TestYieldingIsCountedExactly(t *testing.T) {
	addrs := []string{"192.0.2.1", "192.0.2.2", "198.51.100.1", "203.0.113.1", "2001:db8::1", "2001:db8:0:1::1", "2001:db8:0:100::1", "2001:db8:1::1", "::ffff:192.0.2.1"}
	rapid.Check(t, func(t *rapid.T) {
		total := rapid.IntRange(1, 40).Draw(t, "total")
		y := NewYielding(total)
		var held []*guest
		for range rapid.IntRange(1, 200).Draw(t, "steps") {
			if len(held) > 0 && rapid.IntRange(0, 3).Draw(t, "give") == 0 {
				i := rapid.IntRange(0, len(held)-1).Draw(t, "which")
				if !held[i].place.Give() {
					t.Fatal("who did not give way had no place")
				}
				held = slices.Delete(held, i, i+1)
			}
			g, err := arrive(y, rapid.SampledFrom(addrs).Draw(t, "addr"))
			if err != nil {
				continue
			}
			held = slices.DeleteFunc(append(held, g), func(g *guest) bool {
				if !g.out {
					return false
				}
				for _, h := range y.mu.holders {
					if h.around == nil && h.held > max(g.place.around[0].held+1, alike) {
						t.Fatalf("one of %d gave way, and %v holds %d", g.place.around[0].held+1, h.prefix, h.held)
					}
				}
				return true
			})
			if len(held) > total || y.Open() != len(held) {
				t.Fatalf("%d open of %d, %d held", y.Open(), total, len(held))
			}
		}
		for _, g := range held {
			g.place.Give()
		}
		if y.Open() != 0 || len(y.mu.holders) != 0 || y.mu.waiting.Len() != 0 {
			t.Fatalf("%d open and %d remembered at the end", y.Open(), len(y.mu.holders))
		}
	})
}

// BenchmarkYielding is a newcomer who finds all places taken.
func BenchmarkYielding(b *testing.B) {
	y := NewYielding(1000)
	for i := 0; b.Loop(); i++ {
		var w *Waiting
		w, _ = y.Take(netip.AddrFrom4([4]byte{10, byte(i >> 8), byte(i), 1}), func() { w.Give() })
	}
}
