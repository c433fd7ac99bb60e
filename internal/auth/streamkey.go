package auth

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base32"
	"strings"

	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/id"
)

const (
	streamSecret = 20 // random bytes of a key: 160 bits, 32 letters
	keyHint      = 4  // letters of the random part that lists may show
)

// ErrStreamKey refuses a key that is no key, names no channel, or is not that channel's: all the same to
// the asker.
var ErrStreamKey = fault.New(fault.Unauthenticated, "bad_stream_key", "the stream key is not valid")

// KeyHash is what is stored of a stream key or a refresh token.
type KeyHash [sha256.Size]byte

// Equal compares in constant time.
func (h KeyHash) Equal(g KeyHash) bool { return subtle.ConstantTimeCompare(h[:], g[:]) == 1 }

// StreamKey is the right to publish to a channel: "{channel id}-{random}". The channel id in it lets a node
// route the publisher; the random part is the secret.
type StreamKey struct {
	Channel id.Channel
	secret  string
}

// crockford is base32 without i, l, o and u, so that a key read aloud survives; in lower case.
func crockford() *base32.Encoding {
	return base32.NewEncoding("0123456789abcdefghjkmnpqrstvwxyz").WithPadding(base32.NoPadding)
}

// NewStreamKey draws a key of the channel.
func NewStreamKey(channel id.Channel) StreamKey {
	var b [streamSecret]byte
	_, _ = rand.Read(b[:]) // ends the process itself if the system has no randomness
	return StreamKey{channel, crockford().EncodeToString(b[:])}
}

// ParseStreamKey reads a key as a publisher sends it; anything else is ErrStreamKey.
func ParseStreamKey(s string) (StreamKey, error) {
	if len(s) > 16+1+32 {
		return StreamKey{}, ErrStreamKey
	}
	channel, secret, ok := strings.Cut(s, "-")
	ch, err := id.ParseNumber[id.Channel](channel)
	if !ok || err != nil || len(secret) != crockford().EncodedLen(streamSecret) {
		return StreamKey{}, ErrStreamKey
	}
	if b, err := crockford().DecodeString(secret); err != nil || len(b) != streamSecret {
		return StreamKey{}, ErrStreamKey
	}
	return StreamKey{ch, secret}, nil
}

// Reveal is the key as text: shown once, never logged or stored.
func (k StreamKey) Reveal() string { return string(k.Channel) + "-" + k.secret }

// String hides the secret, so that a key in a log line is harmless.
func (k StreamKey) String() string { return string(k.Channel) + "-" + k.Hint() + "…" }

// Hint is the start of the secret, for telling keys apart in a list.
func (k StreamKey) Hint() string { return k.secret[:min(keyHint, len(k.secret))] }

// Hash is what is stored.
func (k StreamKey) Hash() KeyHash { return sha256.Sum256([]byte(k.Reveal())) }
