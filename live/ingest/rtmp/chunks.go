package rtmp

import (
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
	// minChunk is the smallest chunk size that may be set; tiny ones make the reader keep more than it reads.
	minChunk = 128
	// minWindow is the smallest window between acknowledgements that may be asked for; encoders want
	// megabytes. With one of a byte, each byte that comes has us write 16.
	minWindow = 4 << 10
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

// message types that change the chunk layer or have us write, and those of media (section 5.4, 7.1).
const (
	typeSetChunkSize = 1
	typeAbort        = 2
	typeWindow       = 5
	typeAudio        = 8
	typeVideo        = 9
)

// chunks follows the chunk layer of a connection (RTMP 1.0 section 5.3) as far as lengths go. The library
// allocates what a chunk header announces before it has come; chunks sees the header first and refuses what
// is too long. It is a pure machine: feed it every byte in order, in pieces of any size.
type chunks struct {
	verified  bool
	total     int
	messages  int // that are complete
	handshake int // bytes still to come
	size      int // of a chunk
	partial   int // announced length of all messages begun and not complete
	streams   [64]chunkStream

	head    []byte // the header being read
	current *chunkStream
	body    int      // bytes of the chunk's body still to come
	control []byte   // body of a message that changes this layer, or the beginning of one of media
	sounds  [][]byte // AudioSpecificConfigs that have come and the library has not read, in order
}

type chunkStream struct {
	used     bool
	kind     byte
	length   int
	got      int
	extended bool
	sound    []byte // the message as far as it has come, if it is a sequence header of AAC
}

func newChunks() *chunks {
	return &chunks{handshake: handshakeSize, size: 128, head: make([]byte, 0, 16)}
}

// feed takes the next bytes and reports the first thing that must not reach the library.
func (c *chunks) feed(p []byte) error {
	if c.total == 0 && len(p) > 0 && p[0] != 3 {
		return errNotRTMP
	}
	c.total += len(p)
	if !c.verified && c.total > preAuthBytes {
		return errTooMuch
	}
	for len(p) > 0 {
		n := 1
		switch {
		case c.handshake > 0:
			n = min(c.handshake, len(p))
			c.handshake -= n
		case c.body > 0:
			n = min(c.body, len(p))
			if err := c.take(p[:n]); err != nil {
				return err
			}
		default:
			c.head = append(c.head, p[0])
			if len(c.head) < c.headSize() {
				break
			}
			if err := c.begin(); err != nil {
				return err
			}
			c.head = c.head[:0]
		}
		p = p[n:]
	}
	return nil
}

// headSize is how long the header is, as far as the bytes read so far tell.
func (c *chunks) headSize() int {
	format := c.head[0] >> 6
	n := [...]int{12, 8, 4, 1}[format]
	switch {
	case format == 3 && c.streams[c.head[0]&0x3f].extended:
		n += 4
	case format < 3 && len(c.head) >= 4 && timestamp(c.head) == 0xffffff:
		n += 4
	}
	return n
}

func timestamp(head []byte) uint32 {
	return uint32(head[1])<<16 | uint32(head[2])<<8 | uint32(head[3])
}

// begin takes a complete header.
func (c *chunks) begin() error {
	format, id := c.head[0]>>6, c.head[0]&0x3f
	s := &c.streams[id]
	if id < 2 || (format != 0 && !s.used) || (format != 3 && s.got > 0) {
		return errBadChunk
	}
	if format < 2 {
		s.length = int(c.head[4])<<16 | int(c.head[5])<<8 | int(c.head[6])
		s.kind = c.head[7]
	}
	if format < 3 {
		s.used = true
		t := timestamp(c.head)
		if t == 0xffffff {
			t = binary.BigEndian.Uint32(c.head[len(c.head)-4:])
		}
		s.extended = t >= 0xffffff
	}
	if s.got == 0 {
		if err := c.admit(s); err != nil {
			return err
		}
	}
	c.current = s
	c.body = min(s.length-s.got, c.size)
	if c.body == 0 {
		return c.take(nil)
	}
	return nil
}

// admit judges a message that begins.
func (c *chunks) admit(s *chunkStream) error {
	limit := maxOther
	switch media := s.kind == typeAudio || s.kind == typeVideo; {
	case media && c.verified:
		limit = maxMessage
	case !media && !c.verified:
		limit = preAuthMessage
	}
	if s.length > limit {
		return errTooLong
	}
	if c.partial += s.length; c.partial > maxPartial {
		return errTooManyIn
	}
	c.control, s.sound = c.control[:0], nil
	return nil
}

// take takes bytes of a chunk's body.
func (c *chunks) take(p []byte) error {
	s := c.current
	c.body -= len(p)
	s.got += len(p)
	switch {
	case s.kind == typeAudio || s.kind == typeVideo:
		if err := c.media(s, p); err != nil {
			return err
		}
	case (s.kind == typeSetChunkSize || s.kind == typeAbort || s.kind == typeWindow) && len(c.control)+len(p) <= 4:
		c.control = append(c.control, p...)
	}
	if s.got < s.length {
		return nil
	}
	s.got = 0
	c.partial -= s.length
	c.messages++
	c.heard(s)
	if len(c.control) != 4 {
		return nil
	}
	v := binary.BigEndian.Uint32(c.control)
	c.control = c.control[:0]
	switch s.kind {
	case typeSetChunkSize:
		if v < minChunk || v > maxMessage {
			return errBadChunk
		}
		c.size = int(v)
	case typeWindow:
		if v > 0 && v < minWindow { // none at all asks for no acknowledgements
			return errBadChunk
		}
	case typeAbort:
		if v >= 2 && v < 64 && c.streams[v].got > 0 {
			c.streams[v].got = 0
			c.partial -= c.streams[v].length
		}
	}
	return nil
}
