package auth

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"strings"
	"sync/atomic"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/id"
)

const (
	maxToken  = 4096 // bytes of a token that is looked at; ours are below 700
	tokenType = "at+jwt"
)

// The refusals of access and refresh tokens.
var (
	ErrTokenExpired = fault.New(fault.Unauthenticated, "token_expired", "the token has expired")
	ErrTokenInvalid = fault.New(fault.Unauthenticated, "token_invalid", "the token is not valid")
)

// TokenConfig shapes access tokens.
type TokenConfig struct {
	// Issuer is the iss claim; empty means "barrage".
	Issuer string
	// Audience is the aud claim; empty means "barrage".
	Audience string
	// TTL is how long a token lives; zero means 15 minutes.
	TTL time.Duration
	// Leeway is how far the clocks of two nodes may differ; zero means 5 s.
	Leeway time.Duration
	// Revocations are the tokens to refuse although they have not expired; nil means none.
	Revocations *Revocations
}

func (c TokenConfig) filled() TokenConfig {
	if c.Issuer == "" {
		c.Issuer = "barrage"
	}
	if c.Audience == "" {
		c.Audience = "barrage"
	}
	if c.TTL == 0 {
		c.TTL = 15 * time.Minute
	}
	if c.Leeway == 0 {
		c.Leeway = 5 * time.Second
	}
	return c
}

// Identity is whom a valid access token names.
type Identity struct {
	User    id.User
	Session id.Session
	Name    string
	Roles   Roles
	// RightsVersion is which state of the account's rights the roles are of; it grows when they change.
	RightsVersion uint64
	Expires       time.Time
}

// claims is the payload: the registered ones of RFC 9068 and ours.
type claims struct {
	jwt.RegisteredClaims
	Session string   `json:"sid"`
	Name    string   `json:"name"`
	Roles   []string `json:"roles"`
	Rights  uint64   `json:"rights,omitempty"`
}

// Tokens mints and verifies access tokens under one ring. It is safe for concurrent use.
type Tokens struct {
	cfg  TokenConfig
	ring atomic.Pointer[Ring]
}

// NewTokens works under ring until Replace names another.
func NewTokens(cfg TokenConfig, ring Ring) *Tokens {
	t := &Tokens{cfg: cfg.filled()}
	t.ring.Store(&ring)
	return t
}

// Replace changes the ring; requests under way keep the one they began with.
func (t *Tokens) Replace(ring Ring) { t.ring.Store(&ring) }

// Rotate signs with a fresh key from now on if the present one is older than every; what older ones have
// signed is honoured until it expires. The ring is saved before it is used, so that no token outlives its
// key over a restart. It fails as Ring.Rotate and the store do, and goes on with the present key then. One
// caller rotates at a time.
func (t *Tokens) Rotate(store KeyStore, now time.Time, every time.Duration) (rotated bool, err error) {
	ring := t.ring.Load()
	if !ring.due(now, every) {
		return false, nil
	}
	next, err := ring.Rotate(now, t.cfg.TTL+t.cfg.Leeway)
	if err != nil {
		return false, err
	}
	secret, err := MarshalRing(next)
	if err != nil {
		return false, err
	}
	if err := store.Save(secret); err != nil {
		return false, err
	}
	t.Replace(next)
	return true, nil
}

// JWKS gives the public keys.
func (t *Tokens) JWKS() JWKS { return t.ring.Load().JWKS() }

// TTL is the life of a token.
func (t *Tokens) TTL() time.Duration { return t.cfg.TTL }

