package rtmp

import (
	"bytes"
	"encoding/binary"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/bluenviron/gortmplib/pkg/bytecounter"
	"github.com/bluenviron/gortmplib/pkg/rawmessage"
	"pgregory.net/rapid"
)

// reassembled gives the messages of bytes that come in pieces of one size.
func reassembled(r *reassembly, b []byte, piece int) (list []rawMessage, err error) {
	for p := range slices.Chunk(b, piece) {
		for {
			n, m, ok, err := r.next(p)
			if err != nil {
				return list, err
			}
			p = p[n:]
			if !ok {
				break
			}
			m.body = bytes.Clone(m.body)
			list = append(list, m)
		}
	}
	return list, nil
}

// habit is how an encoder writes chunks.
type habit struct {
	size     int
	wide     bool // three bytes for the chunk stream
	far      bool // two
	omits    bool // the extended timestamp where a message goes on
	absolute bool // repeats the time, where the header had a difference
	zeros    bool // has zeros in its place
	short    bool // headers without what is as before
}

// written writes messages of one chunk stream each by a habit; those of several chunks lie one in another.
func (h habit) written(list []rawMessage) (b []byte) {
	type state struct {
		written bool
		last    rawMessage
		stamp   uint32
	}
	streams := map[byte]*state{}
	for _, m := range list {
		id := m.kind
		s := streams[id]
		if s == nil {
			s = &state{}
			streams[id] = s
		}
		format, stamp := byte(0), m.time
		if h.short && s.written && m.time >= s.last.time {
			format, stamp = 1, m.time-s.last.time
			if len(m.body) == len(s.last.body) {
				format = 2
			}
		}
		s.written, s.last, s.stamp = true, m, stamp
		for at := 0; at == 0 || at < len(m.body); at += h.size {
			if at > 0 {
				format = 3
			}
			switch {
			case h.wide:
				b = append(b, format<<6|1, id, 1)
			case h.far:
				b = append(b, format<<6, id)
			default:
				b = append(b, format<<6|id)
			}
			field := min(stamp, 0xffffff)
			if format < 3 {
				b = append(b, byte(field>>16), byte(field>>8), byte(field))
			}
			if format < 2 {
				b = append(b, byte(len(m.body)>>16), byte(len(m.body)>>8), byte(len(m.body)), m.kind)
			}
			if format == 0 {
				b = binary.BigEndian.AppendUint32(b, m.stream)
			}
			if field == 0xffffff && (format < 3 || !h.omits) {
				v := stamp
				if format == 3 && h.absolute {
					v = m.time
				}
				if format == 3 && h.zeros {
					v = 0
				}
				b = binary.BigEndian.AppendUint32(b, v)
			}
			b = append(b, m.body[at:min(at+h.size, len(m.body))]...)
		}
	}
	return b
}

// pattern is a body that no other shifted by a byte is like.
func pattern(n int, seed byte) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i*i>>3) + byte(i>>7) + seed
	}
	return b
}

func drawHabit(t *rapid.T) habit {
	return habit{
		size: rapid.IntRange(minChunk, 3000).Draw(t, "chunk size"),
		wide: rapid.Bool().Draw(t, "three bytes"), far: rapid.Bool().Draw(t, "two bytes"),
		omits: rapid.Bool().Draw(t, "omits"), absolute: rapid.Bool().Draw(t, "absolute"), zeros: rapid.Bool().Draw(t, "zeros"),
		short: rapid.Bool().Draw(t, "short headers"),
	}
}

