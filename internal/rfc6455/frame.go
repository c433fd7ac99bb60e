package rfc6455

import (
	"crypto/sha1" //nolint:gosec // the handshake of RFC 6455 is defined with SHA-1; it protects nothing
	"encoding/base64"
	"encoding/binary"
	"unicode/utf8"
)

// Opcode says what a frame carries (section 5.2).
type Opcode byte

// The opcodes. All others are reserved.
const (
	Continuation Opcode = 0x0
	Text         Opcode = 0x1
	Binary       Opcode = 0x2
	Close        Opcode = 0x8
	Ping         Opcode = 0x9
	Pong         Opcode = 0xA
)

// control reports whether the opcode is that of a control frame.
func (o Opcode) control() bool { return o&0x8 != 0 }

// Close codes of section 7.4.1 that a server uses. Those of the application come from package fault.
const (
	CloseNormal      = 1000
	CloseProtocol    = 1002
	CloseUnsupported = 1003
	CloseNotUTF8     = 1007
	ClosePolicy      = 1008
	CloseTooBig      = 1009
	CloseInternal    = 1011
	CloseRestart     = 1012
	maxControl       = 125
	maxReason        = maxControl - 2
	finBit           = 0x80
	rsvBits          = 0x70
	opcodeBits       = 0x0F
	maskBit          = 0x80
	lengthBits       = 0x7F
	length16         = 126
	length64         = 127
	maxShort         = 1<<16 - 1
	acceptGUID       = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
)

// AppendHeader appends the header of an unmasked frame of n payload bytes, as servers send it.
func AppendHeader(dst []byte, op Opcode, fin bool, n int) []byte {
	return appendHeader(dst, op, fin, 0, n)
}

func appendHeader(dst []byte, op Opcode, fin bool, mask byte, n int) []byte {
	first := byte(op)
	if fin {
		first |= finBit
	}
	switch {
	case n <= maxControl:
		return append(dst, first, mask|byte(n))
	case n <= maxShort:
		return binary.BigEndian.AppendUint16(append(dst, first, mask|length16), uint16(n))
	}
	return binary.BigEndian.AppendUint64(append(dst, first, mask|length64), uint64(n))
}

// AppendFrame appends a whole unmasked frame. Frames appended to one another form bytes that may be written
// to any number of sockets, as long as nobody changes them.
func AppendFrame(dst []byte, op Opcode, payload []byte) []byte {
	return append(AppendHeader(dst, op, true, len(payload)), payload...)
}

// AppendMasked appends a frame as clients send it.
func AppendMasked(dst []byte, op Opcode, fin bool, key [4]byte, payload []byte) []byte {
	dst = appendHeader(dst, op, fin, maskBit, len(payload))
	dst = append(dst, key[:]...)
	start := len(dst)
	dst = append(dst, payload...)
	unmask(dst[start:], key, 0)
	return dst
}

// AppendClose appends a close frame. The reason is cut to what fits, at the edge of a character.
func AppendClose(dst []byte, code int, reason string) []byte {
	if len(reason) > maxReason {
		reason = reason[:maxReason]
		for !utf8.ValidString(reason) {
			reason = reason[:len(reason)-1]
		}
	}
	dst = AppendHeader(dst, Close, true, 2+len(reason))
	return append(binary.BigEndian.AppendUint16(dst, uint16(code)), reason...)
}

// ValidCloseCode reports whether an endpoint may send the code (section 7.4 and the registry of the IANA).
func ValidCloseCode(code int) bool {
	switch {
	case code >= 3000 && code <= 4999:
		return true
	case code >= 1000 && code <= 1003, code >= 1007 && code <= 1014:
		return true
	}
	return false
}

// Accept is the Sec-WebSocket-Accept that answers a Sec-WebSocket-Key (section 4.2.2).
func Accept(key string) string {
	sum := sha1.Sum([]byte(key + acceptGUID)) //nolint:gosec // see the import
	return base64.StdEncoding.EncodeToString(sum[:])
}

// ValidKey reports whether a Sec-WebSocket-Key is 16 bytes in base64, as section 4.1 demands.
func ValidKey(key string) bool {
	raw, err := base64.StdEncoding.Strict().DecodeString(key)
	return err == nil && len(raw) == 16
}

// unmask applies the masking key to b, whose first byte is the offset-th of its frame (section 5.3).
func unmask(b []byte, key [4]byte, offset int) {
	k := [4]byte{key[offset&3], key[(offset+1)&3], key[(offset+2)&3], key[(offset+3)&3]}
	wide := uint64(binary.LittleEndian.Uint32(k[:]))
	wide |= wide << 32
	for len(b) >= 8 {
		binary.LittleEndian.PutUint64(b, binary.LittleEndian.Uint64(b)^wide)
		b = b[8:]
	}
	for i := range b {
		b[i] ^= k[i&3]
	}
}
