package rtmp

import (
	"bytes"
	"encoding/binary"

	"github.com/barrage-live/barrage/internal/fault"
)

// Limits of what a connection may make us hold.
const (
	// preAuthBytes is all a connection may send before its key is verified: the handshake has 3073, the
	// commands of known encoders under 2000.
	preAuthBytes = 16 << 10
	// preAuthMessage is the longest message until then that is not media. The library reads arrays within
	// arrays by recursion: 32 KiB hold 8,000 of them, for which a stack grows to megabytes.
	preAuthMessage = 4 << 10
	// maxOther is the longest other message: of media before, of anything else after.
	maxOther = 32 << 10
	// maxMessage is the longest access unit.
	maxMessage = 8 << 20
	// maxPartial bounds all messages that have begun and are not complete.
	maxPartial = 12 << 20
	// maxChunkStreams bounds the chunk streams of a connection; encoders have up to five.
	maxChunkStreams = 64
	// minChunk is the smallest chunk size that may be set; with tiny ones nearly all that comes is headers.
	minChunk = 128
	// minWindow is the smallest window between acknowledgements that may be asked for; encoders want
	// megabytes. With one of a byte, each byte that comes has us write 16.
	minWindow = 4 << 10
	// keptBody is the longest buffer that a chunk stream keeps for its next message.
	keptBody = 128 << 10
)

// The refusals of the chunk layer.
var (
	errNotRTMP   = fault.New(fault.Invalid, "not_rtmp", "the connection does not begin as plain RTMP does")
	errBadChunk  = fault.New(fault.Invalid, "bad_chunk", "the chunk stream is malformed")
	errTooLong   = fault.New(fault.Exhausted, "message_too_long", "a message is longer than it may be")
	errTooMuch   = fault.New(fault.Exhausted, "too_much_before_auth", "too much was sent before the key was verified")
	errTooManyIn = fault.New(fault.Exhausted, "too_many_partial", "too many messages are begun and not complete")
)

// handshakeSize is what a client sends before its first chunk: C0, C1 and C2 (RTMP 1.0 section 5.2).
const handshakeSize = 1 + 1536 + 1536

// Message types (RTMP 1.0 sections 5.4 and 7.1).
const (
	typeSetChunkSize = 1
	typeAbort        = 2
	typeAcknowledge  = 3
	typeUserControl  = 4
	typeWindow       = 5
	typeAudio        = 8
	typeVideo        = 9
	typeDataAMF3     = 15
	typeCommandAMF3  = 17
	typeDataAMF0     = 18
	typeCommandAMF0  = 20
	typeAggregate    = 22
)

// rawMessage is a message as it came.
type rawMessage struct {
	kind   byte
	time   uint32 // in ms
	stream uint32 // of messages; its bytes are in the order of the wire, which is nobody's
	body   []byte // until the next message of the connection
}

// reassembly makes messages of chunks (RTMP 1.0 section 5.3), as encoders write them: chunk streams of all
// numbers, chunks of any size, extended timestamps in all chunks, as the specification has it, or only where
// a message begins. It holds no more than has come, refuses what is too long when its header tells so, and
// follows what changes the chunk layer by itself. It is a pure machine: give it every byte after the
// handshake, in order, in pieces of any size.
type reassembly struct {
	verified bool
	window   uint32 // after so many bytes the client wants to hear that they came; 0: it does not
	size     int    // of a chunk
	partial  int    // length of all messages begun and not complete
	streams  map[uint32]*chunkStream
	repeats  repeating

	head    []byte       // the header being read
	current *chunkStream // whose body is being read; nil: a header is
	left    int          // bytes of the chunk's body still to come
	again   []byte       // what was read too far, once in a connection
}

// repeating is what is known of how a client writes the extended timestamp in chunks that go on with a
// message.
type repeating uint8

const (
	notSeen repeating = iota
	repeats
	omits
)

type chunkStream struct {
	kind     byte
	length   int
	stamp    uint32 // the last field of a header: the time, or the difference
	extended bool   // that was written in four bytes
	time     uint32
	delta    uint32
	stream   uint32
	body     []byte // what has come of a message
}

func newReassembly() *reassembly {
	return &reassembly{size: 128, streams: map[uint32]*chunkStream{}, head: make([]byte, 0, 24)}
}

// next takes bytes until a message is complete, and tells how many. ok is false when it needs more.
func (r *reassembly) next(p []byte) (n int, m rawMessage, ok bool, err error) {
	for {
		src := p[n:]
		again := len(r.again) > 0
		if again {
			src = r.again
		}
		if len(src) == 0 {
			return n, m, false, nil
		}
		taken := 1
		if r.current == nil {
			r.head = append(r.head, src[0])
			err = r.header()
		} else {
			taken = min(r.left, len(src))
			r.take(src[:taken])
		}
		if again {
			r.again = r.again[taken:]
		} else {
			n += taken
		}
		if err != nil {
			return n, m, false, err
		}
		s := r.current
		if s == nil || r.left > 0 {
			continue
		}
		if r.current = nil; len(s.body) < s.length {
			continue
		}
		m, err = r.complete(s)
		return n, m, err == nil, err
	}
}

