package auth

import (
	"context"
	"runtime"
	"time"
	"unicode/utf8"

	"github.com/alexedwards/argon2id"

	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/text"
)

// Bounds of a password in bytes. The upper one only stops abuse.
const (
	minPassword = 8
	maxPassword = 256
)

// CheckPassword refuses a password that is too short, too long, not text, or the handle itself.
func CheckPassword(password string, h Handle) error {
	switch {
	case len(password) < minPassword:
		return fault.Newf(fault.Invalid, "password_short", "a password has at least %d bytes", minPassword).In("password")
	case len(password) > maxPassword:
		return fault.Newf(fault.Invalid, "password_long", "a password has at most %d bytes", maxPassword).In("password")
	case !utf8.ValidString(password):
		return fault.New(fault.Invalid, "password_not_text", "a password is UTF-8 text").In("password")
	case text.Fold(password) == h.Folded:
		return fault.New(fault.Invalid, "password_is_handle", "a password must differ from the handle").In("password")
	}
	return nil
}

// HasherConfig shapes password hashing. Zero means the OWASP minimum: 19 MiB, two passes, one lane.
type HasherConfig struct {
	// MemoryKiB per hash; zero means 19456.
	MemoryKiB uint32
	// Passes over that memory; zero means 2.
	Passes uint32
	// Slots is how many hashes are computed at once; zero means half the processors, at least one, so that a storm
	// of logins leaves the rest of the node its share.
	Slots int
	// Waiting is how many callers may wait for a slot; zero means 64. The next is refused.
	Waiting int
}

// Hasher computes and checks password hashes with bounded memory. It is safe for concurrent use.
type Hasher struct {
	params  argon2id.Params
	slots   chan struct{}
	waiting chan struct{}
	dummy   string
}

// NewHasher computes one hash, for VerifyNobody, before it returns.
func NewHasher(cfg HasherConfig) (*Hasher, error) {
	h := &Hasher{params: argon2id.Params{
		Memory: orDefault(cfg.MemoryKiB, 19*1024), Iterations: orDefault(cfg.Passes, 2),
		Parallelism: 1, SaltLength: 16, KeyLength: 32,
	}}
	slots := orDefault(cfg.Slots, max(1, runtime.NumCPU()/2))
	h.slots = make(chan struct{}, slots)
	h.waiting = make(chan struct{}, slots+orDefault(cfg.Waiting, 64))
	var err error
	h.dummy, err = h.Hash(context.Background(), "nobody has this password")
	return h, err
}

func orDefault[T int | uint32](v, d T) T {
	if v == 0 {
		return d
	}
	return v
}

// Hash gives the stored form of a password, parameters included.
func (h *Hasher) Hash(ctx context.Context, password string) (string, error) {
	if err := h.enter(ctx); err != nil {
		return "", err
	}
	defer h.leave()
	s, err := argon2id.CreateHash(password, &h.params)
	if err != nil {
		return "", fault.Wrap(fault.Internal, "hash_failed", "a password cannot be hashed", err)
	}
	return s, nil
}

// Verify reports whether password has the stored hash, and whether the hash should be made anew because the parameters changed.
func (h *Hasher) Verify(ctx context.Context, password, stored string) (ok, stale bool, err error) {
	if err := h.enter(ctx); err != nil {
		return false, false, err
	}
	defer h.leave()
	p, _, _, err := argon2id.DecodeHash(stored)
	if err != nil || p.Memory > 1<<18 || p.Iterations > 16 {
		return false, false, fault.New(fault.Internal, "hash_damaged", "a stored password hash cannot be read")
	}
	ok, err = argon2id.ComparePasswordAndHash(password, stored)
	if err != nil {
		return false, false, fault.Wrap(fault.Internal, "hash_damaged", "a stored password hash cannot be read", err)
	}
	return ok, p.Memory != h.params.Memory || p.Iterations != h.params.Iterations, nil
}

// VerifyNobody takes as long as Verify and always says no: the answer for an account that does not exist.
func (h *Hasher) VerifyNobody(ctx context.Context, password string) error {
	_, _, err := h.Verify(ctx, password, h.dummy)
	return err
}

// enter takes a slot, waiting in a bounded line until ctx ends.
func (h *Hasher) enter(ctx context.Context) error {
	select {
	case h.waiting <- struct{}{}:
	default:
		return fault.New(fault.Exhausted, "hash_pool_full", "too many logins at once").After(time.Second)
	}
	select {
	case h.slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		<-h.waiting
		return fault.From(ctx.Err())
	}
}

func (h *Hasher) leave() {
	<-h.slots
	<-h.waiting
}
