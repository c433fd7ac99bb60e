package wire

import (
	"encoding/json"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"github.com/barrage-live/barrage/internal/wire/wirepb"
)

// TestAnIDThatComesFirstIsSeen in what encoders write, and nothing is seen in what they do not.
func TestAnIDThatComesFirstIsSeen(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		id := rapid.Uint64().Draw(t, "id")
		f := &wirepb.ClientFrame{Id: id, Body: &wirepb.ClientFrame_Leave{Leave: &wirepb.Leave{Room: "42"}}}
		for e, marshal := range map[Encoding]func(proto.Message) ([]byte, error){Proto: proto.Marshal, JSON: protojson.Marshal} {
			b, err := marshal(f)
			if err != nil {
				t.Fatal(err)
			}
			if got := PeekID(e, b); got != id {
				t.Errorf("%v: %q has id %d", e, b, got)
			}
		}
		PeekID(Proto, rapid.SliceOf(rapid.Byte()).Draw(t, "bytes")) // comes back, whatever it is given
	})
	for text, id := range map[string]uint64{
		`{"id":"7","ping":{}}`: 7, ` {"id": 7, "ping":{}}`: 7, `{"ping":{},"id":"7"}`: 0, `{"id":"`: 0, `{"id":`: 0, `{"id":"x"}`: 0, `{"id":"7`: 0,
		`{"id":1.5}`: 0, `{"id":12e1}`: 0, `{"id":"7x"}`: 0, `{"id":7 }`: 7,
		`{"id":"99999999999999999999"}`: 0, `{"id":-1}`: 0, "": 0, `[`: 0,
	} {
		if got := PeekID(JSON, []byte(text)); got != id {
			t.Errorf("%s: id %d, want %d", text, got, id)
		}
		if got := findID(JSON, []byte(text)); json.Valid([]byte(text)) && strings.Contains(text, `{"id"`) && got != id {
			t.Errorf("%s: id %d is found, want %d", text, got, id)
		}
	}
}
