package rfc6455

import (
	"encoding/binary"
	"fmt"
	"unicode/utf8"
)

// Limits bound what a peer may send.
type Limits struct {
	// Message is the largest message in bytes, over all its fragments.
	Message int
	// Fragments is the largest number of frames of one message; empty ones count.
	Fragments int
}

// Message is a whole data message or one control frame.
type Message struct {
	// Op is Text, Binary, Close, Ping or Pong; Continuation (zero) means that there is no message yet.
	Op Opcode
	// Payload is the unmasked content; of a close frame it is the reason.
	Payload []byte
	// Code is the close code, 0 if the close frame had none.
	Code int
}

// Violation is a breach of the protocol or of a limit.
type Violation struct {
	// Code is the close code to answer with.
	Code int
	// Reason names the breach in plain words.
	Reason string
}

// Error names the breach.
func (v *Violation) Error() string {
	return fmt.Sprintf("websocket violation %d: %s", v.Code, v.Reason)
}

func protocolError(reason string) error { return &Violation{CloseProtocol, reason} }

// frame is the header of the frame being read.
type frame struct {
	op     Opcode
	fin    bool
	length int
	key    [4]byte
	read   int // payload bytes taken so far
}

// Parser puts messages together from the bytes of one client. It is made by NewParser and not safe for
// concurrent use.
type Parser struct {
	limits Limits
	header [14]byte
	have   int // header bytes taken
	want   int // header bytes this frame has as far as known; 0 while before the second byte
	frame  frame
	inBody bool

	op        Opcode // of the message begun; Continuation if none is
	fragments int
	message   []byte
	text      utf8Check
	control   []byte
	done      bool
}

// NewParser makes a parser that holds a peer to the limits.
func NewParser(l Limits) Parser { return Parser{limits: l} }

// Partial reports whether a frame or a fragmented message has begun and not ended.
func (p *Parser) Partial() bool { return !p.done && (p.have > 0 || p.inBody || p.op != Continuation) }

// Next takes bytes from b until a message is whole, and says how many it took. Without a whole message all
// of b is taken and the message has opcode Continuation. After an error, and after a close frame,
// everything is swallowed.
func (p *Parser) Next(b []byte) (m Message, n int, err error) {
	for n < len(b) {
		if p.done {
			return Message{}, len(b), nil
		}
		if !p.inBody {
			err = p.headerByte(b[n])
			n++
		} else {
			var took int
			took, err = p.body(b[n:])
			n += took
		}
		if err == nil && p.inBody && p.frame.read == p.frame.length {
			m, err = p.finish()
		}
		if err != nil {
			p.done = true
			p.message, p.control = nil, nil
			return Message{}, len(b), err
		}
		if m.Op != Continuation {
			return m, n, nil
		}
	}
	return Message{}, n, nil
}

// headerByte takes one byte of a frame's header and judges it at once.
func (p *Parser) headerByte(c byte) error {
	p.header[p.have] = c
	p.have++
	switch p.have {
	case 1:
		return p.firstByte(c)
	case 2:
		return p.secondByte(c)
	case 3:
		if p.header[1]&lengthBits == length64 && c&0x80 != 0 {
			return protocolError("the highest bit of a 64-bit length is set")
		}
	}
	if lengthEnd := p.want - 4; p.have == lengthEnd && lengthEnd > 2 {
		if err := p.extendedLength(p.header[2:lengthEnd]); err != nil {
			return err
		}
	}
	if p.have == p.want {
		copy(p.frame.key[:], p.header[p.want-4:p.want])
		p.have, p.inBody = 0, true
	}
	return nil
}

