package rtmp

import "encoding/binary"

// The library is shown each message as one chunk with a full header, after it was told that chunks may be as
// long as the longest message: whatever way an encoder has of writing chunks, the library sees one. What it
// does not know is left out, since it would end the connection.

// canonicalChunk is how long the library is told that chunks may be; it takes no more.
const canonicalChunk = 10 << 20

// controlStream is the chunk stream of messages about the connection (RTMP 1.0 section 5.4).
const controlStream = 2

// userControlPing and its answer (RTMP 1.0 section 7.1.7).
const (
	pingRequest  = 6
	pingResponse = 7
)

// appendHeader appends the header of a message that is one chunk.
func appendHeader(dst []byte, chunkStream byte, m rawMessage) []byte {
	n := len(m.body)
	stamp := min(m.time, 0xffffff)
	dst = append(dst, chunkStream, byte(stamp>>16), byte(stamp>>8), byte(stamp), byte(n>>16), byte(n>>8), byte(n), m.kind)
	dst = binary.BigEndian.AppendUint32(dst, m.stream)
	if stamp == 0xffffff {
		dst = binary.BigEndian.AppendUint32(dst, m.time)
	}
	return dst
}

// chunkStreamOf is where the library is shown a message: it answers a command where it came.
func chunkStreamOf(kind byte) byte {
	switch kind {
	case typeAudio:
		return 4
	case typeVideo:
		return 6
	case typeDataAMF0:
		return 5
	}
	return 3
}

// known turns a message into what the library reads, or reports that nobody has use for it: the metadata of
// Enhanced RTMP, which tell colours, are in the pictures as well. What AMF3 wraps around AMF0 is one byte
// (RTMP 1.0 section 7.1.1).
func known(m rawMessage) (rawMessage, bool) {
	switch m.kind {
	case typeVideo:
		return m, len(m.body) > 0 && m.body[0]&(flvExVideoBit|0x0f) != flvExVideoBit|exMetadata
	case typeAudio:
		return m, len(m.body) > 0
	case typeCommandAMF0, typeDataAMF0:
		return m, true
	case typeCommandAMF3, typeDataAMF3:
		if len(m.body) == 0 || m.body[0] != 0 {
			return m, false
		}
		m.kind += typeCommandAMF0 - typeCommandAMF3
		m.body = m.body[1:]
		return m, true
	}
	return m, false
}

// aggregate is a message that holds others (RTMP 1.0 section 7.1.6): tags as those of an FLV file, whose
// times count from that of the first.
type aggregate struct {
	rawMessage
	first uint32
	begun bool
}

// next gives the next message; one that is cut off ends it.
func (a *aggregate) next() (m rawMessage, ok bool) {
	const head, tail = 11, 4
	b := a.body
	a.body = nil
	if len(b) < head {
		return m, false
	}
	n := int(uint24(b[1:]))
	if len(b) < head+n {
		return m, false
	}
	at := uint32(b[7])<<24 | uint24(b[4:])
	if !a.begun {
		a.begun, a.first = true, at
	}
	a.body = b[min(head+n+tail, len(b)):]
	return rawMessage{kind: b[0], time: a.time + at - a.first, stream: a.stream, body: b[head : head+n : head+n]}, true
}
