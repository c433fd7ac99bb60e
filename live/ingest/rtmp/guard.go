package rtmp

import (
	"encoding/binary"
	"net"
	"os"
	"sync"
	"time"
)

// guard stands between the network and the library: it counts the bytes that arrive and notes when, makes
// messages of them, answers what concerns the connection alone, shows the library the rest one by one (see
// canonical.go), and keeps the idle deadline. One goroutine reads and writes it.
type guard struct {
	net.Conn
	in      *reassembly
	arrival time.Time // of what was read last
	refused error     // by us; what the library makes of it says less
	failed  error     // of the last Read: what the library cannot read has none
	bitrate bitrate   // none before the key is verified: preAuthBytes bounds what comes until then
	// idle, when not zero, moves the deadline on with what arrives.
	idle   time.Duration
	buffer []byte
	ahead  []byte // the part of buffer that is no message yet

	handshake    int        // bytes of it still to come
	told         bool       // the library knows how long chunks may be
	total, acked int        // bytes that came, and of those how many the client was told of
	several      aggregate  // what is left of it
	message      rawMessage // that the library reads, or has read last
	head, body   []byte     // what the library has not read of it

	// mu orders the deadlines of the reader and of wake; see there.
	mu struct {
		sync.Mutex
		deadline time.Time
		woken    bool // the reader must stop: deadlines are not moved on
		telling  bool // it has stopped and takes leave of the client: it must not be woken
	}
}

func newGuard(nc net.Conn) *guard {
	return &guard{Conn: nc, in: newReassembly(), handshake: handshakeSize}
}

// readAhead takes a whole picture of a usual stream at once; readFirst is enough for those who have not shown
// a key yet.
const (
	readFirst = 2 << 10
	readAhead = 64 << 10
)

// wake makes the goroutine that reads stop reading, and answering what it has read. It may be called by
// another one. When the reader has found its reason to stop already, wake leaves alone the deadline by which
// the client is told.
func (g *guard) wake() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.mu.woken = true
	if !g.mu.telling {
		_ = g.SetDeadline(time.Unix(1, 0)) // a connection that cannot take it does not block either
	}
}

// takeLeave gives what is still said to the client, and heard from it, a last deadline.
func (g *guard) takeLeave(d time.Duration) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.idle = 0
	g.mu.telling = true
	return g.SetDeadline(time.Now().Add(d))
}

// deadlineGrain is how much a deadline may lag, so that not every read sets one.
const deadlineGrain = time.Second

// extend moves the idle deadline on.
func (g *guard) extend() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.mu.woken { // a new deadline would undo that of wake
		return os.ErrDeadlineExceeded
	}
	next := time.Now().Add(g.idle)
	if next.Sub(g.mu.deadline) <= deadlineGrain {
		return nil
	}
	if err := g.SetDeadline(next); err != nil {
		return err
	}
	g.mu.deadline = next
	return nil
}

// Read implements net.Conn for the library. It gives bytes of one message at most, so that the library has
// never begun the next one.
func (g *guard) Read(p []byte) (int, error) {
	for len(g.head)+len(g.body) == 0 {
		if g.failed = g.fill(); g.failed != nil {
			return 0, g.failed
		}
	}
	from := &g.head
	if len(*from) == 0 {
		from = &g.body
	}
	n := copy(p, *from)
	*from = (*from)[n:]
	return n, nil
}

// fill makes the next bytes of the handshake, or the next message, ready for the library, or reads what it
// needs for that.
func (g *guard) fill() error {
	if m, ok := g.several.next(); ok {
		return g.show(m)
	}
	if len(g.ahead) == 0 {
		return g.receive()
	}
	if n := min(g.handshake, len(g.ahead)); n > 0 {
		g.body, g.ahead = g.ahead[:n], g.ahead[n:]
		g.handshake -= n
		return nil
	}
	if !g.told {
		g.told = true
		g.message = rawMessage{kind: typeSetChunkSize, body: binary.BigEndian.AppendUint32(nil, canonicalChunk)}
		g.head, g.body = appendHeader(g.head[:0], controlStream, g.message), g.message.body
		return nil
	}
	n, m, ok, err := g.in.next(g.ahead)
	if g.ahead = g.ahead[n:]; err != nil {
		g.refused = err
		return err
	}
	if !ok {
		return nil
	}
	if m.kind == typeAggregate && g.in.verified { // nobody needs one before
		g.several = aggregate{rawMessage: m}
		return nil
	}
	return g.show(m)
}

// show makes a message ready for the library, if it knows it, wherever it came from. Codecs that are not
// carried are refused before the library sees them, and so is what is longer than the message may be that the
// library makes of it.
func (g *guard) show(m rawMessage) error {
	if g.refused = g.bitrate.take(messageCost, g.arrival); g.refused != nil {
		return g.refused
	}
	if m.kind == typeUserControl {
		return g.pong(m)
	}
	m, ok := known(m)
	if !ok {
		return nil
	}
	if len(m.body) > longest(m.kind, g.in.verified) {
		g.refused = errTooLong
		return g.refused
	}
	if media := m.kind == typeAudio || m.kind == typeVideo; media && g.in.verified {
		if g.refused = judge(m); g.refused != nil {
			return g.refused
		}
	}
	if m.kind == typeCommandAMF0 && !g.in.verified {
		m = tidied(m)
	}
	g.message = m
	g.head, g.body = appendHeader(g.head[:0], chunkStreamOf(m.kind), m), m.body
	return nil
}

// receive reads from the network.
func (g *guard) receive() error {
	size := readFirst
	if g.idle > 0 {
		if err := g.extend(); err != nil {
			return err
		}
		size = readAhead
	}
	if len(g.buffer) != size {
		g.buffer = make([]byte, size)
	}
	n, err := g.Conn.Read(g.buffer)
	if n == 0 {
		return err
	}
	g.arrival = time.Now() // what ended the connection ends the next read too
	first := g.total == 0
	g.total += n
	switch g.ahead = g.buffer[:n]; {
	case first && g.ahead[0] != 3:
		g.refused = errNotRTMP
	case !g.in.verified && g.total > preAuthBytes:
		g.refused = errTooMuch
	default:
		g.refused = g.bitrate.take(n, g.arrival)
	}
	if g.refused != nil {
		return g.refused
	}
	return g.acknowledge()
}

// acknowledge tells the client how much has come, when it wants to hear (RTMP 1.0 section 5.4.3). The library
// could not: it does not see all.
func (g *guard) acknowledge() error {
	if g.in.window == 0 || g.total-g.acked < int(g.in.window) {
		return nil
	}
	g.acked = g.total
	return g.answer(rawMessage{kind: typeAcknowledge, body: binary.BigEndian.AppendUint32(nil, uint32(g.total))}) // it wraps
}

// pong answers a ping; other messages of its kind tell nothing that matters here.
func (g *guard) pong(m rawMessage) error {
	if len(m.body) != 6 || binary.BigEndian.Uint16(m.body) != pingRequest {
		return nil
	}
	return g.answer(rawMessage{kind: typeUserControl, body: append([]byte{0, pingResponse}, m.body[2:]...)})
}

// answer writes a message about the connection. Its header is whole: the library, which writes such ones when
// it accepts the connection and not after, may rely on its own.
func (g *guard) answer(m rawMessage) error {
	_, err := g.Write(append(appendHeader(nil, controlStream, m), m.body...))
	return err
}
