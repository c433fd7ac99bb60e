package auth

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/alexedwards/argon2id"
	"golang.org/x/text/unicode/norm"

	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/text"
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

// TestAPasswordIsWhatPeopleTakeItFor lists what keyboards send for one and the same password.
func TestAPasswordIsWhatPeopleTakeItFor(t *testing.T) {
	h := cheap(t, HasherConfig{})
	for _, c := range []struct {
		name, set, typed string
		same             bool
	}{
		{"composed and decomposed", "caf\u00e9 au lait", "cafe\u0301 au lait", true},
		{"decomposed and composed", "cafe\u0301 au lait", "caf\u00e9 au lait", true},
		{"Korean in letters and syllables", "비밀번호입니다", norm.NFD.String("비밀번호입니다"), true},
		{"wide space", "correct\u3000horse", "correct horse", true},
		{"space that does not break", "correct horse", "correct\u00a0horse", true},
		{"case", "correct horse", "Correct horse", false},
		{"width of letters", "correct horse", "ｃorrect horse", false},
		{"white space around", "correct horse", " correct horse", false},
	} {
		stored, err := h.Hash(t.Context(), c.set)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if ok, _, err := h.Verify(t.Context(), c.typed, stored); ok != c.same || err != nil {
			t.Errorf("%s: %v, %v", c.name, ok, err)
		}
	}
}

// TestWhatCanBeNoPasswordIsAWrongOne shows that it is neither an error nor anybody's password, not even
// where the stored hash is that of nothing.
func TestWhatCanBeNoPasswordIsAWrongOne(t *testing.T) {
	h := cheap(t, HasherConfig{})
	stored, err := h.Hash(t.Context(), "correct horse")
	if err != nil {
		t.Fatal(err)
	}
	nothing, err := argon2id.CreateHash("", &h.params)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ password, code string }{
		"not UTF-8": {"correct horse\xff", "password_not_text"}, "control": {"correct\nhorse", "password_not_text"}, "empty": {"", "password_short"},
		"too long": {strings.Repeat("x", 257), "password_long"}, "unassigned": {"correct horse\U000e0fff", "password_not_text"},
	} {
		for _, s := range []string{stored, nothing} {
			if ok, _, err := h.Verify(t.Context(), c.password, s); ok || err != nil {
				t.Errorf("%s: %v, %v", name, ok, err)
			}
		}
		if _, err := h.Hash(t.Context(), c.password); fault.CodeOf(err) != c.code || fault.From(err).Field != "password" {
			t.Errorf("%s: hashed, or %v", name, err)
		}
	}
}

// TestCommonPasswordsAreInTheirForm: an entry of another form would never be found.
func TestCommonPasswordsAreInTheirForm(t *testing.T) {
	n := 0
	for line := range strings.Lines(commonPasswords) {
		word := strings.TrimSuffix(line, "\n")
		if strings.HasPrefix(word, "#") {
			continue
		}
		n++
		if opaque, err := opaqueString(word); err != nil || text.Fold(opaque) != word || len(word) < minPassword {
			t.Errorf("%q is no entry: %v", word, err)
		}
	}
	if n < 3000 || n > 10000 {
		t.Errorf("%d entries", n)
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

func TestCheckPassword(t *testing.T) {
	h, err := ParseHandle("AnnBonny")
	if err != nil {
		t.Fatal(err)
	}
	cases := []struct{ name, password, want string }{
		{"good", "correct horse", ""},
		{"eight bytes", "hg7-Kq2x", ""},
		{"a common one", "12345678", "password_common"},
		{"a common one in capitals", "PassWord1", "password_common"},
		{"a common one in full width", "ｐａｓｓｗｏｒｄ１", "password_common"},
		{"the last of the list", "zz8807zpl", "password_common"},
		{"a common one and more", "password1 password1", ""},
		{"a note of the list", strings.SplitN(commonPasswords, "\n", 2)[0], ""},
		{"three Chinese characters are nine bytes", "密码吗", ""},
		{"seven bytes", "1234567", "password_short"},
		{"empty", "", "password_short"},
		{"256 bytes", strings.Repeat("x", 256), ""},
		{"257 bytes", strings.Repeat("x", 257), "password_long"},
		{"the handle", "annbonny", "password_is_handle"},
		{"the handle in full width", "ＡｎｎＢｏｎｎｙ", "password_is_handle"},
		{"not text", "\xff\xfe1234567", "password_not_text"},
		{"a control character", "hg7-Kq2x\x00", "password_not_text"},
		{"two lines", "hg7-Kq2x\nhg7", "password_not_text"},
		{"a character that nobody has defined", "hg7-Kq2x\U000e0fff", "password_not_text"},
		{"spaces and emoji", " 马 correct 😀 ", ""},
		{"short when it is composed", "e\u0301e\u0301e\u0301", "password_short"},
		{"a megabyte", strings.Repeat("e\u0301", 1<<19), "password_long"},
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
	var known, unknown, refused []time.Duration
	for range 15 {
		at := time.Now()
		if _, _, err := h.Verify(t.Context(), "wrong horse", stored); err != nil {
			t.Fatal(err)
		}
		known, at = append(known, time.Since(at)), time.Now()
		if err := h.VerifyNobody(t.Context(), "wrong horse"); err != nil {
			t.Fatal(err)
		}
		unknown, at = append(unknown, time.Since(at)), time.Now()
		if _, _, err := h.Verify(t.Context(), "wrong\x00horse", stored); err != nil {
			t.Fatal(err)
		}
		refused = append(refused, time.Since(at))
	}
	for _, times := range [][]time.Duration{known, unknown, refused} {
		slices.Sort(times)
	}
	k, u, r := known[len(known)/2], unknown[len(unknown)/2], refused[len(refused)/2]
	if (k-u).Abs() > max(k, u)/2 || (k-r).Abs() > max(k, r)/2 {
		t.Errorf("medians differ: known %v, unknown %v, no password at all %v", k, u, r)
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
