package auth

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/barrage-live/barrage/internal/fault"
)

// cheap keeps the tests quick; the figures of the real parameters are BenchmarkHash's.
func cheap(t *testing.T, cfg HasherConfig) *Hasher {
	t.Helper()
	cfg.MemoryKiB, cfg.Passes = 64, 1
	h, err := NewHasher(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func TestHasherTellsRightFromWrong(t *testing.T) {
	h := cheap(t, HasherConfig{})
	stored, err := h.Hash(t.Context(), "correct horse")
	if err != nil {
		t.Fatal(err)
	}
	for password, want := range map[string]bool{"correct horse": true, "correct horsf": false, "": false} {
		if ok, stale, err := h.Verify(t.Context(), password, stored); ok != want || stale || err != nil {
			t.Errorf("%q: %v, %v, %v", password, ok, stale, err)
		}
	}
	if !strings.HasPrefix(stored, "$argon2id$v=19$m=64,t=1,p=1$") {
		t.Errorf("stored as %s", stored)
	}
	if err := h.VerifyNobody(t.Context(), "nobody has this password"); err != nil {
		t.Error(err)
	}
}

func TestHasherAsksForANewHashWhenTheParametersChanged(t *testing.T) {
	stored, err := cheap(t, HasherConfig{}).Hash(t.Context(), "correct horse")
	if err != nil {
		t.Fatal(err)
	}
	h, err := NewHasher(HasherConfig{MemoryKiB: 128, Passes: 1})
	if err != nil {
		t.Fatal(err)
	}
	if ok, stale, err := h.Verify(t.Context(), "correct horse", stored); !ok || !stale || err != nil {
		t.Errorf("%v, %v, %v", ok, stale, err)
	}
}

func TestHasherRefusesAStoredHashThatWouldEatTheMachine(t *testing.T) {
	h := cheap(t, HasherConfig{})
	for _, stored := range []string{"", "x", "$argon2id$v=19$m=4194304,t=1,p=1$c29tZXNhbHRzb21lc2FsdA$a2V5a2V5a2V5", "$argon2id$v=19$m=64,t=4000000,p=1$c29tZXNhbHRzb21lc2FsdA$a2V5a2V5a2V5"} {
		if _, _, err := h.Verify(t.Context(), "correct horse", stored); fault.CodeOf(err) != "hash_damaged" {
			t.Errorf("%q: %v", stored, err)
		}
	}
}

func TestHasherLineIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := cheap(t, HasherConfig{Slots: 1, Waiting: 2})
		if err := h.enter(t.Context()); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		var wg sync.WaitGroup
		for range 2 {
			wg.Go(func() {
				if _, err := h.Hash(ctx, "waits for a slot"); fault.KindOf(err) != fault.Timeout {
					t.Errorf("in the line: %v", err)
				}
			})
		}
		synctest.Wait()
		if _, err := h.Hash(ctx, "one too many"); fault.CodeOf(err) != "hash_pool_full" || fault.From(err).RetryAfter == 0 {
			t.Errorf("behind the line: %v", err)
		}
		wg.Wait()
		h.leave()
		if _, err := h.Hash(t.Context(), "free again"); err != nil {
			t.Error(err)
		}
	})
}

func TestCheckPassword(t *testing.T) {
	h, err := ParseHandle("AnnBonny")
	if err != nil {
		t.Fatal(err)
	}
	cases := []struct{ name, password, want string }{
		{"good", "correct horse", ""},
		{"eight bytes", "12345678", ""},
		{"three Chinese characters are nine bytes", "密码吗", ""},
		{"seven bytes", "1234567", "password_short"},
		{"empty", "", "password_short"},
		{"256 bytes", strings.Repeat("x", 256), ""},
		{"257 bytes", strings.Repeat("x", 257), "password_long"},
		{"the handle", "annbonny", "password_is_handle"},
		{"the handle in full width", "ＡｎｎＢｏｎｎｙ", "password_is_handle"},
		{"not text", "\xff\xfe1234567", "password_not_text"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if got := fault.CodeOf(CheckPassword(c.password, h)); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

// TestVerifyNobodyTakesAsLongAsVerify compares medians of interleaved runs with the real parameters.
func TestVerifyNobodyTakesAsLongAsVerify(t *testing.T) {
	h, err := NewHasher(HasherConfig{})
	if err != nil {
		t.Fatal(err)
	}
	stored, err := h.Hash(t.Context(), "correct horse")
	if err != nil {
		t.Fatal(err)
	}
	var known, unknown []time.Duration
	for range 15 {
		at := time.Now()
		if _, _, err := h.Verify(t.Context(), "wrong horse", stored); err != nil {
			t.Fatal(err)
		}
		known, at = append(known, time.Since(at)), time.Now()
		if err := h.VerifyNobody(t.Context(), "wrong horse"); err != nil {
			t.Fatal(err)
		}
		unknown = append(unknown, time.Since(at))
	}
	slices.Sort(known)
	slices.Sort(unknown)
	k, u := known[len(known)/2], unknown[len(unknown)/2]
	if (k - u).Abs() > max(k, u)/2 {
		t.Errorf("medians differ: known %v, unknown %v", k, u)
	}
}

func BenchmarkHash(b *testing.B) {
	h, err := NewHasher(HasherConfig{})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := h.Hash(b.Context(), "correct horse"); err != nil {
			b.Fatal(err)
		}
	}
}