// TestEncodersWriteChunksAsTheyLike: whatever habit an encoder has, its messages come out, and the library,
// shown them as one chunk each, reads the same.
func TestEncodersWriteChunksAsTheyLike(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := drawHabit(t)
		clock := rapid.SampledFrom([]uint32{0, 0xffffff - 50, 0xffffffff - 50}).Draw(t, "clock")
		var list []rawMessage
		for range rapid.IntRange(1, 20).Draw(t, "messages") {
			clock += rapid.SampledFrom([]uint32{0, 1, 40, 0xffffff, 0x1000000}).Draw(t, "step")
			list = append(list, rawMessage{
				kind: rapid.SampledFrom([]byte{typeAudio, typeVideo, typeDataAMF0, typeCommandAMF0}).Draw(t, "type"), time: clock, stream: 1 << 24,
				body: pattern(rapid.SampledFrom([]int{1, 3, 127, 128, 129, 131, 300, 4999}).Draw(t, "length"), byte(len(list))),
			})
		}
		set := binary.BigEndian.AppendUint32([]byte{2, 0, 0, 0, 0, 0, 4, typeSetChunkSize, 0, 0, 0, 0}, uint32(h.size))
		r := newReassembly()
		r.verified = true
		// Nobody can tell the last bytes of a message from the beginning of a timestamp before more comes.
		end := []byte{2, 0, 0, 0, 0, 0, 4, typeAcknowledge, 0, 0, 0, 0, 1, 2, 3, 4}
		got, err := reassembled(r, slices.Concat(set, h.written(list), end), rapid.IntRange(1, 5000).Draw(t, "piece"))
		if err != nil || len(got) != len(list)+2 {
			t.Fatalf("%d of %d messages, %v", len(got), len(list)+2, err)
		}
		got = got[:len(list)+1]
		var canonical []byte
		canonical = binary.BigEndian.AppendUint32(append(canonical, 2, 0, 0, 0, 0, 0, 4, typeSetChunkSize, 0, 0, 0, 0), canonicalChunk)
		for i, m := range got[1:] {
			if want := list[i]; m.kind != want.kind || m.time != want.time || m.stream != want.stream || !bytes.Equal(m.body, want.body) {
				t.Fatalf("message %d: type %d at %d, %d bytes; want %d at %d, %d", i, m.kind, m.time, len(m.body), want.kind, want.time, len(want.body))
			}
			canonical = append(appendHeader(canonical, chunkStreamOf(m.kind), m), m.body...)
		}
		lib := rawmessage.NewReader(bytes.NewReader(canonical), bytecounter.NewReader(nil), func(uint32) error { return nil })
		for i := range got {
			m, err := lib.Read()
			if err != nil {
				t.Fatalf("the library, message %d: %v", i, err)
			}
			if i == 0 {
				if err := lib.SetChunkSize(canonicalChunk); err != nil {
					t.Fatal(err)
				}
				continue
			}
			if want := list[i-1]; m.Type != want.kind || m.Timestamp != time.Duration(want.time)*time.Millisecond ||
				m.MessageStreamID != want.stream || !bytes.Equal(m.Body, want.body) {
				t.Fatalf("the library reads message %d otherwise", i)
			}
		}
		if len(r.head) != 0 || r.current != nil || r.partial != 0 {
			t.Fatalf("ends in the middle: head %d, partial %d", len(r.head), r.partial)
		}
	})
}

// TestMessagesThatLieOneInAnother: chunks of several messages alternate, one of them is given up.
func TestMessagesThatLieOneInAnother(t *testing.T) {
	head := func(id, kind byte, n int) []byte {
		return []byte{id, 0, 0, 5, 0, byte(n >> 8), byte(n), kind, 1, 0, 0, 0}
	}
	body := bytes.Repeat([]byte{7}, 128)
	in := slices.Concat(
		head(4, typeAudio, 200), body, head(6, typeVideo, 300), body, head(8, typeVideo, 256), body,
		head(2, typeAbort, 4), []byte{0, 0, 0, 8},
		[]byte{0xc6}, body, []byte{0xc4}, body[:72], []byte{0xc6}, body[:44], head(8, typeVideo, 1), body[:1],
	)
	for piece := 1; piece < 300; piece += 7 {
		r := newReassembly()
		r.verified = true
		got, err := reassembled(r, in, piece)
		if err != nil || len(got) != 4 || len(got[1].body) != 200 || len(got[2].body) != 300 || len(got[3].body) != 1 || r.partial != 0 {
			t.Fatalf("in pieces of %d: %d messages, %d bytes partial, %v", piece, len(got), r.partial, err)
		}
	}
}

// TestChunkRefusals: what is too long or makes no sense is refused by its header, before any of it is held.
func TestChunkRefusals(t *testing.T) {
	long := func(kind byte, n int) []byte {
		return []byte{6, 0, 0, 0, byte(n >> 16), byte(n >> 8), byte(n), kind, 0, 0, 0, 0}
	}
	set := func(kind byte, v uint32) []byte {
		return binary.BigEndian.AppendUint32([]byte{2, 0, 0, 0, 0, 0, 4, kind, 0, 0, 0, 0}, v)
	}
	var many []byte
	for i := range maxChunkStreams + 1 {
		many = append(many, 0, byte(i), 0, 0, 0, 0, 0, 0, typeAudio, 0, 0, 0, 0)
	}
	var partial []byte
	for id := byte(4); id < 7; id++ {
		partial = append(append(partial, id, 0, 0, 0, 0x60, 0, 0, typeVideo, 0, 0, 0, 0), make([]byte, 128)...)
	}
	for name, c := range map[string]struct {
		in       []byte
		verified bool
		want     error
	}{
		"a command before the key":      {long(typeCommandAMF0, preAuthMessage+1), false, errTooLong},
		"a picture before the key":      {long(typeVideo, maxOther+1), false, errTooLong},
		"a command":                     {long(typeCommandAMF0, maxOther+1), true, errTooLong},
		"a picture":                     {long(typeVideo, maxMessage+1), true, errTooLong},
		"pictures that are begun":       {partial, true, errTooManyIn},
		"a chunk size of 127":           {set(typeSetChunkSize, minChunk-1), true, errBadChunk},
		"a chunk size of 2^31":          {set(typeSetChunkSize, 1<<31), true, errBadChunk},
		"a window of a byte":            {set(typeWindow, 1), true, errBadChunk},
		"no chunk before":               {[]byte{0x86}, true, errBadChunk},
		"a difference from nothing":     {[]byte{0x46, 0, 0, 5, 0, 0, 1, typeAudio, 7}, true, nil},
		"an aggregate before the key":   {long(typeAggregate, preAuthMessage+1), false, errTooLong},
		"a header within a message":     {append(append(long(typeVideo, 200), make([]byte, 128)...), long(typeVideo, 1)...), true, errBadChunk},
		"chunk streams without end":     {many, true, errBadChunk},
		"a chunk size of 2^31-1 passes": {set(typeSetChunkSize, 1<<31-1), true, nil},
		"no window at all passes":       {set(typeWindow, 0), true, nil},
	} {
		r := newReassembly()
		r.verified = c.verified
		_, err := reassembled(r, c.in, 3)
		if !errors.Is(err, c.want) || (c.want == nil) != (err == nil) {
			t.Errorf("%s: %v", name, err)
		}
		held := 0
		for _, s := range r.streams {
			held += cap(s.body)
		}
		if held > 2*len(c.in) {
			t.Errorf("%s: %d bytes are held of %d", name, held, len(c.in))
		}
	}
}

