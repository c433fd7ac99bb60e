package cluster

import (
	"encoding/binary"
	"fmt"
	"math"
	"reflect"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/barrage-live/barrage/cluster/internal/clusterpb"
	"github.com/barrage-live/barrage/internal/fault"
)

// Message says how the values of one type cross between actors.
type Message struct {
	number uint32
	of     reflect.Type
	encode func(v any) ([]byte, error)
	decode func(b []byte) (any, error)
}

// MessageOf registers T under a number from 1, as the protobuf message M: to makes one of a value, from
// makes the value of one that may come from a stranger, and refuses what cannot be. Neither keeps a part of
// the other's value that is changed later.
func MessageOf[T, M any, P interface {
	*M
	proto.Message
}](number uint32, to func(T) P, from func(P) (T, error)) Message {
	return Message{
		number: number,
		of:     reflect.TypeFor[T](),
		encode: func(v any) ([]byte, error) { return proto.Marshal(to(v.(T))) },
		decode: func(b []byte) (any, error) {
			m := P(new(M))
			if err := proto.Unmarshal(b, m); err != nil {
				return nil, err
			}
			return from(m)
		},
	}
}

// nothing is the number of an answer without a value.
const nothing = 0

// codec encodes the messages of one kind. A frame is the number of a type as an unsigned varint, and the
// message.
type codec struct {
	kind     string
	byType   map[reflect.Type]Message
	byNumber map[uint32]Message
}

// newCodec makes the codec of a kind, nil for one without messages. It fails with Invalid "bad_kind".
func newCodec(k Kind) (*codec, error) {
	if k.Messages == nil {
		return nil, nil //nolint:nilnil // none is needed
	}
	c := &codec{k.Name, map[reflect.Type]Message{}, map[uint32]Message{}}
	for _, m := range k.Messages {
		_, typed := c.byType[m.of]
		_, numbered := c.byNumber[m.number]
		if m.of == nil || m.number == nothing || typed || numbered {
			return nil, fault.Newf(fault.Invalid, "bad_kind", "kind %q: message %d of type %v has no number, no type, or one that is taken",
				k.Name, m.number, m.of)
		}
		c.byType[m.of], c.byNumber[m.number] = m, m
	}
	return c, nil
}

// encode makes the frame of a value, nil included. It fails with Internal "unregistered_message" or
// "message_unencodable".
func (c *codec) encode(v any) ([]byte, error) {
	if v == nil {
		return []byte{nothing}, nil
	}
	m, ok := c.byType[reflect.TypeOf(v)]
	if !ok {
		return nil, fault.Newf(fault.Internal, "unregistered_message", "%T is not among the messages of kind %q", v, c.kind)
	}
	b, err := m.encode(v)
	if err != nil {
		return nil, fault.Wrap(fault.Internal, "message_unencodable", fmt.Sprintf("a %T of kind %q cannot be encoded", v, c.kind), err)
	}
	return append(binary.AppendUvarint(nil, uint64(m.number)), b...), nil
}

// decode reads a frame, which may come from a stranger. What is none is refused Invalid "bad_message".
func (c *codec) decode(frame []byte) (any, error) {
	number, n := binary.Uvarint(frame)
	if n <= 0 || number > math.MaxUint32 {
		return nil, fault.Newf(fault.Invalid, "bad_message", "a message of kind %q has no number", c.kind)
	}
	if number == nothing {
		if len(frame) > n {
			return nil, fault.Newf(fault.Invalid, "bad_message", "a message of kind %q is nothing, and has content", c.kind)
		}
		return nil, nil //nolint:nilnil // that is what was sent
	}
	m, ok := c.byNumber[uint32(number)]
	if !ok {
		return nil, fault.Newf(fault.Invalid, "bad_message", "kind %q has no message %d", c.kind, number)
	}
	v, err := m.decode(frame[n:])
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, "bad_message", fmt.Sprintf("message %d of kind %q does not have its form", number, c.kind), err)
	}
	return v, nil
}

// cross gives what the other side makes of a value, in this process.
func (c *codec) cross(v any) (any, error) {
	frame, err := c.encode(v)
	if err != nil {
		return nil, err
	}
	return c.decode(frame)
}

// answer gives what the asker makes of an answer. One that does not cross leaves the outcome unknown: the
// message was executed.
func (c *codec) answer(v any, err error) (any, error) {
	if err != nil {
		frame, err := encodeFault(err)
		if err != nil {
			return nil, fault.Wrap(fault.Internal, "bad_reply", "the refusal could not be encoded", err)
		}
		refusal, err := decodeFault(frame)
		if err != nil {
			return nil, err
		}
		return nil, refusal
	}
	v, err = c.cross(v)
	if err != nil {
		return nil, fault.Wrap(fault.Internal, "bad_reply", "the answer of a "+c.kind+" does not cross", err)
	}
	return v, nil
}

// encodeFault makes the frame of an error: that of the refusal inside it, without causes.
func encodeFault(err error) ([]byte, error) {
	e := fault.From(err)
	return proto.Marshal(&clusterpb.Fault{
		Kind: uint32(e.Kind), Code: e.Code, Message: e.Message, Field: e.Field, RetryAfterNs: int64(e.RetryAfter),
	})
}

// decodeFault reads a refusal, which may come from a stranger. What is none is refused Invalid
// "bad_message". A kind that a later version has added is kept, and treated as Internal by those who look
// at it.
func decodeFault(frame []byte) (*fault.Error, error) {
	var m clusterpb.Fault
	if err := proto.Unmarshal(frame, &m); err != nil {
		return nil, fault.Wrap(fault.Invalid, "bad_message", "a refusal does not have its form", err)
	}
	if m.GetKind() > math.MaxUint8 || m.GetCode() == "" || m.GetRetryAfterNs() < 0 {
		return nil, fault.New(fault.Invalid, "bad_message", "a refusal does not have its form")
	}
	return &fault.Error{
		Kind: fault.Kind(m.GetKind()), Code: m.GetCode(), Message: m.GetMessage(), Field: m.GetField(),
		RetryAfter: time.Duration(m.GetRetryAfterNs()),
	}, nil
}

// Codec encodes the messages of a kind as they cross, for tests of the kind.
type Codec struct{ of *codec }

// CodecOf is the codec of a kind. It fails with Invalid "bad_kind" for one whose Messages are none, or do
// not fit each other.
func CodecOf(k Kind) (Codec, error) {
	c, err := newCodec(k)
	if err == nil && c == nil {
		err = fault.Newf(fault.Invalid, "bad_kind", "kind %q has no messages", k.Name)
	}
	return Codec{c}, err
}

// Encode gives the frame of a message, nil included. It fails with Internal "unregistered_message" for one
// that is not among those of the kind, and "message_unencodable" for one that protobuf does not take.
func (c Codec) Encode(v any) ([]byte, error) { return c.of.encode(v) }

// Decode reads a frame. What is none is refused Invalid "bad_message".
func (c Codec) Decode(frame []byte) (any, error) { return c.of.decode(frame) }
