package actortest

import (
	"encoding/hex"
	"flag"
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/barrage-live/barrage/cluster"
)

// Messages are the messages of a kind, to be held to what all messages promise.
type Messages struct {
	Kind cluster.Kind
	// Samples are one of every message, with every field filled.
	Samples []any
	// Golden is the file of the bytes of the samples: "type bytes in hexadecimal", a line each, and "and a
	// type" where something is handed over beside them.
	Golden string
}

// Codec is that of the kind.
func (m Messages) Codec(tb testing.TB) cluster.Codec {
	tb.Helper()
	c, err := cluster.CodecOf(m.Kind)
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

// Hold fails the test unless every message of the kind is among the samples, fills every field, arrives as
// it was sent, and has the bytes that it always had, since nodes of two versions talk. `go test -rewrite`
// writes the file of the bytes anew.
func (m Messages) Hold(t *testing.T) {
	t.Helper()
	c, seen := m.Codec(t), map[reflect.Type]bool{}
	var golden strings.Builder
	for _, v := range m.Samples {
		seen[reflect.TypeOf(v)] = true
		WantFilled(t, reflect.TypeOf(v).String(), reflect.ValueOf(v))
		WantSame(t, c, v)
		frame, err := c.Encode(v)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&golden, "%s %s", strings.TrimPrefix(reflect.TypeOf(v).String(), m.Kind.Name+"."), hex.EncodeToString(frame))
		golden.WriteByte('\n')
	}
	if len(seen) != len(m.Kind.Messages) {
		t.Errorf("%d types are sampled, %d are messages", len(seen), len(m.Kind.Messages))
	}
	if f := flag.Lookup("rewrite"); f != nil && f.Value.String() == "true" { // the one of the scripts
		if err := os.WriteFile(m.Golden, []byte(golden.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(m.Golden)
	if err != nil {
		t.Fatal(err)
	}
	if golden.String() != string(want) {
		t.Errorf("the messages are\n%s, want\n%s", golden.String(), want)
	}
}

// Fuzz has what comes from a stranger decoded. What is a message, arrives as it is when it is sent on.
func (m Messages) Fuzz(f *testing.F) {
	f.Helper()
	c := m.Codec(f)
	for _, v := range m.Samples {
		frame, err := c.Encode(v)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(frame)
	}
	f.Fuzz(func(t *testing.T, frame []byte) {
		if v, err := c.Decode(frame); err == nil {
			WantSame(t, c, v)
		}
	})
}

// WantSame fails the test unless a message arrives as it was sent.
func WantSame(tb interface{ Errorf(string, ...any) }, c cluster.Codec, v any) {
	frame, err := c.Encode(v)
	if err != nil {
		tb.Errorf("%T: %v", v, err)
		return
	}
	got, err := c.Decode(frame)
	if err != nil || !reflect.DeepEqual(got, v) {
		tb.Errorf("%T %#v crosses as %#v, %v", v, v, got, err)
	}
}

// WantFilled fails the test for every field of a value that is zero.
func WantFilled(tb testing.TB, name string, v reflect.Value) {
	tb.Helper()
	if v.Type() == reflect.TypeFor[time.Time]() || v.Kind() != reflect.Struct {
		if v.IsZero() {
			tb.Errorf("%s is not filled", name)
		}
		return
	}
	for i := range v.NumField() {
		WantFilled(tb, name+"."+v.Type().Field(i).Name, v.Field(i))
	}
}