// take adds to the body of the current chunk.
func (r *reassembly) take(p []byte) {
	s := r.current
	if have := len(s.body); have+len(p) > cap(s.body) {
		// What is announced need not come: at most twice as much is held as has come.
		grown := make([]byte, have, min(s.length, 2*(have+len(p))))
		copy(grown, s.body)
		s.body = grown
	}
	s.body = append(s.body, p...)
	r.left -= len(p)
}

// header looks at the header as far as it has come, and begins the chunk when it is whole.
func (r *reassembly) header() error {
	h := r.head
	basic := 1
	if low := h[0] & 0x3f; low < 2 {
		basic = int(low) + 2
	}
	if len(h) < basic {
		return nil
	}
	format, id := h[0]>>6, uint32(h[0]&0x3f)
	switch basic {
	case 2:
		id = 64 + uint32(h[1])
	case 3:
		id = 64 + uint32(h[1]) + uint32(h[2])<<8
	}
	s := r.streams[id]
	fields := h[basic:]
	want := [...]int{11, 7, 3, 0}[format]
	switch {
	case s == nil && format > 1: // some begin with a difference, from nothing
		return errBadChunk
	case len(fields) < want:
		return nil
	case format == 3:
		return r.goOn(s, fields)
	case s != nil && len(s.body) > 0: // in the middle of a message
		return errBadChunk
	}
	stamp := uint24(fields)
	extended := stamp == 0xffffff
	if extended {
		if len(fields) < want+4 {
			return nil
		}
		stamp = binary.BigEndian.Uint32(fields[want:])
	}
	if s == nil {
		if len(r.streams) == maxChunkStreams {
			return errBadChunk
		}
		s = &chunkStream{}
		r.streams[id] = s
	}
	s.stamp, s.extended = stamp, extended
	if format < 2 {
		s.length = int(uint24(fields[3:]))
		s.kind = fields[6]
	}
	if format == 0 {
		s.stream = binary.BigEndian.Uint32(fields[7:])
		s.time, s.delta = stamp, 0
	} else {
		s.time += stamp
		s.delta = stamp
	}
	return r.begin(s, nil)
}

func uint24(b []byte) uint32 { return uint32(b[0])<<16 | uint32(b[1])<<8 | uint32(b[2]) }

// goOn takes a chunk without a header of its own. Where the last header had an extended timestamp, the
// specification has it repeated here. Some encoders leave it out and some write zeros, so what follows is
// looked at once, byte by byte. No picture holds its time by chance, nor, in the formats that are carried,
// four zeros; one whose last bytes begin so waits for the next message.
func (r *reassembly) goOn(s *chunkStream, fields []byte) error {
	var rest []byte // of the body, read to find out
	if s.extended && r.repeats != omits {
		switch {
		case r.repeats == notSeen && !s.repeated(fields):
			r.repeats, rest = omits, fields
		case len(fields) < 4:
			return nil
		default:
			r.repeats = repeats
		}
	}
	if len(s.body) == 0 {
		s.time += s.delta
	}
	return r.begin(s, rest)
}

// repeated reports whether an extended timestamp may begin so.
func (s *chunkStream) repeated(b []byte) bool {
	for _, v := range [...]uint32{s.stamp, s.time, 0} {
		if bytes.HasPrefix(binary.BigEndian.AppendUint32(nil, v), b) {
			return true
		}
	}
	return false
}

// begin begins the body of a chunk, of which some bytes may have been read. A body shorter than those has
// been read to its end; what is more begins the next header.
func (r *reassembly) begin(s *chunkStream, rest []byte) error {
	if len(s.body) == 0 {
		if err := r.admit(s); err != nil {
			return err
		}
	}
	r.current, r.left = s, min(s.length-len(s.body), r.size)
	n := min(len(rest), r.left)
	r.take(rest[:n])
	r.again = append(r.again, rest[n:]...)
	r.head = r.head[:0]
	return nil
}

// admit judges a message that begins.
func (r *reassembly) admit(s *chunkStream) error {
	if s.length > longest(s.kind, r.verified) {
		return errTooLong
	}
	if r.partial += s.length; r.partial > maxPartial {
		return errTooManyIn
	}
	return nil
}

// longest is how long a message of a kind may be.
func longest(kind byte, verified bool) int {
	switch media := kind == typeAudio || kind == typeVideo; {
	case verified && (media || kind == typeAggregate):
		return maxMessage
	case verified || media:
		return maxOther
	}
	return preAuthMessage
}

// complete gives the message that a chunk stream holds, and does what it asks of the chunk layer.
func (r *reassembly) complete(s *chunkStream) (m rawMessage, err error) {
	m = rawMessage{kind: s.kind, time: s.time, stream: s.stream, body: s.body}
	r.partial -= s.length
	if s.body = s.body[:0]; cap(s.body) > keptBody {
		s.body = nil
	}
	if len(m.body) != 4 {
		return m, nil
	}
	v := binary.BigEndian.Uint32(m.body)
	switch m.kind {
	case typeSetChunkSize:
		if v < minChunk || v > 1<<31-1 {
			return m, errBadChunk
		}
		r.size = int(v)
	case typeWindow:
		if v > 0 && v < minWindow { // none at all asks for no acknowledgements
			return m, errBadChunk
		}
		r.window = v
	case typeAbort:
		if s := r.streams[v]; s != nil && len(s.body) > 0 {
			s.body = s.body[:0]
			r.partial -= s.length
		}
	}
	return m, nil
}
