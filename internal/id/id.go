// Package id holds the typed identifiers of everything the platform names: users, rooms, channels, streams,
// nodes and sessions.
//
// A bare string never travels where a noun is meant: a function that wants a Room cannot be handed a User.
// Users, rooms and channels are Numbers in decimal (below 2^53, so that formats and languages that read
// them as floating point numbers keep them whole); streams, sessions and nodes are 128 random bits in
// hexadecimal. The package is pure: it owns nothing, blocks on nothing, and fails only with fault.Invalid
// from the Parse functions.
package id

import (
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"strconv"
	"time"

	"github.com/barrage-live/barrage/internal/fault"
)

// The nouns. The zero value of each means "none".
type (
	// User is an account.
	User string
	// Room is a place danmaku fan out in.
	Room string
	// Channel is a broadcaster's permanent outlet.
	Channel string
	// Stream is one publication from start to end; never reused.
	Stream string
	// Broadcast is one run of a channel on one media clock; it outlives the reconnects of its publisher.
	Broadcast string
	// Session is one login of one user on one device.
	Session string
	// Node is one running process.
	Node string
)

// epoch is the zero of the time part of a number. It must never change.
var epoch = time.Date(2026, time.January, 1, 0, 0, 0, 0, time.UTC)

const randomBits = 12

// number makes a decimal below 2^53: 41 bits of milliseconds since 2026 and 12 random bits. Two numbers of
// the same millisecond may collide, so creators insert them on condition of absence and draw again on a
// conflict. All moments before 2026 are its first millisecond: a machine may begin with a wrong clock, and
// zero is no number.
func number(now time.Time) string {
	ms := uint64(max(1, max(0, now.Sub(epoch).Milliseconds())&(1<<41-1)))
	var b [2]byte
	fill(b[:])
	return strconv.FormatUint(ms<<randomBits|uint64(binary.BigEndian.Uint16(b[:]))&(1<<randomBits-1), 10)
}

func random128() string {
	var b [16]byte
	fill(b[:])
	return hex.EncodeToString(b[:])
}

// fill reads random bytes; crypto/rand ends the process itself if the system has none.
func fill(b []byte) { _, _ = rand.Read(b) }

// NewUser draws a user id that sorts after those of earlier milliseconds.
func NewUser(now time.Time) User { return User(number(now)) }

// NewRoom draws a room id.
func NewRoom(now time.Time) Room { return Room(number(now)) }

// NewChannel draws a channel id.
func NewChannel(now time.Time) Channel { return Channel(number(now)) }

// NewStream draws a stream id.
func NewStream() Stream { return Stream(random128()) }

// NewBroadcast draws a broadcast id.
func NewBroadcast() Broadcast { return Broadcast(random128()) }

// NewSession draws a session id; it is not a secret.
func NewSession() Session { return Session(random128()) }

// NewNode draws a node id; every start of a process is a new node.
func NewNode() Node { return Node(random128()) }

// ParseNumber checks that s is a canonical decimal below 2^53 as users, rooms and channels are.
func ParseNumber[T ~string](s string) (T, error) {
	n, err := strconv.ParseUint(s, 10, 53)
	if err != nil || n == 0 || strconv.FormatUint(n, 10) != s {
		return "", fault.New(fault.Invalid, "bad_id", "not an identifier")
	}
	return T(s), nil
}
