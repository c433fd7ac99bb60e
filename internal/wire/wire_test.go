package wire

import (
	"errors"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"

	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/position"
	"github.com/barrage-live/barrage/internal/wire/wirepb"
)

func TestDecodeRefuses(t *testing.T) {
	ping, err := EncodeClient(Proto, clientVectors()["ping"])
	if err != nil {
		t.Fatal(err)
	}
	join, err := EncodeClient(Proto, clientVectors()["join"])
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		e    Encoding
		in   string
		want error
	}{
		{"nothing in JSON", JSON, "", ErrBadFrame},
		{"nothing in protobuf is a frame without body", Proto, "", ErrUnknownMessage},
		{"JSON that is no object", JSON, `[]`, ErrBadFrame},
		{"half an object", JSON, `{"id":"1","ping":{`, ErrBadFrame},
		{"two objects", JSON, `{"ping":{}}{"ping":{}}`, ErrBadFrame},
		{"two bodies in JSON", JSON, `{"ping":{},"leave":{"room":"1"}}`, ErrBadFrame},
		{"two bodies in protobuf", Proto, string(join) + string(ping), ErrBadFrame},
		{"the same body twice", Proto, string(ping) + string(ping), ErrBadFrame},
		{"a repeated member", JSON, `{"id":1,"id":2,"ping":{}}`, ErrBadFrame},
		{"a body this version does not know", JSON, `{"id":"9","dance":{}}`, ErrUnknownMessage},
		{"an unknown field in protobuf", Proto, "\x08\x09\xfa\x07\x00", ErrUnknownMessage},
		{"no body", JSON, `{"id":"9"}`, ErrUnknownMessage},
		{"a number where a text belongs", JSON, `{"join":{"room":42}}`, ErrBadFrame},
		{"a negative id", JSON, `{"id":"-1","ping":{}}`, ErrBadFrame},
		{"cut protobuf", Proto, string(join[:len(join)-1]), ErrBadFrame},
		{"text that is not UTF-8", Proto, "\x12\x03\x0a\x01\xff", ErrBadFrame},
		{"the server's own message", JSON, `{"welcome":{}}`, ErrUnknownMessage},
		{"deep nesting", JSON, `{"x":` + strings.Repeat("[", 8000) + `}`, ErrBadFrame},
		{"one byte too many", JSON, strings.Repeat(" ", MaxClientFrame+1), ErrFrameTooLarge},
		{"a megabyte", Proto, strings.Repeat("\x12", 1<<20), ErrFrameTooLarge},
	} {
		t.Run(c.name, func(t *testing.T) {
			f, err := Decode(c.e, []byte(c.in))
			if !errors.Is(err, c.want) {
				t.Fatalf("got %v, want %v", err, c.want)
			}
			if f.GetBody() != nil {
				t.Errorf("frame %v with %v", f, err)
			}
		})
	}
}

func TestDecodeIsForwardCompatible(t *testing.T) {
	want := &wirepb.ClientFrame{Id: 5, Body: &wirepb.ClientFrame_Ping{Ping: &wirepb.Ping{}}}
	for _, in := range []string{
		`{"id":"5","ping":{}}`, `{"id":5,"ping":{"new":[1,{"a":null}]},"newer":"x"}`, ` { "ping" : { } , "id" : "5" } `,
	} {
		got, err := Decode(JSON, []byte(in))
		if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" || err != nil {
			t.Errorf("%s: %v\n%s", in, err, diff)
		}
	}
	got, err := Decode(Proto, []byte("\x08\x05\x32\x02\x78\x01\xf8\x07\x01"))
	if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" || err != nil {
		t.Errorf("protobuf: %v\n%s", err, diff)
	}
}

// TestRefusedFramesKeepTheirID: the client waits for the reply to it.
func TestRefusedFramesKeepTheirID(t *testing.T) {
	for _, c := range []struct {
		name string
		e    Encoding
		in   string
		id   uint64
		code string
	}{
		{"a message of a later version", JSON, `{"id":"77","dance":{}}`, 77, "unknown_message"},
		{"half a surrogate pair", JSON, `{"id":"77","post":{"text":"\ud83d"}}`, 77, "bad_frame"},
		{"a number", JSON, `{"post":{"text":"\ud83d"},"id":77}`, 77, "bad_frame"},
		{"two bodies", JSON, `{"ping":{},"leave":{},"id":"77"}`, 77, "bad_frame"},
		{"an id that is none", JSON, `{"id":"x","ping":{}}`, 0, "bad_frame"},
		{"an id within", JSON, `{"post":{"id":"77","text":5}}`, 0, "bad_frame"},
		{"no object", JSON, `["id",77]`, 0, "bad_frame"},
		{"text that is not UTF-8", Proto, "\x08\x4d\x12\x03\x0a\x01\xff", 77, "bad_frame"},
		{"cut off after the id", Proto, "\x08\x4d\x12\x03\x0a", 77, "bad_frame"},
		{"an id of another type", Proto, "\x0a\x01\x4d\x12\x03\x0a", 0, "bad_frame"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if f, err := Decode(c.e, []byte(c.in)); f.GetId() != c.id || fault.CodeOf(err) != c.code {
				t.Errorf("frame %v, error %v", f, err)
			}
		})
	}
}

