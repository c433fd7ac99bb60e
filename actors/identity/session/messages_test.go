package session

import (
	"path/filepath"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/barrage-live/barrage/actors/actortest"
	"github.com/barrage-live/barrage/actors/document"
	"github.com/barrage-live/barrage/internal/auth"
	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/id"
)

// token is the same in every run.
func sampleToken(tb interface{ Fatal(...any) }) auth.Refresh {
	r, err := auth.ParseRefresh("0123456789abcdef0123456789abcdef.AAAABQECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJA")
	if err != nil {
		tb.Fatal(err)
	}
	return r
}

// samples are one of every message with every field filled.
func samples(tb testing.TB) []any {
	tb.Helper()
	at, token := time.Date(2026, 11, 27, 12, 0, 0, 1_000_000, time.UTC), sampleToken(tb)
	return []any{
		document.Wake{},
		open{token.Session, "u1", "\xff is not UTF-8", 7, auth.FamilyKey{1, 2}, token},
		refresh{token, auth.Salt{3, 4}},
		logout{token},
		revoke{"u1", Replaced, 3},
		get{},
		Info{token.Session, "u1", "a phone", at, at.Add(time.Hour)},
		Rotation{token.Session, "u1", 7, token, at},
	}
}

func kindMessages(tb testing.TB) actortest.Messages {
	tb.Helper()
	return actortest.Messages{Kind: Kind(Deps{}), Samples: samples(tb), Golden: filepath.Join("sessionpb", "testdata", "messages.txt")}
}

func TestMessages(t *testing.T) { kindMessages(t).Hold(t) }

func FuzzMessages(f *testing.F) { kindMessages(f).Fuzz(f) }

func TestDrawnMessagesArriveAsTheyWereSent(t *testing.T) {
	c := kindMessages(t).Codec(t)
	rapid.Check(t, func(r *rapid.T) {
		user := id.User(rapid.String().Draw(r, "user"))
		device := string(rapid.SliceOf(rapid.Byte()).Draw(r, "device"))
		at := time.Unix(rapid.Int64Range(-1<<36, 1<<36).Draw(r, "at"), rapid.Int64Range(0, 999_999_999).Draw(r, "nanoseconds")).UTC()
		session, family, salt := id.NewSession(), auth.NewFamilyKey(), auth.NewSalt()
		token := auth.FirstRefresh(session, family)
		for range rapid.IntRange(0, 3).Draw(r, "generations") {
			token = token.Successor(family, salt)
		}
		for _, v := range []any{
			open{session, user, device, uint64(len(device)), family, token},
			open{session: session, token: token},
			refresh{token, salt},
			logout{token},
			revoke{user, Reason(user), uint64(len(device))},
			revoke{},
			Info{session, user, device, at, at},
			Info{},
			Rotation{session, user, uint64(len(device)), token, at},
			Rotation{Token: token},
		} {
			actortest.WantSame(r, c, v)
		}
	})
}

// A secret that is none comes from no client of ours.
func TestWhatIsNoSecretIsRefused(t *testing.T) {
	c, token := kindMessages(t).Codec(t), sampleToken(t)
	whole, err := c.Encode(refresh{token, auth.Salt{}})
	if err != nil {
		t.Fatal(err)
	}
	none, err := c.Encode(logout{auth.Refresh{Session: token.Session}})
	if err != nil {
		t.Fatal(err)
	}
	for name, frame := range map[string][]byte{
		"an opening without anything": {1}, "a refresh without salt": whole[:len(whole)-2-len(auth.Salt{})], "a token of generation 0": none,
		"a rotation without a token": {33},
	} {
		if v, err := c.Decode(frame); fault.CodeOf(err) != "bad_message" {
			t.Errorf("%s is read as %v, %v", name, v, err)
		}
	}
}
