package rfc6455

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// key is a masking key with four different bytes; Autobahn draws random ones.
var key = [4]byte{0x37, 0xFA, 0x21, 0x3D}

func limits() Limits { return Limits{Message: 8192, Fragments: 16} }

// masked is a frame as a client sends it.
func masked(op Opcode, fin bool, payload string) string {
	return string(AppendMasked(nil, op, fin, key, []byte(payload)))
}

// closing is a close frame of a client.
func closing(code int, reason string) string {
	return masked(Close, true, string([]byte{byte(code >> 8), byte(code)})+reason)
}

// read feeds the pieces and collects what comes out.
func read(p *Parser, pieces ...[]byte) ([]string, int) {
	var out []string
	for _, b := range pieces {
		for len(b) > 0 {
			m, n, err := p.Next(b)
			b = b[n:]
			if v, ok := errors.AsType[*Violation](err); ok {
				return out, v.Code
			}
			if m.Op == Continuation {
				break
			}
			out = append(out, fmt.Sprintf("%x:%d:%s", byte(m.Op), m.Code, m.Payload))
		}
	}
	return out, 0
}

func bytewise(s string) [][]byte {
	pieces := make([][]byte, len(s))
	for i := range len(s) {
		pieces[i] = []byte{s[i]}
	}
	return pieces
}

