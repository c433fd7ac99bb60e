package rtmp

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/barrage-live/barrage/internal/media"
	"github.com/barrage-live/barrage/internal/media/mediatest"
)

func made(tracks []media.Track) *toStream {
	return newToStream(tracks, NewMetrics(prometheus.NewRegistry()), func(time.Time) {})
}

// TestAUnitHoldsWhatItsSizeSays: readers are kept apart from the publisher by so many bytes of units, so a
// message must not be held for a unit that counts for less. A message that is nothing but its units is not
// copied.
func TestAUnitHoldsWhatItsSizeSays(t *testing.T) {
	idr := []byte{0, 0, 0, 2, 0x65, 0x81}
	sets := slices.Concat([]byte{0, 0, 0, byte(len(mediatest.SPS()))}, mediatest.SPS(), []byte{0, 0, 0, byte(len(mediatest.PPS()))}, mediatest.PPS())
	for name, c := range map[string]struct {
		body []byte
		held bool
	}{
		"one unit":                     {slices.Clone(idr), true},
		"units without a length":       {slices.Concat(make([]byte, 1<<20), idr), false},
		"one of them after the others": {slices.Concat(idr, make([]byte, 4)), false},
	} {
		to := made(mediatest.Source{}.Tracks())
		u, ok := to.picture(time.Now(), &piece{codec: media.H264, body: c.body})
		if !ok || !u.Key {
			t.Fatalf("%s: %v, %+v", name, ok, u)
		}
		clear(c.body)
		if last := u.Data[len(u.Data)-1]; (last[0] == 0) != c.held {
			t.Errorf("%s: the unit holds the message: %v", name, !c.held)
		}
	}
	to := made([]media.Track{{Config: mediatest.Config(mediatest.OtherSPS(), mediatest.PPS())}})
	body := slices.Concat(sets, idr)
	if u, ok := to.picture(time.Now(), &piece{codec: media.H264, body: body}); !ok || u.Config == nil {
		t.Fatalf("new parameter sets are not seen: %+v", u)
	}
	clear(body)
	if u, ok := to.picture(time.Now(), &piece{codec: media.H264, body: slices.Clone(idr)}); !ok || !slices.Equal(u.Data[0], mediatest.SPS()) || !slices.Equal(u.Data[1], mediatest.PPS()) {
		t.Error("the parameter sets hold the message they came in")
	}
}

// TestPicturesInSeveralMessages: where the slices of a picture come one by one, whole pictures go on, each
// when the next one begins; the first one that came so has gone without its rest.
func TestPicturesInSeveralMessages(t *testing.T) {
	to := made(mediatest.Source{}.Tracks())
	var got []media.Unit
	show := func(at time.Duration, nals ...[]byte) {
		var body []byte
		for _, n := range nals {
			body = append(append(body, 0, 0, 0, byte(len(n))), n...)
		}
		if u, ok := to.picture(time.Now(), &piece{codec: media.H264, dts: at, pts: at, body: body}); ok {
			got = append(got, u)
		}
	}
	const frame = 40 * time.Millisecond
	for i := range 10 {
		show(time.Duration(i)*frame, []byte{9, 0xf0}, []byte{0x41, 0x80, 1})
		show(time.Duration(i)*frame, []byte{0x41, 0x40, 2})
		show(time.Duration(i)*frame, []byte{0x41, 0x20, 3}, []byte{0x41, 0x10, 4})
	}
	if len(got) != 9 {
		t.Fatalf("%d pictures", len(got))
	}
	for i, u := range got {
		if n := len(u.Data); u.DTS != time.Duration(i)*frame || (i > 0 && n != 5) {
			t.Errorf("picture %d: at %v, %d NAL units", i, u.DTS, n)
		}
	}
	to.held.size = maxMessage
	show(9*frame, []byte{0x41, 0x40, 2})
	if len(to.held.data) != 5 {
		t.Errorf("a picture of more than %d bytes goes on", maxMessage)
	}
	to.held.size = 5
	show(9*frame, slices.Repeat([][]byte{{0x41, 0x40, 2}}, maxSlices-4)...)
	if len(to.held.data) != 5 {
		t.Errorf("a picture goes on to %d slices", len(to.held.data))
	}
	show(12*frame, []byte{0x41, 0x40, 2}) // another time: a picture that begins oddly
	if u, ok := to.release(); len(got) != 10 || !ok || u.DTS != 12*frame {
		t.Errorf("%d pictures, then %+v", len(got), u)
	}
}

