package auth

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"strings"

	"github.com/barrage-live/barrage/internal/id"
)

const (
	refreshNonce = 20
	refreshMAC   = 16
	refreshBytes = 4 + refreshNonce + refreshMAC
)

// FamilyKey proves that a refresh token was once ours, so that an old generation (a theft) and garbage (a
// nuisance) can be told apart without keeping every token ever given. Alone it mints nothing that is
// accepted.
type FamilyKey [32]byte

// Salt makes the successor of a token unpredictable to one who has only the token.
type Salt [32]byte

// NewFamilyKey draws the key of a new session.
func NewFamilyKey() (k FamilyKey) {
	_, _ = rand.Read(k[:]) // ends the process itself if the system has no randomness
	return k
}

// NewSalt draws the salt of one rotation.
func NewSalt() (s Salt) {
	_, _ = rand.Read(s[:])
	return s
}

// Refresh is a refresh token: "{session id}.{secret}" where the secret is base64url of
//
//	generation  4 bytes, big endian, from 1
//	nonce      20 bytes: random, later HMAC-SHA256(previous secret, salt)
//	mac        16 bytes: HMAC-SHA256(family key, session id | generation | nonce)
//
// A successor is a function of its predecessor and the salt stored with it, so the same old token within
// the retry window yields the identical successor although only hashes are stored.
type Refresh struct {
	Session    id.Session
	Generation uint32
	nonce      [refreshNonce]byte
	mac        [refreshMAC]byte
}

// FirstRefresh draws the first token of a family.
func FirstRefresh(s id.Session, key FamilyKey) Refresh {
	r := Refresh{Session: s, Generation: 1}
	_, _ = rand.Read(r.nonce[:])
	r.mac = r.sign(key)
	return r
}

// Successor is the one token that follows r under the salt.
func (r Refresh) Successor(key FamilyKey, salt Salt) Refresh {
	h := hmac.New(sha256.New, r.bytes())
	h.Write(salt[:])
	next := Refresh{Session: r.Session, Generation: r.Generation + 1}
	copy(next.nonce[:], h.Sum(nil))
	next.mac = next.sign(key)
	return next
}

// Authentic reports whether the token was minted for its session with this family key, at whatever time.
func (r Refresh) Authentic(key FamilyKey) bool {
	want := r.sign(key)
	return hmac.Equal(want[:], r.mac[:])
}

// Hash is what is stored.
func (r Refresh) Hash() KeyHash { return sha256.Sum256([]byte(r.Reveal())) }

// Reveal is the token as text.
func (r Refresh) Reveal() string {
	return string(r.Session) + "." + base64.RawURLEncoding.EncodeToString(r.bytes())
}

// String hides the secret.
func (r Refresh) String() string { return string(r.Session) + ".…" }

// ParseRefresh reads the form Reveal writes; anything else is ErrTokenInvalid.
func ParseRefresh(s string) (Refresh, error) {
	if len(s) > 128 {
		return Refresh{}, ErrTokenInvalid
	}
	session, secret, ok := strings.Cut(s, ".")
	b, err := base64.RawURLEncoding.Strict().DecodeString(secret)
	if !ok || err != nil || len(b) != refreshBytes || !validSession(session) {
		return Refresh{}, ErrTokenInvalid
	}
	r := Refresh{Session: id.Session(session), Generation: binary.BigEndian.Uint32(b)}
	copy(r.nonce[:], b[4:])
	copy(r.mac[:], b[4+refreshNonce:])
	if r.Generation == 0 || r.Reveal() != s {
		return Refresh{}, ErrTokenInvalid
	}
	return r, nil
}

func (r Refresh) bytes() []byte {
	b := binary.BigEndian.AppendUint32(make([]byte, 0, refreshBytes), r.Generation)
	return append(append(b, r.nonce[:]...), r.mac[:]...)
}

func (r Refresh) sign(key FamilyKey) (mac [refreshMAC]byte) {
	h := hmac.New(sha256.New, key[:])
	h.Write([]byte(r.Session))
	h.Write(binary.BigEndian.AppendUint32(nil, r.Generation))
	h.Write(r.nonce[:])
	copy(mac[:], h.Sum(nil))
	return mac
}
