package rtmp

import (
	"slices"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/barrage-live/barrage/internal/media"
	"github.com/barrage-live/barrage/internal/media/mediatest"
)

// TestAUnitHoldsWhatItsSizeSays: readers are kept apart from the publisher by so many bytes of units, so a
// message must not be held for a unit that counts for less. A message that is nothing but its units is not
// copied.
func TestAUnitHoldsWhatItsSizeSays(t *testing.T) {
	idr := []byte{0, 0, 0, 2, 0x65, 1}
	sets := slices.Concat([]byte{0, 0, 0, byte(len(mediatest.SPS()))}, mediatest.SPS(), []byte{0, 0, 0, byte(len(mediatest.PPS()))}, mediatest.PPS())
	for name, c := range map[string]struct {
		body []byte
		held bool
	}{
		"one unit":                     {slices.Clone(idr), true},
		"units without a length":       {slices.Concat(make([]byte, 1<<20), idr), false},
		"one of them after the others": {slices.Concat(idr, make([]byte, 4)), false},
	} {
		to := newToStream(mediatest.Source{}.Tracks(), NewMetrics(prometheus.NewRegistry()))
		u, ok := to.picture(time.Now(), &piece{codec: media.H264, body: c.body})
		if !ok || !u.Key {
			t.Fatalf("%s: %v, %+v", name, ok, u)
		}
		clear(c.body)
		if last := u.Data[len(u.Data)-1]; (last[0] == 0) != c.held {
			t.Errorf("%s: the unit holds the message: %v", name, !c.held)
		}
	}
	to := newToStream([]media.Track{{Config: mediatest.Config(mediatest.OtherSPS(), mediatest.PPS())}}, NewMetrics(prometheus.NewRegistry()))
	body := slices.Concat(sets, idr)
	if u, ok := to.picture(time.Now(), &piece{codec: media.H264, body: body}); !ok || u.Config == nil {
		t.Fatalf("new parameter sets are not seen: %+v", u)
	}
	clear(body)
	if u, ok := to.picture(time.Now(), &piece{codec: media.H264, body: slices.Clone(idr)}); !ok || !slices.Equal(u.Data[0], mediatest.SPS()) || !slices.Equal(u.Data[1], mediatest.PPS()) {
		t.Error("the parameter sets hold the message they came in")
	}
}