// TestEachUnitInAMessage: an encoder that sends every NAL unit in a message of its own has as many pictures
// as it says, with what stood before them; one that is held belongs to the configuration it came under.
func TestEachUnitInAMessage(t *testing.T) {
	to := made(mediatest.Source{}.Tracks())
	const frame = 40 * time.Millisecond
	var got []media.Unit
	keep := func(u media.Unit, ok bool) {
		if ok {
			got = append(got, u)
		}
	}
	begin := time.Now()
	for i := range 4 {
		for k, n := range [][]byte{{9, 0xf0}, mediatest.SPS(), mediatest.PPS(), {0x65, 0x80, 1}, {0x65, 0x40, 2}} {
			body := append([]byte{0, 0, 0, byte(len(n))}, n...)
			at := time.Duration(i) * frame
			keep(to.picture(begin.Add(at+time.Duration(k)*time.Millisecond), &piece{codec: media.H264, dts: at, pts: at, body: body}))
		}
	}
	// The next configuration comes while a picture is held.
	keep(to.videoPiece(begin, &piece{codec: media.H264, header: true, config: mediatest.Config(mediatest.OtherSPS(), mediatest.PPS())}))
	if len(got) != 4 {
		t.Fatalf("%d pictures", len(got))
	}
	for i, u := range got {
		last := time.Duration(i)*frame + 4*time.Millisecond
		switch {
		case !u.Key || u.Config != nil || u.DTS != time.Duration(i)*frame:
			t.Errorf("picture %d: %+v", i, u)
		case i > 0 && (len(u.Data) != 5 || !u.Arrival.Equal(begin.Add(last))):
			t.Errorf("picture %d has %d NAL units and arrived after %v", i, len(u.Data), u.Arrival.Sub(begin))
		}
	}
}

// TestLengthsAndStartCodes: NAL units come with lengths of any size that the header tells, or as a byte
// stream whatever it tells.
func TestLengthsAndStartCodes(t *testing.T) {
	long := bytes.Repeat([]byte{0x41}, 300)
	for name, c := range map[string]struct {
		body    []byte
		lengths int
		want    int // NAL units; 0: it cannot be read
	}{
		"four bytes":           {[]byte{0, 0, 0, 2, 0x41, 1, 0, 0, 0, 1, 9}, 4, 2},
		"three bytes":          {[]byte{0, 0, 2, 0x41, 1, 0, 0, 1, 9}, 3, 2},
		"two bytes":            {slices.Concat([]byte{1, 44}, long, []byte{0, 1, 9}), 2, 2},
		"one byte":             {[]byte{2, 0x41, 1, 1, 9}, 1, 2},
		"a byte stream":        {slices.Concat([]byte{0, 0, 0, 1, 9, 0xf0, 0, 0, 1}, long), 4, 2},
		"short start codes":    {slices.Concat([]byte{0, 0, 1}, long, []byte{0, 0, 1, 9}), 4, 2},
		"a length too long":    {[]byte{0, 0, 0, 3, 0x41, 1}, 4, 0},
		"half a length":        {[]byte{0, 0, 0, 1, 9, 0, 0}, 4, 1}, // as a byte stream
		"lengths and no units": {[]byte{0, 0, 0, 0}, 4, 0},
		"nothing":              {nil, 4, 0},
		"a length of 4 GiB":    {[]byte{0xff, 0xff, 0xff, 0xff, 1}, 4, 0},
	} {
		list, between, ok := nalUnits(c.body, c.lengths)
		if ok != (c.want > 0) || len(list) != c.want {
			t.Errorf("%s: %d units, %v", name, len(list), ok)
		}
		sum := between
		for _, n := range list {
			sum += len(n)
		}
		if ok && sum < len(c.body) {
			t.Errorf("%s: %d bytes of %d are told", name, sum, len(c.body))
		}
	}
}
