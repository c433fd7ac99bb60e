package protocol

import (
	"testing"

	"github.com/barrage-live/barrage/internal/wire"
	"github.com/barrage-live/barrage/internal/wire/wirepb"
)

func TestCost(t *testing.T) {
	for _, c := range []struct {
		request string
		cost    float64
	}{
		{`{"ping":{}}`, 1},
		{`{"leave":{"room":"42"}}`, 1},
		{`{"post":{"room":"42","key":"k","text":"x"}}`, 1},
		{`{"auth":{"token":"x"}}`, 10},
		{`{"join":{"room":"42"}}`, 2},
		{`{"join":{"room":"42","since":{}}}`, 7},
		{`{"join":{"room":"42","history":100}}`, 8},
		{`{"join":{"room":"42","history":4000000000}}`, 9},
		{`{"history":{"room":"42"}}`, 7.5},
		{`{"history":{"room":"42","limit":200}}`, 15},
		{`{"history":{"room":"42","limit":4000000000}}`, 15},
		{`{"dance":{}}`, 1},
		{`nonsense`, 1},
	} {
		f, _ := wire.Decode(wire.JSON, []byte(c.request))
		if got := Cost(f); got != c.cost {
			t.Errorf("%s costs %v, want %v", c.request, got, c.cost)
		}
	}
	for n, cost := range map[int]float64{0: 0, 256: 0, 512: 1, 8192: 31} {
		if got := CostBytes(n); got != cost {
			t.Errorf("%d bytes cost %v, want %v", n, got, cost)
		}
	}
	if ping := (&wirepb.ClientFrame{Body: &wirepb.ClientFrame_Ping{Ping: &wirepb.Ping{}}}); !Private(ping, 64) || Private(ping, 65) {
		t.Error("a ping counts against others, or one that says more does not")
	}
}

// TestComingBackToSomeRoomsIsWithinTheBurst: who missed 1,000 danmaku in each of three rooms, and asks page
// by page as the specification says, is refused nothing.
func TestComingBackToSomeRoomsIsWithinTheBurst(t *testing.T) {
	const burst, rooms, missed, page = 150, 3, 1000, 280 // danmaku of 170 bytes fill a page of 48 KiB
	join, err := wire.Decode(wire.JSON, []byte(`{"join":{"room":"42","since":{"epoch":"1","offset":"5"},"history":100}}`))
	if err != nil {
		t.Fatal(err)
	}
	cost := 0.0
	for range rooms {
		for left := missed; left > 0; left -= page {
			cost += Cost(join) + CostRecovered(min(left, page))
		}
	}
	if cost > burst {
		t.Errorf("coming back costs %v of %d", cost, burst)
	}
}