func (p *Parser) firstByte(c byte) error {
	p.frame = frame{op: Opcode(c & opcodeBits), fin: c&finBit != 0}
	switch op := p.frame.op; {
	case c&rsvBits != 0:
		return protocolError("a reserved bit is set")
	case op > Binary && op < Close, op > Pong:
		return protocolError("reserved opcode")
	case op.control() && !p.frame.fin:
		return protocolError("a control frame is fragmented")
	case op == Continuation && p.op == Continuation:
		return protocolError("a continuation of nothing")
	case !op.control() && op != Continuation && p.op != Continuation:
		return protocolError("a new message before the last one ended")
	case !op.control():
		p.fragments++
		if p.fragments > p.limits.Fragments {
			return &Violation{ClosePolicy, "too many fragments"}
		}
	}
	return nil
}

func (p *Parser) secondByte(c byte) error {
	n := int(c & lengthBits)
	switch {
	case c&maskBit == 0:
		return protocolError("a client frame is not masked")
	case p.frame.op.control() && n > maxControl:
		return protocolError("a control frame is longer than 125 bytes")
	case n == length64:
		p.want = 2 + 8 + 4
	case n == length16:
		p.want = 2 + 2 + 4
	default:
		p.want = 2 + 4
		return p.length(uint64(n))
	}
	return nil
}

func (p *Parser) extendedLength(b []byte) error {
	var n, least uint64
	if len(b) == 2 {
		n, least = uint64(binary.BigEndian.Uint16(b)), length16
	} else {
		n, least = binary.BigEndian.Uint64(b), maxShort+1
	}
	if n < least {
		return protocolError("a length is not in its shortest form")
	}
	return p.length(n)
}

// length judges the payload length of the frame; only a length that passed is ever turned into an int.
func (p *Parser) length(n uint64) error {
	if !p.frame.op.control() && n > uint64(p.limits.Message-len(p.message)) {
		return &Violation{CloseTooBig, fmt.Sprintf("a message is longer than %d bytes", p.limits.Message)}
	}
	p.frame.length = int(n)
	return nil
}

// body takes payload bytes, at most those of this frame.
func (p *Parser) body(b []byte) (int, error) {
	f := &p.frame
	b = b[:min(len(b), f.length-f.read)]
	dst := &p.message
	if f.op.control() {
		dst = &p.control
	} else if f.op != Continuation {
		p.op = f.op
	}
	if *dst == nil && len(b) == f.length {
		*dst = make([]byte, 0, len(b))
	}
	start := len(*dst)
	*dst = append(*dst, b...)
	fresh := (*dst)[start:]
	unmask(fresh, f.key, f.read)
	f.read += len(b)
	if !f.op.control() && p.op == Text && !p.text.feed(fresh) {
		return len(b), &Violation{CloseNotUTF8, "a text is not UTF-8"}
	}
	return len(b), nil
}

// finish ends a frame and gives the message it completes, if it does.
func (p *Parser) finish() (Message, error) {
	f := p.frame
	p.inBody = false
	if f.op.control() {
		payload := p.control
		p.control = nil
		if f.op == Close {
			return p.closeFrame(payload)
		}
		return Message{Op: f.op, Payload: payload}, nil
	}
	if f.op != Continuation {
		p.op = f.op
	}
	if !f.fin {
		return Message{}, nil
	}
	if p.op == Text && !p.text.complete() {
		return Message{}, &Violation{CloseNotUTF8, "a text ends inside a character"}
	}
	m := Message{Op: p.op, Payload: p.message}
	p.op, p.fragments, p.message, p.text = Continuation, 0, nil, utf8Check{}
	return m, nil
}

func (p *Parser) closeFrame(payload []byte) (Message, error) {
	if len(payload) == 0 {
		p.done = true
		return Message{Op: Close}, nil
	}
	if len(payload) == 1 {
		return Message{}, protocolError("a close frame with half a code")
	}
	code := int(binary.BigEndian.Uint16(payload))
	if !ValidCloseCode(code) {
		return Message{}, protocolError("a close code that nobody may send")
	}
	if !utf8.Valid(payload[2:]) {
		return Message{}, &Violation{CloseNotUTF8, "the reason of a close frame is not UTF-8"}
	}
	p.done = true
	p.message = nil
	return Message{Op: Close, Code: code, Payload: payload[2:]}, nil
}