// TestWhatTheLibraryReads: what it does not know is left out, AMF3 around AMF0 is taken off, and aggregates
// are taken apart.
func TestWhatTheLibraryReads(t *testing.T) {
	for name, c := range map[string]struct {
		in   rawMessage
		kind byte // 0: left out
		body string
	}{
		"a picture":               {rawMessage{kind: typeVideo, body: []byte("\x17\x01")}, typeVideo, "\x17\x01"},
		"metadata of pictures":    {rawMessage{kind: typeVideo, body: []byte("\x94hvc1colours")}, 0, ""},
		"an empty picture":        {rawMessage{kind: typeVideo}, 0, ""},
		"AMF0 data in AMF3":       {rawMessage{kind: typeDataAMF3, body: []byte("\x00\x02")}, typeDataAMF0, "\x02"},
		"an AMF0 command in AMF3": {rawMessage{kind: typeCommandAMF3, body: []byte("\x00\x02")}, typeCommandAMF0, "\x02"},
		"real AMF3":               {rawMessage{kind: typeDataAMF3, body: []byte("\x11")}, 0, ""},
		"a shared object":         {rawMessage{kind: 19, body: []byte("\x00")}, 0, ""},
		"a kind of no meaning":    {rawMessage{kind: 77, body: []byte("\x00")}, 0, ""},
	} {
		m, ok := known(c.in)
		if ok != (c.kind != 0) || ok && (m.kind != c.kind || string(m.body) != c.body) {
			t.Errorf("%s: %v, type %d, %q", name, ok, m.kind, m.body)
		}
	}
	tag := func(kind byte, at uint32, body string) []byte {
		b := []byte{kind, 0, 0, byte(len(body)), byte(at >> 16), byte(at >> 8), byte(at), byte(at >> 24), 0, 0, 0}
		return append(append(b, body...), 0, 0, 0, byte(11+len(body)))
	}
	all := slices.Concat(tag(typeVideo, 0x01000005, "picture"), tag(typeAudio, 0x01000015, "sound"), tag(99, 0, "?"), tag(typeVideo, 0x01000025, "cut off")[:14])
	a := aggregate{rawMessage: rawMessage{kind: typeAggregate, time: 1000, stream: 1, body: all}}
	var got []rawMessage
	for m, ok := a.next(); ok; m, ok = a.next() {
		got = append(got, m)
	}
	if len(got) != 3 || got[0].time != 1000 || string(got[0].body) != "picture" || got[1].time != 1016 || got[1].kind != typeAudio || got[1].stream != 1 {
		t.Errorf("an aggregate: %+v", got)
	}
}

// FuzzReassembly holds that no input makes it hold more than the limits allow, or give a message that is
// longer.
func FuzzReassembly(f *testing.F) {
	f.Add([]byte{0x03, 0, 0, 0, 0, 0, 4, 20, 0, 0, 0, 0, 1, 2, 3, 4}, true, uint8(3))
	f.Add([]byte{0x02, 0, 0, 0, 0, 0, 4, 1, 0, 0, 0, 0, 0, 0, 16, 0, 0xc3}, false, uint8(1))
	f.Add([]byte{0x04, 0xff, 0xff, 0xff, 0, 1, 0, 9, 0, 0, 0, 0, 1, 0, 0, 0}, true, uint8(9))
	f.Fuzz(func(t *testing.T, b []byte, verified bool, piece uint8) {
		r := newReassembly()
		r.verified = verified
		list, err := reassembled(r, b, int(piece)+1)
		sum := 0
		for _, m := range list {
			sum += len(m.body)
			_, _ = known(m)
			a := aggregate{rawMessage: m}
			for part, ok := a.next(); ok; part, ok = a.next() {
				sum -= len(part.body)
			}
		}
		held := 0
		for _, s := range r.streams {
			held += len(s.body)
		}
		if err == nil && (sum < 0 || held > len(b) || r.partial < 0 || r.partial > maxPartial || len(r.head) > 18) {
			t.Fatalf("%d bytes are held of %d, %d announced, head %d", held, len(b), r.partial, len(r.head))
		}
	})
}
