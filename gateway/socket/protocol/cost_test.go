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
		{`{"join":{"room":"42","history":100}}`, 12},
		{`{"join":{"room":"42","history":4000000000}}`, 17},
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
	if !Private(&wirepb.ClientFrame{Body: &wirepb.ClientFrame_Ping{Ping: &wirepb.Ping{}}}) {
		t.Error("a ping counts against others")
	}
}
