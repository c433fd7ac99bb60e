package tablelog

import (
	"bytes"
	"encoding/hex"
	"errors"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/barrage-live/barrage/storage/eventlog/driver"
	"github.com/barrage-live/barrage/storage/table"
)

// TestGolden holds the code to the vector in FORMAT.md.
func TestGolden(t *testing.T) {
	spec, err := os.ReadFile("FORMAT.md")
	if err != nil {
		t.Fatal(err)
	}
	match := regexp.MustCompile(`(?m)^    (01 [0-9a-f ]+)$`).FindSubmatch(spec)
	if match == nil {
		t.Fatal("FORMAT.md has no vector")
	}
	want, err := hex.DecodeString(strings.ReplaceAll(string(match[1]), " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, time.January, 1, 0, 0, 0, 123_000_000, time.UTC)
	got := encodeEvent(driver.Entry{Key: "room-1", ID: "a", Payload: []byte("hi")}, at)
	if !bytes.Equal(got, want) {
		t.Errorf("encoded %x, FORMAT.md says %x", got, want)
	}
	e, err := decodeEvent(want)
	if err != nil || e.Key != "room-1" || e.ID != "a" || string(e.Payload) != "hi" || !e.Time.Equal(at) {
		t.Errorf("decoded %+v, %v", e, err)
	}
	if p := partitionOf("room-1", 16); p != 12 {
		t.Errorf("the key moved to partition %d", p)
	}
}

func FuzzDecodeEvent(f *testing.F) {
	at := time.UnixMilli(1767225600123)
	f.Add(encodeEvent(driver.Entry{Key: "room-1", ID: "a", Payload: []byte("hi")}, at))
	f.Add(encodeEvent(driver.Entry{}, at))
	f.Add([]byte{1, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := decodeEvent(b)
		if err != nil {
			if !errors.Is(err, table.ErrCorrupt) {
				t.Errorf("refused with %v", err)
			}
			return
		}
		again, err := decodeEvent(encodeEvent(e.Entry, e.Time))
		if err != nil || again.Key != e.Key || again.ID != e.ID || !bytes.Equal(again.Payload, e.Payload) || !again.Time.Equal(e.Time) {
			t.Errorf("%+v became %+v, %v", e, again, err)
		}
	})
}