func TestParser(t *testing.T) {
	long := strings.Repeat("*", 126)
	all := string(func() []byte {
		b := make([]byte, 256)
		for i := range b {
			b[i] = byte(i)
		}
		return b
	}())
	type testCase struct {
		name string
		in   string
		want []string
		code int
	}
	cases := []testCase{
		{"1.1.1 empty text", masked(Text, true, ""), []string{"1:0:"}, 0},
		{"1.1.2 text of 125 bytes", masked(Text, true, long[:125]), []string{"1:0:" + long[:125]}, 0},
		{"1.1.3 text of 126 bytes", masked(Text, true, long), []string{"1:0:" + long}, 0},
		{"1.1.6 text above the limit", masked(Text, true, strings.Repeat("*", 65535)), nil, CloseTooBig},
		{"text of exactly the limit", masked(Text, true, strings.Repeat("*", 8192)), []string{"1:0:" + strings.Repeat("*", 8192)}, 0},
		{"text of the limit and one", masked(Text, true, strings.Repeat("*", 8193)), nil, CloseTooBig},
		{"1.2.1 empty binary", masked(Binary, true, ""), []string{"2:0:"}, 0},
		{"1.2.5 binary of 256 bytes", masked(Binary, true, all), []string{"2:0:" + all}, 0},
		{"2.1 ping without payload", masked(Ping, true, ""), []string{"9:0:"}, 0},
		{"2.2 ping with text", masked(Ping, true, "Hello"), []string{"9:0:Hello"}, 0},
		{"2.3 ping with bytes", masked(Ping, true, "\x00\xff\xfe"), []string{"9:0:\x00\xff\xfe"}, 0},
		{"2.4 ping of 125 bytes", masked(Ping, true, long[:125]), []string{"9:0:" + long[:125]}, 0},
		{"2.5 ping of 126 bytes", masked(Ping, true, long), nil, CloseProtocol},
		{"2.7 pong nobody asked for", masked(Pong, true, "unsolicited"), []string{"a:0:unsolicited"}, 0},
		{"2.10 ten pings", strings.Repeat(masked(Ping, true, "p"), 10), slicesOf("9:0:p", 10), 0},
		{"3.1 RSV3", "\x91\x80" + string(key[:]), nil, CloseProtocol},
		{"3.2 RSV2 after a good message", masked(Text, true, "ok") + "\xa1\x80", []string{"1:0:ok"}, CloseProtocol},
		{"3.4 RSV1", "\xc1\x80", nil, CloseProtocol},
		{"3.7 all RSV in a close", "\xf8\x80", nil, CloseProtocol},
		{"5.1 fragmented ping", masked(Ping, false, "a") + masked(Continuation, true, "b"), nil, CloseProtocol},
		{"5.2 fragmented pong", masked(Pong, false, "a"), nil, CloseProtocol},
		{"5.3 two fragments", masked(Text, false, "fragment1") + masked(Continuation, true, "fragment2"), []string{"1:0:fragment1fragment2"}, 0},
		{"5.6 ping between fragments", masked(Text, false, "a") + masked(Ping, true, "p") + masked(Continuation, true, "b"), []string{"9:0:p", "1:0:ab"}, 0},
		{"5.9 continuation of nothing, final", masked(Continuation, true, "non") + masked(Text, true, "Hello"), nil, CloseProtocol},
		{"5.12 continuation of nothing, not final", masked(Continuation, false, "non"), nil, CloseProtocol},
		{"5.15 continuation after the end", masked(Text, false, "a") + masked(Continuation, true, "b") + masked(Continuation, false, "c"), []string{"1:0:ab"}, CloseProtocol},
		{"5.18 text inside a message", masked(Text, false, "a") + masked(Text, true, "b"), nil, CloseProtocol},
		{"5.19 pings within five fragments", masked(Text, false, "1") + masked(Continuation, false, "2") + masked(Ping, true, "p") + masked(Continuation, false, "3") + masked(Continuation, false, "4") + masked(Ping, true, "q") + masked(Continuation, true, "5"), []string{"9:0:p", "9:0:q", "1:0:12345"}, 0},
		{"6.1.1 empty fragments", masked(Text, false, "") + masked(Continuation, false, "") + masked(Continuation, true, ""), []string{"1:0:"}, 0},
		{"6.2.3 text cut inside characters", masked(Text, false, "Hello-\xc2") + masked(Continuation, false, "\xb5@\xc3") + masked(Continuation, true, "\x9f"), []string{"1:0:Hello-µ@ß"}, 0},
		{"6.3.1 invalid UTF-8", masked(Text, true, "\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80edited"), nil, CloseNotUTF8},
		{"6.4.1 fails in the first fragment", masked(Text, false, "\xce\xba\xf4\x90"), nil, CloseNotUTF8},
		{"6.5.1 first of a two-byte character alone", masked(Text, true, "\xce"), nil, CloseNotUTF8},
		{"6.6.2 a two-byte character", masked(Text, true, "\xce\xba"), []string{"1:0:κ"}, 0},
		{"6.7.4 U+10FFFF", masked(Text, true, "\xf4\x8f\xbf\xbf"), []string{"1:0:\U0010ffff"}, 0},
		{"6.9.1 U+0000", masked(Text, true, "\x00"), []string{"1:0:\x00"}, 0},
		{"6.11.5 above U+10FFFF", masked(Text, true, "\xf4\x90\x80\x80"), nil, CloseNotUTF8},
		{"6.12.1 lone continuation", masked(Text, true, "\x80"), nil, CloseNotUTF8},
		{"6.18.1 overlong slash", masked(Text, true, "\xc0\xaf"), nil, CloseNotUTF8},
		{"6.18.3 overlong in four bytes", masked(Text, true, "\xf0\x80\x80\xaf"), nil, CloseNotUTF8},
		{"6.21.1 surrogate", masked(Text, true, "\xed\xa0\x80"), nil, CloseNotUTF8},
		{"binary need not be UTF-8", masked(Binary, true, "\xff"), []string{"2:0:\xff"}, 0},
		{"7.1.3 ping after close", closing(1000, "") + masked(Ping, true, ""), []string{"8:1000:"}, 0},
		{"7.1.5 close inside a message", masked(Text, false, "f") + closing(1000, "") + masked(Continuation, true, "g"), []string{"8:1000:"}, 0},
		{"7.3.1 close without a code", masked(Close, true, ""), []string{"8:0:"}, 0},
		{"7.3.2 close of one byte", masked(Close, true, "a"), nil, CloseProtocol},
		{"7.3.4 close with a reason", closing(1000, "Hello World!"), []string{"8:1000:Hello World!"}, 0},
		{"7.3.5 close with the longest reason", closing(1000, long[:123]), []string{"8:1000:" + long[:123]}, 0},
		{"7.3.6 close too long", closing(1000, long[:124]), nil, CloseProtocol},
		{"7.5.1 reason not UTF-8", closing(1000, "\xce\xba\xed\xa0\x80"), nil, CloseNotUTF8},
		{"unmasked frame", string(AppendFrame(nil, Text, []byte("Hello"))), nil, CloseProtocol},
		{"unmasked and empty", "\x81\x00", nil, CloseProtocol},
		{"mask of zeros is a mask", "\x81\x82\x00\x00\x00\x00hi", []string{"1:0:hi"}, 0},
		{"125 bytes in 16 bits", "\x81\xfe\x00\x7d", nil, CloseProtocol},
		{"65535 bytes in 64 bits", "\x81\xff\x00\x00\x00\x00\x00\x00\xff\xff", nil, CloseProtocol},
		{"64-bit length with the top bit", "\x81\xff\x80", nil, CloseProtocol},
		{"largest 64-bit length", "\x81\xff\x7f\xff\xff\xff\xff\xff\xff\xff", nil, CloseTooBig},
		{"second fragment exceeds the limit", masked(Text, false, strings.Repeat("a", 8000)) + masked(Continuation, false, strings.Repeat("b", 193)), nil, CloseTooBig},
		{"sixteen fragments", masked(Text, false, "") + strings.Repeat(masked(Continuation, false, ""), 14) + masked(Continuation, true, ""), []string{"1:0:"}, 0},
		{"seventeen fragments", masked(Text, false, "") + strings.Repeat(masked(Continuation, false, ""), 16), nil, ClosePolicy},
		{"fragments are counted anew", masked(Text, false, "") + strings.Repeat(masked(Continuation, false, ""), 14) + masked(Continuation, true, "") + masked(Text, false, "a") + masked(Continuation, true, "b"), []string{"1:0:", "1:0:ab"}, 0},
	}
	for op := 0x3; op <= 0x7; op++ {
		cases = append(cases, testCase{fmt.Sprintf("4.1.%d reserved opcode", op-2), string([]byte{0x80 | byte(op)}), nil, CloseProtocol})
	}
	for op := 0xB; op <= 0xF; op++ {
		cases = append(cases, testCase{fmt.Sprintf("4.2.%d reserved control opcode", op-0xA), string([]byte{0x80 | byte(op)}), nil, CloseProtocol})
	}
	for i, code := range []int{1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999} {
		cases = append(cases, testCase{fmt.Sprintf("7.7.%d close %d", i+1, code), closing(code, ""), []string{fmt.Sprintf("8:%d:", code)}, 0})
	}
	for i, code := range []int{0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535} {
		cases = append(cases, testCase{fmt.Sprintf("7.9.%d close %d", i+1, code), closing(code, ""), nil, CloseProtocol})
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			for how, pieces := range map[string][][]byte{"whole": {[]byte(c.in)}, "bytewise": bytewise(c.in)} {
				p := NewParser(limits())
				got, code := read(&p, pieces...)
				if diff := cmp.Diff(c.want, got); diff != "" || code != c.code {
					t.Errorf("%s: code %d, want %d; messages -want +got\n%s", how, code, c.code, diff)
				}
			}
		})
	}
}

