package wire

import (
	"bytes"
	"encoding/json"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/wire/wirepb"
)

// Limits of the protocol. They are part of the specification.
const (
	// MaxClientFrame bounds the bytes of one client frame in either encoding.
	MaxClientFrame = 8 << 10
	// MaxRooms bounds the rooms one connection may be in.
	MaxRooms = 16
	// MaxHistory bounds the danmaku of a history page and of a join.
	MaxHistory = 200
	// MaxServerFrame bounds the bytes of one server frame in either encoding.
	MaxServerFrame = 64 << 10
	// MaxListing bounds the bytes of the danmaku in one server frame: what is left of it after the largest
	// header.
	MaxListing = MaxServerFrame - 2<<10
	// White is the colour of a danmaku that names none.
	White = 0xFFFFFF
)

// Encoding is how frames become bytes on one connection.
type Encoding uint8

// The encodings.
const (
	// Proto is binary protobuf in binary websocket messages.
	Proto Encoding = iota
	// JSON is protobuf's canonical JSON with the field names of the schema, compact, in text messages.
	JSON
	// Encodings is how many there are.
	Encodings
)

// The websocket subprotocols that name them.
const (
	SubprotocolProto = "barrage.v1.proto"
	SubprotocolJSON  = "barrage.v1.json"
)

// ParseSubprotocol gives the encoding a subprotocol names, false if it names none.
func ParseSubprotocol(name string) (Encoding, bool) {
	switch name {
	case SubprotocolProto:
		return Proto, true
	case SubprotocolJSON:
		return JSON, true
	}
	return 0, false
}

// String is the subprotocol.
func (e Encoding) String() string {
	if e == JSON {
		return SubprotocolJSON
	}
	return SubprotocolProto
}

// Text reports whether frames travel in text messages.
func (e Encoding) Text() bool { return e == JSON }

// Encode gives the bytes of a server frame. It fails only on text that is not UTF-8, which is our own bug.
func Encode(e Encoding, f *wirepb.ServerFrame) ([]byte, error) { return marshal(e, f) }

// EncodeClient gives the bytes of a client frame, for clients.
func EncodeClient(e Encoding, f *wirepb.ClientFrame) ([]byte, error) { return marshal(e, f) }

func marshal(e Encoding, m proto.Message) ([]byte, error) {
	if e == Proto {
		b, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
		if err != nil {
			return nil, unencodable(err)
		}
		return b, nil
	}
	b, err := protojson.MarshalOptions{UseProtoNames: true}.Marshal(m)
	if err != nil {
		return nil, unencodable(err)
	}
	// protojson varies its white space on purpose; without any the bytes are stable.
	var compact bytes.Buffer
	compact.Grow(len(b))
	if err := json.Compact(&compact, b); err != nil {
		return nil, unencodable(err)
	}
	return compact.Bytes(), nil
}

func unencodable(err error) error {
	return fault.Wrap(fault.Internal, "unencodable", "a frame cannot be encoded", err)
}
