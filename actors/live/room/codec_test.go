package room

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/barrage-live/barrage/actors/live/room/roompb"
	"github.com/barrage-live/barrage/internal/id"
	"github.com/barrage-live/barrage/internal/position"
)

// sample is the same in every run: its bytes are held to testdata/rows.golden.
func sample() Danmaku {
	return Danmaku{
		Position: position.Position{Epoch: 3, Offset: 258}, Key: "k-1", User: "81985529216486", Name: "Ann", Text: "弹幕 ✓",
		Mode: Top, Colour: 0xFF8800, Size: Large, MediaTime: 61_250 * time.Millisecond,
		At: time.UnixMilli(1_795_262_400_123).UTC(), Broadcast: "0123456789abcdef0123456789abcdef",
	}
}

// TestGolden holds the rows to the bytes that earlier versions wrote. A change of the file is a change of
// the format.
func TestGolden(t *testing.T) {
	var b strings.Builder
	line := func(name string, key, value []byte, err error) {
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&b, "%s\n  key   %x\n  value %x\n", name, key, value)
	}
	key, value, err := encodeDanmaku(new(sample()))
	line("danmaku", key, value, err)
	bare := Danmaku{
		Position: position.Position{Epoch: 1, Offset: 1}, Key: "k", User: "1", Name: "n", Text: "t", Mode: Scroll, Size: Normal,
		MediaTime: MediaUnknown, At: time.UnixMilli(0).UTC(),
	}
	key, value, err = encodeDanmaku(&bare)
	line("danmaku, bare", key, value, err)
	value, err = encodeHead(position.Position{Epoch: 3, Offset: 258})
	line("head", headKey(), value, err)
	value, err = encodeCard(sampleCard())
	line("card", cardKey(), value, err)
	value, err = encodeMute(Mute{"42", time.UnixMilli(1_795_262_400_000), "43", time.UnixMilli(1_795_262_300_000)})
	line("mute", muteKey("42"), value, err)
	value, err = proto.Marshal(&roompb.Indexed{Offset: 258, Broadcast: "b"})
	line("indexed", indexKey(), value, err)
	line("minute "+minutePart("7", "b", 3), timeKey(Moment{61_250 * time.Millisecond, 258}), nil, nil)
	line("broadcast "+broadcastPart("7", "b"), minuteKey(3), nil, nil)
	line("sealed", []byte(stateKey), []byte{byte(sealed)}, nil)
	line("deleted", []byte(stateKey), []byte{byte(deleted)}, nil)
	want, err := os.ReadFile("testdata/rows.golden")
	if err != nil || b.String() != string(want) {
		t.Errorf("the format of rows has changed (%v):\n%s", err, b.String())
	}
}

func sampleCard() record {
	return record{
		Card: Card{
			Room: "7", Channel: "8", Owner: "9", Settings: Settings{SlowMode: 5 * time.Second, MaxLength: 80},
			Created: time.UnixMilli(1_795_000_000_000).UTC(),
		},
		broadcast: "b", start: time.UnixMilli(1_795_262_400_000).UTC(), bucket: 3,
		saidBy: position.Fence{Epoch: 2, Activation: 5},
	}
}

func TestRowsRoundTrip(t *testing.T) {
	key, value, err := encodeDanmaku(new(sample()))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := decodeDanmaku(key, value); err != nil || got != sample() {
		t.Errorf("got %+v, %v", got, err)
	}
	value, err = encodeCard(sampleCard())
	if err != nil {
		t.Fatal(err)
	}
	if got, err := decodeCard("7", value); err != nil || got != sampleCard() {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestLogKeysSortByOffset(t *testing.T) {
	for _, o := range []position.Offset{1, 255, 256, 1<<32 - 1, 1 << 40} {
		if bytes.Compare(logKey(o), logKey(o+1)) >= 0 {
			t.Errorf("the key of %d does not sort before the next", o)
		}
	}
}

func TestDecodeRefuses(t *testing.T) {
	key, good, _ := encodeDanmaku(new(sample()))
	for name, row := range map[string][2][]byte{
		"a short key":     {key[:8], good},
		"another prefix":  {append([]byte{'x'}, key[1:]...), good},
		"offset zero":     {logKey(0), good},
		"not protobuf":    {key, []byte{0xFF}},
		"nothing":         {key, nil},
		"a mode unknown":  {key, []byte{0x30, 9, 0x40, 1}},
		"a mode of 2^8+1": {key, []byte{0x30, 0x81, 0x02, 0x40, 1}},
	} {
		if _, err := decodeDanmaku(row[0], row[1]); err == nil {
			t.Errorf("%s: decoded", name)
		}
	}
}

func FuzzDecodeDanmaku(f *testing.F) {
	key, value, _ := encodeDanmaku(new(sample()))
	f.Add(key, value)
	f.Add(logKey(1), []byte{0x30, 1, 0x40, 1})
	f.Add([]byte{}, []byte{})
	f.Fuzz(func(t *testing.T, key, value []byte) {
		d, err := decodeDanmaku(key, value)
		if err != nil {
			return
		}
		key2, value2, err := encodeDanmaku(&d)
		if err != nil || !bytes.Equal(key, key2) {
			t.Fatalf("%+v does not encode: %v", d, err)
		}
		if again, err := decodeDanmaku(key2, value2); err != nil || again != d {
			t.Fatalf("%+v became %+v, %v", d, again, err)
		}
	})
}

func FuzzDecodeRows(f *testing.F) {
	card, _ := encodeCard(sampleCard())
	f.Add([]byte("m42"), card)
	f.Add([]byte("m"), []byte{8, 1})
	f.Fuzz(func(t *testing.T, key, value []byte) {
		if r, err := decodeCard(id.Room("7"), value); err == nil {
			back, err := encodeCard(r)
			if again, err2 := decodeCard("7", back); err != nil || err2 != nil || again != r {
				t.Fatalf("%+v became %+v", r, again)
			}
		}
		if p, err := decodeHead(value); err == nil && p.Offset == 0 {
			t.Fatal("a head before the first row")
		}
		if m, err := decodeMute(key, value); err == nil && m.User == "" {
			t.Fatal("a mute of nobody")
		}
	})
}