func slicesOf(s string, n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = s
	}
	return out
}

func TestPartialTellsWhetherSomethingIsMissing(t *testing.T) {
	p := NewParser(limits())
	whole := []byte(masked(Text, true, "hello"))
	for i := range whole {
		if want := i > 0; p.Partial() != want {
			t.Fatalf("after %d bytes Partial is %v", i, !want)
		}
		if _, _, err := p.Next(whole[i : i+1]); err != nil {
			t.Fatal(err)
		}
	}
	if p.Partial() {
		t.Error("Partial after a whole message")
	}
	read(&p, []byte(masked(Text, false, "x")))
	if !p.Partial() {
		t.Error("a fragmented message is not partial")
	}
}

func TestRefusedLengthAllocatesNothing(t *testing.T) {
	in := []byte("\x82\xff\x00\x00\x00\x00\x40\x00\x00\x00")
	allocs := testing.AllocsPerRun(100, func() {
		p := NewParser(limits())
		if _, _, err := p.Next(in); err == nil {
			t.Fatal("a gibibyte passed")
		}
	})
	if allocs > 4 {
		t.Errorf("%v allocations for a refused frame, want at most those of the error", allocs)
	}
}

func TestEmptyContinuationFloodIsCheap(t *testing.T) {
	in := []byte(masked(Text, false, "") + strings.Repeat(masked(Continuation, false, ""), 200_000))
	start := time.Now()
	p := NewParser(limits())
	if _, code := read(&p, in); code != ClosePolicy {
		t.Fatalf("code %d, want %d", code, ClosePolicy)
	}
	if d := time.Since(start); d > time.Second {
		t.Errorf("took %v", d)
	}
}