// Mint signs a token for who; Expires is set by the token's life and not taken from who.
func (t *Tokens) Mint(who Identity, now time.Time) (string, error) {
	ring := t.ring.Load()
	if len(ring.keys) == 0 {
		return "", fault.New(fault.Internal, "no_signing_key", "there is no signing key")
	}
	var jti [16]byte
	_, _ = rand.Read(jti[:]) // ends the process itself if the system has no randomness
	token := jwt.NewWithClaims(jwt.SigningMethodEdDSA, claims{
		RegisteredClaims: jwt.RegisteredClaims{
			Issuer: t.cfg.Issuer, Audience: jwt.ClaimStrings{t.cfg.Audience}, Subject: string(who.User),
			IssuedAt: jwt.NewNumericDate(now), ExpiresAt: jwt.NewNumericDate(now.Add(t.cfg.TTL)),
			ID: hex.EncodeToString(jti[:]),
		},
		Session: string(who.Session), Name: who.Name, Roles: who.Roles.Strings(), Rights: who.RightsVersion,
	})
	token.Header["typ"], token.Header["kid"] = tokenType, ring.keys[0].id
	s, err := token.SignedString(ring.keys[0].private)
	if err != nil {
		return "", fault.Wrap(fault.Internal, "token_unsigned", "a token cannot be signed", err)
	}
	return s, nil
}

// Verify checks a token at the present time: ErrTokenExpired, ErrTokenInvalid, ErrSessionEnded or
// ErrTokenOutdated.
func (t *Tokens) Verify(token string) (Identity, error) { return t.VerifyAt(token, time.Now()) }

// VerifyAt checks a token as of now.
func (t *Tokens) VerifyAt(token string, now time.Time) (Identity, error) {
	if len(token) > maxToken || strings.Count(token, ".") != 2 {
		return Identity{}, ErrTokenInvalid
	}
	ring := t.ring.Load()
	var c claims
	_, err := jwt.NewParser(
		jwt.WithValidMethods([]string{jwt.SigningMethodEdDSA.Alg()}), jwt.WithStrictDecoding(),
		jwt.WithIssuer(t.cfg.Issuer), jwt.WithAudience(t.cfg.Audience), jwt.WithIssuedAt(),
		jwt.WithExpirationRequired(), jwt.WithLeeway(t.cfg.Leeway), jwt.WithTimeFunc(func() time.Time { return now }),
	).ParseWithClaims(token, &c, func(parsed *jwt.Token) (any, error) { return keyFor(ring, parsed.Header) })
	if errors.Is(err, jwt.ErrTokenExpired) && !errors.Is(err, jwt.ErrTokenNotValidYet) &&
		!errors.Is(err, jwt.ErrTokenInvalidAudience) && !errors.Is(err, jwt.ErrTokenInvalidIssuer) {
		return Identity{}, ErrTokenExpired
	}
	if err != nil {
		return Identity{}, ErrTokenInvalid
	}
	who, err := c.identity()
	if err == nil && t.cfg.Revocations != nil {
		err = t.cfg.Revocations.Check(who)
	}
	if err != nil {
		return Identity{}, err
	}
	return who, nil
}

// keyFor refuses every header that is not exactly the one Mint writes: no foreign type, no crit, no
// embedded or remote key.
func keyFor(ring *Ring, header map[string]any) (any, error) {
	kid, ok := header["kid"].(string)
	if !ok || len(header) != 3 || header["typ"] != tokenType {
		return nil, ErrTokenInvalid
	}
	public, ok := ring.find(kid)
	if !ok {
		return nil, ErrTokenInvalid
	}
	return public, nil
}

func (c *claims) identity() (Identity, error) {
	user, err := id.ParseNumber[id.User](c.Subject)
	if err != nil || c.IssuedAt == nil || !validSession(c.Session) {
		return Identity{}, ErrTokenInvalid
	}
	roles := make([]Role, 0, len(c.Roles))
	for _, s := range c.Roles {
		r, err := ParseRole(s)
		if err != nil {
			return Identity{}, ErrTokenInvalid
		}
		roles = append(roles, r)
	}
	return Identity{user, id.Session(c.Session), c.Name, NewRoles(roles...), c.Rights, c.ExpiresAt.Time}, nil
}

func validSession(s string) bool {
	b, err := hex.DecodeString(s)
	return err == nil && len(b) == 16 && hex.EncodeToString(b) == s
}
