package wire

import (
	"bytes"
	"encoding/json"
	"strconv"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/wire/wirepb"
)

// The refusals of this package.
var (
	// ErrBadFrame refuses bytes that are not one frame with at most one body.
	ErrBadFrame = fault.New(fault.Invalid, "bad_frame", "not a frame of this protocol")
	// ErrUnknownMessage refuses a frame without a body that this version knows.
	ErrUnknownMessage = fault.New(fault.Invalid, "unknown_message", "the frame holds no message that this server knows")
	// ErrFrameTooLarge refuses a client frame above MaxClientFrame.
	ErrFrameTooLarge = fault.Newf(fault.Invalid, "frame_too_large", "a frame is at most %d bytes", MaxClientFrame)
)

// Decode reads a client frame. With ErrUnknownMessage, and with ErrBadFrame where it can be read, a frame
// with the id is returned too; otherwise it is nil. The frame does not refer to b.
func Decode(e Encoding, b []byte) (*wirepb.ClientFrame, error) {
	if len(b) > MaxClientFrame {
		return nil, ErrFrameTooLarge
	}
	f := new(wirepb.ClientFrame)
	if err := unmarshal(e, b, f); err != nil {
		if id := findID(e, b); id != 0 {
			return &wirepb.ClientFrame{Id: id}, err
		}
		return nil, err
	}
	if f.GetBody() == nil {
		return f, ErrUnknownMessage
	}
	return f, nil
}

// PeekID is the id of a frame that is not read, if the id comes first in it, as generated encoders and our
// clients write it; else 0.
func PeekID(e Encoding, b []byte) uint64 {
	if e != JSON {
		number, kind, n := protowire.ConsumeTag(b)
		if n < 0 || number != 1 || kind != protowire.VarintType {
			return 0
		}
		id, _ := protowire.ConsumeVarint(b[n:]) // 0 if it is broken
		return id
	}
	rest, ok := bytes.CutPrefix(bytes.TrimLeft(b, " \t\r\n"), []byte(`{"id":`))
	if !ok {
		return 0
	}
	return jsonID(rest)
}

// jsonID reads the id that stands first in b, as a number or as a string, which is how JSON has numbers of 64
// bits; 0 if none does.
func jsonID(b []byte) uint64 {
	b, quoted := bytes.CutPrefix(bytes.TrimLeft(b, " \t\r\n"), []byte(`"`))
	rest := bytes.TrimLeft(b, "0123456789")
	ended := len(rest) == 0 || bytes.IndexByte([]byte(",} \t\r\n"), rest[0]) >= 0
	if quoted {
		ended = bytes.HasPrefix(rest, []byte(`"`))
	}
	id, err := strconv.ParseUint(string(b[:len(b)-len(rest)]), 10, 64)
	if err != nil || !ended {
		return 0
	}
	return id
}

// findID looks for the id of a frame that is wrong otherwise, such as one with half a surrogate pair in its
// text; 0 if there is none.
func findID(e Encoding, b []byte) uint64 {
	if e == JSON {
		var members map[string]json.RawMessage
		if err := json.Unmarshal(b, &members); err != nil {
			return 0
		}
		return jsonID(members["id"])
	}
	id := uint64(0)
	for len(b) > 0 {
		number, kind, size := protowire.ConsumeField(b)
		if size < 0 {
			return id
		}
		if number == 1 && kind == protowire.VarintType {
			_, _, tag := protowire.ConsumeTag(b)
			id, _ = protowire.ConsumeVarint(b[tag:])
		}
		b = b[size:]
	}
	return id
}

// DecodeServer reads a server frame, for clients. A frame with an unknown body has a nil body: clients
// ignore it.
func DecodeServer(e Encoding, b []byte) (*wirepb.ServerFrame, error) {
	f := new(wirepb.ServerFrame)
	if err := unmarshal(e, b, f); err != nil {
		return nil, err
	}
	return f, nil
}

func unmarshal(e Encoding, b []byte, m proto.Message) error {
	if e == JSON {
		if err := (protojson.UnmarshalOptions{DiscardUnknown: true}).Unmarshal(b, m); err != nil {
			return ErrBadFrame
		}
		return nil
	}
	if bodies(b, m.ProtoReflect().Descriptor()) > 1 {
		return ErrBadFrame
	}
	if err := (proto.UnmarshalOptions{DiscardUnknown: true}).Unmarshal(b, m); err != nil {
		return ErrBadFrame
	}
	return nil
}

// bodies counts the members of the oneof in an encoded frame. Protobuf lets the last one win; this protocol
// refuses a frame that says two things.
func bodies(b []byte, d protoreflect.MessageDescriptor) int {
	body := d.Oneofs().ByName("body").Fields()
	n := 0
	for len(b) > 0 {
		number, _, size := protowire.ConsumeField(b)
		if size < 0 {
			return n
		}
		if body.ByNumber(number) != nil {
			n++
		}
		b = b[size:]
	}
	return n
}