func TestWritersAndParserAgree(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var in []byte
		var want []string
		for range rapid.IntRange(1, 5).Draw(t, "messages") {
			text := rapid.StringN(0, 300, 2000).Draw(t, "text")
			cut := rapid.IntRange(0, len(text)).Draw(t, "cut")
			mask := [4]byte(rapid.SliceOfN(rapid.Byte(), 4, 4).Draw(t, "key"))
			in = AppendMasked(in, Text, false, mask, []byte(text[:cut]))
			in = AppendMasked(in, Continuation, true, mask, []byte(text[cut:]))
			want = append(want, "1:0:"+text)
		}
		p := NewParser(limits())
		got, code := read(&p, cutUp(in, rapid.SliceOfN(rapid.IntRange(1, 40), 1, 8).Draw(t, "cuts"))...)
		if diff := cmp.Diff(want, got); diff != "" || code != 0 {
			t.Fatalf("code %d, -want +got\n%s", code, diff)
		}
	})
}

// cutUp cuts b into pieces whose lengths repeat.
func cutUp(b []byte, lengths []int) [][]byte {
	var pieces [][]byte
	for i := 0; len(b) > 0; i++ {
		n := min(len(b), max(1, lengths[i%len(lengths)]))
		pieces = append(pieces, bytes.Clone(b[:n]))
		b = b[n:]
	}
	return pieces
}

func FuzzParser(f *testing.F) {
	f.Add([]byte(masked(Text, true, "hello")+closing(1000, "bye")), uint16(3))
	f.Add([]byte(masked(Text, false, "\xce")+masked(Ping, true, "p")+masked(Continuation, true, "\xba")), uint16(0x0102))
	f.Add([]byte("\x81\xff\x80"), uint16(1))
	f.Add([]byte("\x81\xfe\x00\x7d"), uint16(2))
	f.Add([]byte(strings.Repeat(masked(Text, false, ""), 3)), uint16(5))
	f.Fuzz(func(t *testing.T, in []byte, cut uint16) {
		whole, piecewise := NewParser(limits()), NewParser(limits())
		wantMessages, wantCode := read(&whole, bytes.Clone(in))
		gotMessages, gotCode := read(&piecewise, cutUp(in, []int{int(cut & 0xFF), int(cut >> 8)})...)
		if diff := cmp.Diff(wantMessages, gotMessages); diff != "" || gotCode != wantCode {
			t.Fatalf("cut up: code %d, want %d\n%s", gotCode, wantCode, diff)
		}
	})
}

func BenchmarkParser(b *testing.B) {
	in := []byte(masked(Text, true, strings.Repeat("danmaku ", 32)))
	p := NewParser(limits())
	b.ReportAllocs()
	b.SetBytes(int64(len(in)))
	for b.Loop() {
		if m, _, err := p.Next(in); err != nil || m.Op != Text {
			b.Fatal(err)
		}
	}
}
