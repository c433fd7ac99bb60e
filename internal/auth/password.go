package auth

import (
	"context"
	_ "embed"
	"fmt"
	"runtime"
	"strings"
	"unicode/utf8"

	"github.com/alexedwards/argon2id"
	"golang.org/x/text/secure/precis"

	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/text"
)

// Bounds of a password in bytes. The upper one only stops abuse: it holds before anything else looks at the
// password.
const (
	minPassword = 8
	maxPassword = 256
)

// commonPasswords are the ones that are guessed first, one a line, folded; notes begin with "#".
//
//go:embed commonpasswords.txt
var commonPasswords string

// CheckPassword refuses a password for an account that is too short, too long, not text, the handle itself,
// or one of the few thousand that are guessed first.
func CheckPassword(password string, h Handle) error {
	opaque, err := opaqueString(password)
	if err != nil {
		return err
	}
	if len(opaque) < minPassword {
		return badPassword("password_short", fmt.Sprintf("a password has at least %d bytes", minPassword))
	}
	folded := text.Fold(opaque)
	if folded == h.Folded {
		return badPassword("password_is_handle", "a password must differ from the handle")
	}
	if strings.Contains(commonPasswords, "\n"+folded+"\n") {
		return badPassword("password_common", "this password is one of those that are guessed first")
	}
	return nil
}

// opaqueString is the form of a password that is hashed, by RFC 8265 section 4: all spaces are one, and
// composed and decomposed letters are the same, because keyboards differ in what they send for what people
// type. Hash and Verify make it; so a password is what people take it for, wherever it was set. It refuses
// a password that is too long, empty, not UTF-8, or holds a character that the RFC disallows: controls, and
// characters that this program does not know, whose form may change.
func opaqueString(password string) (string, error) {
	if len(password) > maxPassword {
		return "", badPassword("password_long", fmt.Sprintf("a password has at most %d bytes", maxPassword))
	}
	if password == "" {
		return "", badPassword("password_short", fmt.Sprintf("a password has at least %d bytes", minPassword))
	}
	opaque, err := precis.OpaqueString.String(password)
	if err != nil || !utf8.ValidString(password) {
		return "", badPassword("password_not_text", "a password is UTF-8 text without control characters and unknown ones")
	}
	return opaque, nil
}

func badPassword(code, message string) error {
	return fault.New(fault.Invalid, code, message).In("password")
}

// HasherConfig shapes password hashing. Zero means the OWASP minimum: 19 MiB, two passes, one lane.
type HasherConfig struct {
	// MemoryKiB per hash; zero means 19456.
	MemoryKiB uint32
	// Passes over that memory; zero means 2.
	Passes uint32
	// Slots is how many hashes are computed at once; zero means half the processors, at least one, so that
	// a storm of logins leaves the rest of the node its share.
	Slots int
	// Waiting is how many callers may wait for a slot; zero means 64. The next is refused, and so is who
	// holds the share of an address or network (Source) already; a quarter is for familiar sources only.
	Waiting int
}

// Hasher computes and checks password hashes with bounded memory, for whom the context says (WithSource). It
// is safe for concurrent use.
type Hasher struct {
	params argon2id.Params
	line   line
	dummy  string
}

// NewHasher computes one hash, for VerifyNobody, before it returns.
func NewHasher(cfg HasherConfig) (*Hasher, error) {
	h := &Hasher{params: argon2id.Params{
		Memory: orDefault(cfg.MemoryKiB, 19*1024), Iterations: orDefault(cfg.Passes, 2),
		Parallelism: 1, SaltLength: 16, KeyLength: 32,
	}}
	h.line = newLine(orDefault(cfg.Slots, max(1, runtime.NumCPU()/2)), orDefault(cfg.Waiting, 64))
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

// Hash gives the stored form of a password, parameters included. It takes any that can be one (see
// CheckPassword for the rest) and refuses the others as CheckPassword does.
func (h *Hasher) Hash(ctx context.Context, password string) (string, error) {
	opaque, err := opaqueString(password)
	if err != nil {
		return "", err
	}
	place, err := h.line.enter(ctx)
	if err != nil {
		return "", err
	}
	defer h.line.leave(place)
	s, err := argon2id.CreateHash(opaque, &h.params)
	if err != nil {
		return "", fault.Wrap(fault.Internal, "hash_failed", "a password cannot be hashed", err)
	}
	return s, nil
}

// Verify reports whether password has the stored hash, and whether the hash should be made anew because the
// parameters changed. What can be no password is a wrong one, and takes the same time.
func (h *Hasher) Verify(ctx context.Context, password, stored string) (ok, stale bool, err error) {
	place, err := h.line.enter(ctx)
	if err != nil {
		return false, false, err
	}
	defer h.line.leave(place)
	p, _, _, err := argon2id.DecodeHash(stored)
	if err != nil || p.Memory > 1<<18 || p.Iterations > 16 {
		return false, false, fault.New(fault.Internal, "hash_damaged", "a stored password hash cannot be read")
	}
	opaque, refused := opaqueString(password) // empty if refused, which is hashed like any other
	ok, err = argon2id.ComparePasswordAndHash(opaque, stored)
	if err != nil {
		return false, false, fault.Wrap(fault.Internal, "hash_damaged", "a stored password hash cannot be read", err)
	}
	return ok && refused == nil, p.Memory != h.params.Memory || p.Iterations != h.params.Iterations, nil
}

// VerifyNobody takes as long as Verify and always says no: the answer for an account that does not exist.
func (h *Hasher) VerifyNobody(ctx context.Context, password string) error {
	_, _, err := h.Verify(ctx, password, h.dummy)
	return err
}
