package cluster

import (
	"errors"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/barrage-live/barrage/internal/fault"
)

type word string

var errWord = errors.New("a word has letters")

func words() Kind {
	return Kind{Name: "words", Messages: []Message{MessageOf(7,
		func(w word) *wrapperspb.StringValue { return wrapperspb.String(string(w)) },
		func(m *wrapperspb.StringValue) (word, error) {
			if m.GetValue() == "" {
				return "", errWord
			}
			return word(m.GetValue()), nil
		})}}
}

func wordCodec(tb testing.TB) *codec {
	tb.Helper()
	c, err := newCodec(words())
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

// What is cut off or foreign is refused and said to be so, whatever it is.
func TestForeignFramesAreRefused(t *testing.T) {
	c := wordCodec(t)
	whole, err := c.encode(word("hello"))
	if err != nil {
		t.Fatal(err)
	}
	if v, err := c.decode(whole); err != nil || v != word("hello") {
		t.Errorf("a whole frame is read as %v, %v", v, err)
	}
	for name, frame := range map[string][]byte{
		"empty": {}, "cut off": whole[:len(whole)-1], "unknown": {8}, "refused by its type": {7}, "nothing with content": {0, 1},
		"a number without end": {0x80, 0x80}, "too large a number": {0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01},
	} {
		if v, err := c.decode(frame); v != nil || fault.KindOf(err) != fault.Invalid || fault.CodeOf(err) != "bad_message" {
			t.Errorf("%s: read as %v, %v", name, v, err)
		}
	}
}

// What protobuf does not take is our own mistake, and another one than a type that nobody registered.
func TestWhatProtobufDoesNotTakeIsRefused(t *testing.T) {
	_, err := wordCodec(t).encode(word("\xff"))
	if fault.KindOf(err) != fault.Internal || fault.CodeOf(err) != "message_unencodable" {
		t.Errorf("encoded with %v", err)
	}
	if _, err := wordCodec(t).encode(7); fault.CodeOf(err) != "unregistered_message" {
		t.Errorf("a type that is not registered is encoded with %v", err)
	}
}

func FuzzFrame(f *testing.F) {
	c := wordCodec(f)
	f.Add([]byte{7, 10, 1, 'a'})
	f.Add([]byte{0})
	f.Fuzz(func(t *testing.T, frame []byte) {
		if v, err := c.decode(frame); err == nil {
			if again, err := c.cross(v); err != nil || again != v {
				t.Errorf("%v crosses as %v, %v", v, again, err)
			}
		} else if fault.CodeOf(err) != "bad_message" {
			t.Error(err)
		}
		if _, err := decodeFault(frame); err != nil && fault.CodeOf(err) != "bad_message" {
			t.Error(err)
		}
	})
}

// Every sort of refusal keeps what programs and people look at.
func TestRefusalsCrossWhole(t *testing.T) {
	for k := fault.Internal; k <= fault.Unavailable; k++ {
		sent := fault.Wrap(k, "some_code", "what was wrong", errWord).In("field").After(1500 * time.Millisecond)
		_, err := wordCodec(t).answer(nil, errors.Join(sent))
		var got *fault.Error
		if !errors.As(err, &got) || !errors.Is(err, sent) || got.Message != sent.Message || got.Field != sent.Field ||
			got.RetryAfter != sent.RetryAfter || errors.Is(err, errWord) {
			t.Errorf("%v crosses as %v", sent, err)
		}
	}
	if _, err := wordCodec(t).answer(nil, errWord); fault.KindOf(err) != fault.Internal || fault.CodeOf(err) != "internal" {
		t.Errorf("an error without a kind crosses as %v", err)
	}
	if e, err := decodeFault(nil); err == nil {
		t.Errorf("an empty refusal is read as %v", e)
	}
}