func TestRefusal(t *testing.T) {
	slow := fault.New(fault.Exhausted, "slow_mode", "wait").In("text").After(1500*time.Millisecond + time.Nanosecond)
	want := &wirepb.Error{Kind: "exhausted", Code: "slow_mode", Message: "wait", RetryAfterMs: 1501, Field: "text"}
	got := Refusal(3, slow)
	if diff := cmp.Diff(want, got.GetError(), protocmp.Transform()); diff != "" || got.GetId() != 3 {
		t.Error(diff)
	}
	hidden := Refusal(0, errors.New("password=hunter2")).GetError()
	if hidden.GetKind() != "internal" || strings.Contains(hidden.String(), "hunter2") {
		t.Errorf("an unclassified error leaks: %v", hidden)
	}
}

func TestPositionRoundTrip(t *testing.T) {
	for _, p := range []position.Position{{}, {Epoch: 1}, {Epoch: 3, Offset: 9}} {
		if got := ToPosition(FromPosition(p)); got != p {
			t.Errorf("%v became %v", p, got)
		}
	}
	if FromPosition(position.Position{}) != nil {
		t.Error("the place before everything is not absent")
	}
}

func TestSubprotocols(t *testing.T) {
	for _, e := range []Encoding{Proto, JSON} {
		if got, ok := ParseSubprotocol(e.String()); !ok || got != e {
			t.Errorf("%v became %v", e, got)
		}
	}
	if _, ok := ParseSubprotocol("BARRAGE.v1.json"); ok {
		t.Error("subprotocols are case sensitive")
	}
}

// TestSpecificationNamesEverything keeps SPEC.md whole: every message and every field must be told of.
func TestSpecificationNamesEverything(t *testing.T) {
	spec, err := os.ReadFile("SPEC.md")
	if err != nil {
		t.Fatal(err)
	}
	messages := wirepb.File_wire_proto.Messages()
	for i := range messages.Len() {
		fields := messages.Get(i).Fields()
		for j := range fields.Len() {
			if name := "`" + string(fields.Get(j).Name()); !strings.Contains(string(spec), name) {
				t.Errorf("SPEC.md does not name %s of %s", name, messages.Get(i).Name())
			}
		}
	}
}

// TestAfterCloseIsTheSpecification reads the table of SPEC.md section 5.
func TestAfterCloseIsTheSpecification(t *testing.T) {
	spec, err := os.ReadFile("SPEC.md")
	if err != nil {
		t.Fatal(err)
	}
	words := map[string]Next{"reconnect": Reconnect, "reconnect slowly": ReconnectSlowly, "new token": NewToken, "stay away": StayAway}
	told := map[int]bool{}
	for _, row := range regexp.MustCompile(`(?m)^\| (\d{4}) \|.*\| ([a-z ]+) \|$`).FindAllStringSubmatch(string(spec), -1) {
		code, err := strconv.Atoi(row[1])
		if err != nil {
			t.Fatal(err)
		}
		want, known := words[row[2]]
		if got := AfterClose(code); !known || got != want {
			t.Errorf("after %d %v, SPEC.md says %q", code, got, row[2])
		}
		told[code] = true
	}
	for k := fault.Internal; k <= fault.Unavailable; k++ {
		if !told[k.CloseCode()] {
			t.Errorf("SPEC.md does not tell of %d, the code of %v", k.CloseCode(), k)
		}
	}
	for _, code := range []int{CloseSlow, CloseIdle} {
		if !told[code] {
			t.Errorf("SPEC.md does not tell of %d", code)
		}
	}
	if AfterClose(4999) != Reconnect {
		t.Error("after an unknown code a client does not come back")
	}
}

func fuzz(f *testing.F, e Encoding) {
	f.Helper()
	for _, m := range clientVectors() {
		b, err := EncodeClient(e, m)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add([]byte(`{"id":"1","ping":{},"ping":{}}`))
	f.Add([]byte("\x12\x03\x0a\x01\xff"))
	f.Fuzz(func(t *testing.T, in []byte) {
		first, err := Decode(e, in)
		if err != nil {
			if fault.KindOf(err) != fault.Invalid {
				t.Fatalf("an input error of kind %v", fault.KindOf(err))
			}
			return
		}
		if first.GetBody() == nil || len(in) > MaxClientFrame {
			t.Fatal("accepted against the limits")
		}
		// What was understood can be said again and means the same.
		b, err := EncodeClient(e, first)
		if err != nil {
			t.Fatal(err)
		}
		second := new(wirepb.ClientFrame)
		if err := unmarshal(e, b, second); err != nil || !proto.Equal(first, second) {
			t.Fatalf("%v became %v: %v", first, second, err)
		}
	})
}

func FuzzDecodeProto(f *testing.F) { fuzz(f, Proto) }

func FuzzDecodeJSON(f *testing.F) { fuzz(f, JSON) }

func BenchmarkDecode(b *testing.B) {
	for _, e := range []Encoding{Proto, JSON} {
		in, err := EncodeClient(e, clientVectors()["post"])
		if err != nil {
			b.Fatal(err)
		}
		b.Run(e.String(), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Decode(e, in); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkEncodeBatch(b *testing.B) {
	batch := &wirepb.Batch{Room: "42"}
	for range 32 {
		batch.Danmaku = append(batch.Danmaku, aDanmaku())
	}
	f := &wirepb.ServerFrame{Body: &wirepb.ServerFrame_Batch{Batch: batch}}
	for _, e := range []Encoding{Proto, JSON} {
		b.Run(e.String(), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Encode(e, f); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
