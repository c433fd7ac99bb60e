package tablelog

import (
	"bytes"
	"encoding/hex"
	"errors"
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/barrage-live/barrage/storage/eventlog/driver"
	"github.com/barrage-live/barrage/storage/table"
)

// vectors reads those of FORMAT.md.
func vectors(t *testing.T) (event, head []byte) {
	t.Helper()
	spec, err := os.ReadFile("FORMAT.md")
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile(`(?m)^    (01 [0-9a-f ]+)$`).FindAllSubmatch(spec, -1)
	if len(found) != 2 {
		t.Fatalf("FORMAT.md has %d vectors", len(found))
	}
	var out [2][]byte
	for i, f := range found {
		if out[i], err = hex.DecodeString(strings.ReplaceAll(string(f[1]), " ", "")); err != nil {
			t.Fatal(err)
		}
	}
	return out[0], out[1]
}

// TestGolden holds the code to the vectors in FORMAT.md.
func TestGolden(t *testing.T) {
	wantEvent, wantHead := vectors(t)
	at := time.Date(2026, time.January, 1, 0, 0, 0, 123_000_000, time.UTC)
	event := driver.Event{ID: driver.ID{Source: "room/1", Seq: 7}, Payload: []byte("hi")}
	if got := encodeEvent("room-1", event, at); !bytes.Equal(got, wantEvent) {
		t.Errorf("encoded %x, FORMAT.md says %x", got, wantEvent)
	}
	if r, err := decodeEvent(wantEvent); err != nil || !reflect.DeepEqual(r, driver.Record{Event: event, Key: "room-1", Time: at}) {
		t.Errorf("decoded %+v, %v", r, err)
	}
	at = at.Truncate(time.Second)
	h := head{first: 5, next: 300, marks: []mark{{at, 5}, {at.Add(time.Minute), 200}}}
	if got := h.encode(); !bytes.Equal(got, wantHead) {
		t.Errorf("encoded %x, FORMAT.md says %x", got, wantHead)
	}
	if got, err := decodeHead(wantHead); err != nil || !reflect.DeepEqual(got, h) {
		t.Errorf("decoded %+v, %v", got, err)
	}
	if p := partitionOf("room-1", 16); p != 12 {
		t.Errorf("the key moved to partition %d", p)
	}
}

func FuzzDecodeEvent(f *testing.F) {
	at := time.UnixMilli(1767225600123)
	f.Add(encodeEvent("room-1", driver.Event{ID: driver.ID{Source: "room/1", Seq: 7}, Payload: []byte("hi")}, at))
	f.Add(encodeEvent("", driver.Event{}, at))
	f.Add(append(make([]byte, 17), 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := decodeEvent(b)
		if err != nil {
			if !errors.Is(err, table.ErrCorrupt) {
				t.Errorf("refused with %v", err)
			}
			return
		}
		again, err := decodeEvent(encodeEvent(r.Key, r.Event, r.Time))
		if err != nil || again.Key != r.Key || again.ID != r.ID || !bytes.Equal(again.Payload, r.Payload) || !again.Time.Equal(r.Time) {
			t.Errorf("%+v became %+v, %v", r, again, err)
		}
	})
}

func FuzzDecodeHead(f *testing.F) {
	at := time.UnixMilli(1767225600123)
	f.Add((&head{}).encode())
	f.Add((&head{first: 5, next: 300, marks: []mark{{at, 5}, {at, 300}}}).encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		h, err := decodeHead(b)
		if err != nil {
			if !errors.Is(err, table.ErrCorrupt) {
				t.Errorf("refused with %v", err)
			}
			return
		}
		if got := h.encode(); !bytes.Equal(got, b) {
			t.Errorf("%x became %x", b, got)
		}
	})
}
