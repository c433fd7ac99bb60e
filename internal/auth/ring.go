package auth

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"time"

	"github.com/barrage-live/barrage/internal/fault"
)

// key is one signing key. Its id is the RFC 7638 thumbprint, so two nodes never disagree about it.
type key struct {
	id      string
	private ed25519.PrivateKey
	created time.Time
}

const (
	// maxKeys is how many keys a ring has at most.
	maxKeys = 8
	// clockSkew is how far the clock that made a key may have been ahead of this one.
	clockSkew = 5 * time.Minute
)

// Ring holds the key that signs and those that signed before it, whose tokens are still honoured. A Ring
// never changes; Rotate makes a new one. The zero Ring verifies nothing.
type Ring struct{ keys []key } // the newest first, at most maxKeys

// NewRing draws a ring with one fresh key.
func NewRing(now time.Time) (Ring, error) {
	_, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		return Ring{}, fault.Wrap(fault.Internal, "no_randomness", "a signing key cannot be drawn", err)
	}
	return Ring{[]key{newKey(private, now)}}, nil
}

// Rotate returns a ring that signs with a fresh key and still honours the tokens that older ones have
// signed within keep, the life of a token. It refuses Exhausted "key_ring_full" rather than forget a key
// whose tokens live.
func (r Ring) Rotate(now time.Time, keep time.Duration) (Ring, error) {
	next, err := NewRing(now)
	if err != nil {
		return Ring{}, err
	}
	successor := now // of the key at hand: it signed until then
	for _, k := range r.keys {
		if now.Sub(successor) >= keep {
			break // its tokens have ended, and so have those of older ones
		}
		if len(next.keys) == maxKeys {
			return Ring{}, fault.New(fault.Exhausted, "key_ring_full", "there are as many signing keys as there may be, and all have tokens that live")
		}
		next.keys = append(next.keys, k)
		successor = k.created
	}
	return next, nil
}

// due reports whether the key that signs is older than every, or was made by a clock so far ahead that
// nobody can tell.
func (r Ring) due(now time.Time, every time.Duration) bool {
	if len(r.keys) == 0 {
		return false
	}
	age := now.Sub(r.keys[0].created)
	return age >= every || age < -clockSkew
}

func newKey(private ed25519.PrivateKey, created time.Time) key {
	sum := sha256.Sum256([]byte(`{"crv":"Ed25519","kty":"OKP","x":"` + publicPart(private) + `"}`))
	return key{base64.RawURLEncoding.EncodeToString(sum[:]), private, created.UTC().Truncate(time.Second)}
}

func publicPart(private ed25519.PrivateKey) string {
	return base64.RawURLEncoding.EncodeToString(private.Public().(ed25519.PublicKey))
}

func (r Ring) find(kid string) (ed25519.PublicKey, bool) {
	for _, k := range r.keys {
		if k.id == kid {
			return k.private.Public().(ed25519.PublicKey), true
		}
	}
	return nil, false
}

// JWKS is the public half of a ring as RFC 7517 publishes it.
type JWKS struct {
	Keys []JWK `json:"keys"`
}

// JWK is one public Ed25519 key (RFC 8037).
type JWK struct {
	KeyType   string `json:"kty"`
	Curve     string `json:"crv"`
	X         string `json:"x"`
	ID        string `json:"kid"`
	Use       string `json:"use"`
	Algorithm string `json:"alg"`
}

// JWKS gives the public keys, the newest first.
func (r Ring) JWKS() JWKS {
	set := JWKS{Keys: make([]JWK, 0, len(r.keys))}
	for _, k := range r.keys {
		set.Keys = append(set.Keys, JWK{"OKP", "Ed25519", publicPart(k.private), k.id, "sig", "EdDSA"})
	}
	return set
}

// storedRing is the persisted form; version 1 is all there is.
type storedRing struct {
	Version int         `json:"version"`
	Keys    []storedKey `json:"keys"`
}

type storedKey struct {
	Seed    []byte    `json:"seed"`
	Created time.Time `json:"created_at"`
}

// MarshalRing gives the secret form of a ring, for a KeyStore only.
func MarshalRing(r Ring) ([]byte, error) {
	s := storedRing{Version: 1}
	for _, k := range r.keys {
		s.Keys = append(s.Keys, storedKey{k.private.Seed(), k.created})
	}
	b, err := json.Marshal(s)
	if err != nil {
		return nil, fault.Wrap(fault.Internal, "key_ring_unwritable", "the signing keys cannot be encoded", err)
	}
	return b, nil
}

// ParseRing reads what MarshalRing wrote.
func ParseRing(b []byte) (Ring, error) {
	bad := fault.New(fault.Internal, "key_ring_damaged", "the stored signing keys cannot be read")
	var s storedRing
	if err := json.Unmarshal(b, &s); err != nil || s.Version != 1 || len(s.Keys) == 0 || len(s.Keys) > maxKeys {
		return Ring{}, bad
	}
	var r Ring
	for _, k := range s.Keys {
		if len(k.Seed) != ed25519.SeedSize {
			return Ring{}, bad
		}
		r.keys = append(r.keys, newKey(ed25519.NewKeyFromSeed(k.Seed), k.Created))
	}
	return r, nil
}

// KeyStore keeps the secret form of the ring. Load answers nil bytes where nothing was saved yet.
type KeyStore interface {
	Load() ([]byte, error)
	Save(secret []byte) error
}

// OpenRing loads the ring, or draws one and saves it at the first start.
func OpenRing(s KeyStore, now time.Time) (Ring, error) {
	b, err := s.Load()
	if err != nil {
		return Ring{}, err
	}
	if b != nil {
		return ParseRing(b)
	}
	r, err := NewRing(now)
	if err != nil {
		return Ring{}, err
	}
	if b, err = MarshalRing(r); err != nil {
		return Ring{}, err
	}
	return r, s.Save(b)
}
