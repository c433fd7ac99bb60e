package account

import (
	"path/filepath"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/barrage-live/barrage/actors/actortest"
	"github.com/barrage-live/barrage/actors/document"
	"github.com/barrage-live/barrage/internal/auth"
	"github.com/barrage-live/barrage/internal/id"
)

// samples are one of every message with every field filled.
func samples() []any {
	a := Account{"u1", "Ann", auth.NewRoles(auth.Admin), true, time.Date(2026, 11, 27, 12, 0, 0, 1_000_000, time.UTC), 2, "s1", 3}
	h := auth.Handle{Shown: "弹Ivan", Folded: "弹ivan", Skeleton: "弹ivan", Likeness: "弹lvan"}
	return []any{
		document.Wake{},
		create{"u1", h, "$argon2id$", a.Roles},
		rehash{"$argon2id$old", "$argon2id$new"},
		changePassword{"$argon2id$old", "$argon2id$new", "s1"},
		setRoles{a.Roles},
		grantRole{auth.Streamer},
		setDisabled{true},
		get{},
		secrets{},
		a,
		credentials{a, h, "$argon2id$"},
	}
}

func kindMessages() actortest.Messages {
	return actortest.Messages{Kind: Kind(Deps{}), Samples: samples(), Golden: filepath.Join("accountpb", "testdata", "messages.txt")}
}

func TestMessages(t *testing.T) { kindMessages().Hold(t) }

func FuzzMessages(f *testing.F) { kindMessages().Fuzz(f) }

func TestDrawnMessagesArriveAsTheyWereSent(t *testing.T) {
	c := kindMessages().Codec(t)
	rapid.Check(t, func(r *rapid.T) {
		word := func(name string) string { return rapid.String().Draw(r, name) }
		roles := auth.NewRoles(rapid.SliceOf(rapid.SampledFrom([]auth.Role{auth.Streamer, auth.Moderator, auth.Admin})).Draw(r, "roles")...)
		handle := auth.Handle{Shown: word("shown"), Folded: word("folded"), Skeleton: word("skeleton"), Likeness: word("likeness")}
		a := Account{
			id.User(word("user")), handle.Shown, roles, rapid.Bool().Draw(r, "disabled"),
			time.Unix(rapid.Int64Range(-1<<36, 1<<36).Draw(r, "created"), rapid.Int64Range(0, 999_999_999).Draw(r, "nanoseconds")).UTC(),
			rapid.Uint64().Draw(r, "logins"), id.Session(word("kept")), rapid.Uint64().Draw(r, "rights"),
		}
		hash, old := word("hash"), word("old")
		for _, v := range []any{
			create{a.User, handle, hash, roles},
			create{user: a.User},
			rehash{old, hash},
			changePassword{old, hash, a.Kept},
			setRoles{roles},
			setRoles{},
			grantRole{auth.Role(word("role"))},
			setDisabled{a.Disabled},
			a,
			Account{},
			credentials{a, handle, hash},
			credentials{},
		} {
			actortest.WantSame(r, c, v)
		}
	})
}
