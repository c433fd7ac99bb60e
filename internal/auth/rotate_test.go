package auth

import (
	"errors"
	"testing"
	"time"

	"github.com/barrage-live/barrage/internal/fault"
)

// memoryStore keeps the secret form of a ring, or fails.
type memoryStore struct {
	secret []byte
	err    error
}

func (m *memoryStore) Load() ([]byte, error) { return m.secret, m.err }

func (m *memoryStore) Save(secret []byte) error {
	if m.err == nil {
		m.secret = secret
	}
	return m.err
}

// TestTokensOutliveTheirKeysReign rotates every hour, twice as often as tokens live, and looks at tokens of
// every key, over restarts too.
func TestTokensOutliveTheirKeysReign(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	store := &memoryStore{}
	ring, err := OpenRing(store, now)
	if err != nil {
		t.Fatal(err)
	}
	cfg := TokenConfig{TTL: 2 * time.Hour, Leeway: 5 * time.Second}
	tokens := NewTokens(cfg, ring)
	minted := map[string]time.Time{}
	for hour := range 12 {
		token, err := tokens.Mint(Identity{User: "7", Session: "9f86d081884c7d659a2feaa0c55ad015", Name: "ann"}, now)
		if err != nil {
			t.Fatal(err)
		}
		minted[token] = now
		now = now.Add(time.Hour)
		if rotated, err := tokens.Rotate(store, now, time.Hour); !rotated || err != nil {
			t.Fatalf("hour %d: %v, %v", hour, rotated, err)
		}
		if rotated, err := tokens.Rotate(store, now, time.Hour); rotated || err != nil {
			t.Fatalf("hour %d, again: %v, %v", hour, rotated, err)
		}
		again, err := OpenRing(store, now)
		if err != nil {
			t.Fatal(err)
		}
		for _, some := range []*Tokens{tokens, NewTokens(cfg, again)} {
			for token, at := range minted {
				if _, err := some.VerifyAt(token, now); (err == nil) != (now.Sub(at) < cfg.TTL+cfg.Leeway) {
					t.Errorf("hour %d: a token that is %v old: %v", hour, now.Sub(at), err)
				}
			}
		}
		if n := len(again.JWKS().Keys); n > 4 {
			t.Errorf("hour %d: %d keys are kept", hour, n)
		}
	}
}

// TestARingThatCannotBeSavedIsNotUsed goes on with the key that the store has.
func TestARingThatCannotBeSavedIsNotUsed(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	store := &memoryStore{}
	ring, err := OpenRing(store, now)
	if err != nil {
		t.Fatal(err)
	}
	tokens := NewTokens(TokenConfig{}, ring)
	store.err = errors.New("no room")
	if rotated, err := tokens.Rotate(store, now.Add(time.Hour), time.Hour); rotated || !errors.Is(err, store.err) {
		t.Errorf("rotated %v, %v", rotated, err)
	}
	if got, want := tokens.JWKS().Keys[0], ring.JWKS().Keys[0]; got != want {
		t.Errorf("it signs with %v, and the store has %v", got, want)
	}
}

// TestAFullRingIsNotRotated refuses a ninth key rather than tokens that live.
func TestAFullRingIsNotRotated(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	ring, err := NewRing(now)
	if err != nil {
		t.Fatal(err)
	}
	for n := 1; ; n++ {
		next, err := ring.Rotate(now.Add(time.Duration(n)*time.Second), time.Hour)
		if err != nil {
			if n != maxKeys || fault.CodeOf(err) != "key_ring_full" {
				t.Errorf("key %d: %v", n, err)
			}
			break
		}
		ring = next
	}
	secret, err := MarshalRing(ring)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := ParseRing(secret); err != nil || len(again.keys) != maxKeys {
		t.Errorf("read back: %d keys, %v", len(again.keys), err)
	}
}

// TestAKeyOfAClockThatWasAheadIsReplaced: its age says nothing, so it signs no longer; a clock that differs
// by minutes is as good as any. Older keys are forgotten in time all the same.
func TestAKeyOfAClockThatWasAheadIsReplaced(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	for ahead, want := range map[time.Duration]bool{0: false, time.Minute: false, time.Hour: true, 365 * 24 * time.Hour: true} {
		store := &memoryStore{}
		ring, err := OpenRing(store, now.Add(ahead))
		if err != nil {
			t.Fatal(err)
		}
		tokens := NewTokens(TokenConfig{TTL: time.Hour}, ring)
		token, err := tokens.Mint(Identity{User: "7", Session: "9f86d081884c7d659a2feaa0c55ad015"}, now)
		if err != nil {
			t.Fatal(err)
		}
		if rotated, err := tokens.Rotate(store, now, 24*time.Hour); rotated != want || err != nil {
			t.Errorf("%v ahead: rotated %v, %v", ahead, rotated, err)
		}
		if _, err := tokens.VerifyAt(token, now); err != nil {
			t.Errorf("%v ahead: a token of before: %v", ahead, err)
		}
		later := now
		for day := range 2 * maxKeys {
			later = later.Add(25 * time.Hour)
			if rotated, err := tokens.Rotate(store, later, 24*time.Hour); !rotated || err != nil {
				t.Errorf("%v ahead, day %d: %v, %v", ahead, day, rotated, err)
			}
		}
		if n := len(tokens.JWKS().Keys); n > 3 {
			t.Errorf("%v ahead: %d keys are kept", ahead, n)
		}
	}
}
