package auth

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/barrage-live/barrage/internal/id"
)

func someone() Identity {
	return Identity{User: "4503599627370497", Session: id.NewSession(), Name: "Ann", Roles: NewRoles(Streamer)}
}

func newTokens(t *testing.T) *Tokens {
	t.Helper()
	ring, err := NewRing(time.Unix(1, 0))
	if err != nil {
		t.Fatal(err)
	}
	return NewTokens(TokenConfig{}, ring)
}

func TestTokenRoundTrip(t *testing.T) {
	tokens, who, now := newTokens(t), someone(), time.Unix(1_800_000_000, 0)
	s, err := tokens.Mint(who, now)
	if err != nil {
		t.Fatal(err)
	}
	got, err := tokens.VerifyAt(s, now.Add(14*time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	if got.User != who.User || got.Session != who.Session || got.Name != who.Name || !got.Roles.Has(Streamer) ||
		!got.Expires.Equal(now.Add(15*time.Minute)) {
		t.Errorf("got %+v, want %+v", got, who)
	}
	if _, err := tokens.VerifyAt(s, now.Add(16*time.Minute)); !errors.Is(err, ErrTokenExpired) {
		t.Errorf("after its life: %v", err)
	}
	if _, err := tokens.VerifyAt(s, now.Add(-time.Minute)); !errors.Is(err, ErrTokenInvalid) {
		t.Errorf("before it was issued: %v", err)
	}
}

// TestTokensThatAreRevoked: a good signature is not enough.
func TestTokensThatAreRevoked(t *testing.T) {
	ring, err := NewRing(time.Unix(1, 0))
	if err != nil {
		t.Fatal(err)
	}
	var revoked Revocations
	tokens, who, now := NewTokens(TokenConfig{Revocations: &revoked}, ring), someone(), time.Unix(1_800_000_000, 0)
	mint := func(rights uint64) string {
		t.Helper()
		who.RightsVersion = rights
		s, err := tokens.Mint(who, now)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	first, second := mint(1), mint(2)
	until := now.Add(tokens.Lifetime())
	if got, err := tokens.VerifyAt(first, now); err != nil || got.RightsVersion != 1 {
		t.Errorf("before: %+v, %v", got, err)
	}
	revoked.OutdateUser(who.User, 2, until)
	if got, err := tokens.VerifyAt(first, now); !errors.Is(err, ErrTokenOutdated) || got.User != "" {
		t.Errorf("with the rights before: %+v, %v", got, err)
	}
	if got, err := tokens.VerifyAt(second, now); err != nil || got.RightsVersion != 2 {
		t.Errorf("with the new rights: %+v, %v", got, err)
	}
	revoked.EndLogin(who.Session, until)
	for _, s := range []string{first, second} {
		if _, err := tokens.VerifyAt(s, now); !errors.Is(err, ErrSessionEnded) {
			t.Errorf("of an ended login: %v", err)
		}
	}
	// It is remembered until every token, also one that was being minted meanwhile, has expired.
	late, err := tokens.Mint(who, now.Add(59*time.Second))
	if err != nil {
		t.Fatal(err)
	}
	revoked.Forget(until.Add(-time.Second))
	if _, err := tokens.VerifyAt(late, until.Add(-10*time.Second)); !errors.Is(err, ErrSessionEnded) {
		t.Errorf("minted late: %v", err)
	}
	revoked.Forget(until)
	if _, err := tokens.VerifyAt(late, until); !errors.Is(err, ErrTokenExpired) {
		t.Errorf("when it is forgotten: %v", err)
	}
}

func TestTokenBitFlips(t *testing.T) {
	tokens, now := newTokens(t), time.Unix(1_800_000_000, 0)
	s, err := tokens.Mint(someone(), now)
	if err != nil {
		t.Fatal(err)
	}
	for i := range s {
		flipped := []byte(s)
		flipped[i] ^= 1
		if _, err := tokens.VerifyAt(string(flipped), now); !errors.Is(err, ErrTokenInvalid) {
			t.Fatalf("byte %d flipped: %v", i, err)
		}
	}
}

// forge signs with any method and header, as an attacker who knows a key would.
func forge(t *testing.T, m jwt.SigningMethod, key any, header, payload map[string]any) string {
	t.Helper()
	token := jwt.NewWithClaims(m, jwt.MapClaims(payload))
	for k, v := range header {
		token.Header[k] = v
		if v == nil {
			delete(token.Header, k)
		}
	}
	s, err := token.SignedString(key)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestTokenRefusals(t *testing.T) {
	tokens, now := newTokens(t), time.Unix(1_800_000_000, 0)
	ours := tokens.ring.Load().keys[0]
	public := ours.private.Public().(ed25519.PublicKey)
	_, foreign, _ := ed25519.GenerateKey(rand.Reader)
	type m = map[string]any
	header := func(change m) m {
		h := m{"typ": "at+jwt", "kid": ours.id}
		maps.Copy(h, change)
		return h
	}
	payload := func(change m) m {
		p := m{
			"iss": "barrage", "aud": "barrage", "sub": "42", "sid": string(id.NewSession()), "name": "Ann", "roles": []string{"viewer"},
			"iat": now.Unix(), "exp": now.Add(time.Minute).Unix(), "jti": "1",
		}
		for k, v := range change {
			p[k] = v
			if v == nil {
				delete(p, k)
			}
		}
		return p
	}
	eddsa := jwt.SigningMethodEdDSA
	if _, err := tokens.VerifyAt(forge(t, eddsa, ours.private, header(nil), payload(nil)), now); err != nil {
		t.Fatalf("the control is refused: %v", err)
	}
	cases := []struct {
		name, token string
		want        error
	}{
		{"alg none", forge(t, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, header(nil), payload(nil)), ErrTokenInvalid},
		{"HS256 with the public key as secret", forge(t, jwt.SigningMethodHS256, []byte(public), header(nil), payload(nil)), ErrTokenInvalid},
		{"foreign key under our kid", forge(t, eddsa, foreign, header(nil), payload(nil)), ErrTokenInvalid},
		{"typ JWT", forge(t, eddsa, ours.private, header(m{"typ": "JWT"}), payload(nil)), ErrTokenInvalid},
		{"no typ", forge(t, eddsa, ours.private, header(m{"typ": nil}), payload(nil)), ErrTokenInvalid},
		{"no kid", forge(t, eddsa, ours.private, header(m{"kid": nil}), payload(nil)), ErrTokenInvalid},
		{"kid is a path", forge(t, eddsa, ours.private, header(m{"kid": "../../etc/passwd"}), payload(nil)), ErrTokenInvalid},
		{"kid is a statement", forge(t, eddsa, ours.private, header(m{"kid": "' or 1=1 --"}), payload(nil)), ErrTokenInvalid},
		{"kid is a number", forge(t, eddsa, ours.private, header(m{"kid": 1}), payload(nil)), ErrTokenInvalid},
		{"jku", forge(t, eddsa, ours.private, header(m{"jku": "https://evil.example/jwks"}), payload(nil)), ErrTokenInvalid},
		{"x5u", forge(t, eddsa, ours.private, header(m{"x5u": "https://evil.example/x"}), payload(nil)), ErrTokenInvalid},
		{"embedded jwk", forge(t, eddsa, ours.private, header(m{"jwk": m{"kty": "OKP"}}), payload(nil)), ErrTokenInvalid},
		{"crit", forge(t, eddsa, ours.private, header(m{"crit": []string{"exp"}}), payload(nil)), ErrTokenInvalid},
		{"expired", forge(t, eddsa, ours.private, header(nil), payload(m{"exp": now.Add(-time.Minute).Unix()})), ErrTokenExpired},
		{"expired for another audience", forge(t, eddsa, ours.private, header(nil), payload(m{"exp": now.Add(-time.Minute).Unix(), "aud": "shop"})), ErrTokenInvalid},
		{"no exp", forge(t, eddsa, ours.private, header(nil), payload(m{"exp": nil})), ErrTokenInvalid},
		{"no iat", forge(t, eddsa, ours.private, header(nil), payload(m{"iat": nil})), ErrTokenInvalid},
		{"not valid yet", forge(t, eddsa, ours.private, header(nil), payload(m{"nbf": now.Add(time.Hour).Unix()})), ErrTokenInvalid},
		{"other issuer", forge(t, eddsa, ours.private, header(nil), payload(m{"iss": "evil"})), ErrTokenInvalid},
		{"other audience", forge(t, eddsa, ours.private, header(nil), payload(m{"aud": "shop"})), ErrTokenInvalid},
		{"no audience", forge(t, eddsa, ours.private, header(nil), payload(m{"aud": nil})), ErrTokenInvalid},
		{"subject is no user", forge(t, eddsa, ours.private, header(nil), payload(m{"sub": "root"})), ErrTokenInvalid},
		{"session is no session", forge(t, eddsa, ours.private, header(nil), payload(m{"sid": "1"})), ErrTokenInvalid},
		{"unknown role", forge(t, eddsa, ours.private, header(nil), payload(m{"roles": []string{"god"}})), ErrTokenInvalid},
		{"empty", "", ErrTokenInvalid},
		{"two dots", "..", ErrTokenInvalid},
		{"a megabyte of dots", strings.Repeat(".", 1<<20), ErrTokenInvalid},
		{"a megabyte of letters", "a." + strings.Repeat("a", 1<<20) + ".a", ErrTokenInvalid},
		{"a refresh token", FirstRefresh(id.NewSession(), NewFamilyKey()).Reveal(), ErrTokenInvalid},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if _, err := tokens.VerifyAt(c.token, now); !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
		})
	}
}

func TestJWKSVerifiesWithNothingButThePublishedDocument(t *testing.T) {
	tokens := newTokens(t)
	doc, err := json.Marshal(tokens.JWKS())
	if err != nil {
		t.Fatal(err)
	}
	s, err := tokens.Mint(someone(), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	_, err = jwt.Parse(s, func(token *jwt.Token) (any, error) {
		var set struct{ Keys []map[string]string }
		if err := json.Unmarshal(doc, &set); err != nil {
			return nil, err
		}
		for _, k := range set.Keys {
			if k["kid"] == token.Header["kid"] && k["crv"] == "Ed25519" && k["kty"] == "OKP" {
				x, err := base64.RawURLEncoding.DecodeString(k["x"])
				return ed25519.PublicKey(x), err
			}
		}
		return nil, errors.New("no such key")
	}, jwt.WithValidMethods([]string{"EdDSA"}))
	if err != nil {
		t.Error(err)
	}
	if strings.Contains(string(doc), `"d"`) {
		t.Error("the document holds a private part")
	}
}

func FuzzVerify(f *testing.F) {
	ring, err := NewRing(time.Unix(1, 0))
	if err != nil {
		f.Fatal(err)
	}
	tokens := NewTokens(TokenConfig{}, ring)
	for _, s := range []string{"", "..", "a.b.c", "eyJhbGciOiJub25lIn0.e30.", "eyJhbGciOiJFZERTQSIsInR5cCI6ImF0K2p3dCJ9.e30.AA"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if who, err := tokens.Verify(s); err == nil {
			t.Fatalf("a token nobody minted names %v", who)
		}
	})
}

func BenchmarkVerify(b *testing.B) {
	ring, err := NewRing(time.Unix(1, 0))
	if err != nil {
		b.Fatal(err)
	}
	tokens := NewTokens(TokenConfig{}, ring)
	s, err := tokens.Mint(someone(), time.Now())
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := tokens.Verify(s); err != nil {
			b.Fatal(err)
		}
	}
}
