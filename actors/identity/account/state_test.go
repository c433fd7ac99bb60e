package account

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"
	"pgregory.net/rapid"

	"github.com/barrage-live/barrage/actors/document"
	"github.com/barrage-live/barrage/internal/auth"
	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/id"
)

// TestScripts replays testdata: one command a line, then its effects and the state.
func TestScripts(t *testing.T) {
	datadriven.Walk(t, "testdata/script", func(t *testing.T, path string) {
		s := &state{}
		now := time.Unix(1_800_000_000, 0)
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			return describe(s.Apply(now, command(t, d), nil)) + s.String() + "\n"
		})
	})
}

func command(t *testing.T, d *datadriven.TestData) any {
	t.Helper()
	word := func(key string) (v string) {
		d.MaybeScanArgs(t, key, &v)
		return v
	}
	roles := func() (rs auth.Roles) {
		for w := range strings.FieldsSeq(strings.ReplaceAll(word("roles"), "+", " ")) {
			rs = append(rs, auth.Role(w))
		}
		return rs
	}
	switch d.Cmd {
	case "create":
		h, err := auth.ParseHandle(word("handle"))
		if err != nil {
			t.Fatal(err)
		}
		return create{"42", h, word("hash"), roles()}
	case "get":
		return get{}
	case "secrets":
		return secrets{}
	case "rehash":
		return rehash{word("old"), word("hash")}
	case "change-password":
		return changePassword{word("old"), word("hash"), id.Session(word("keep"))}
	case "set-roles":
		return setRoles{roles()}
	case "grant-role":
		return grantRole{auth.Role(word("role"))}
	case "disable":
		return setDisabled{true}
	case "enable":
		return setDisabled{false}
	}
	return d.Cmd
}

func describe(effects []effect) string {
	var b strings.Builder
	for _, e := range effects {
		switch e := e.(type) {
		case document.Reply:
			switch v := e.Value.(type) {
			case Account:
				fmt.Fprintf(&b, "reply %s %v\n", v.Handle, v.Roles)
			case credentials:
				fmt.Fprintf(&b, "reply %s hash=%s\n", v.account.Handle, v.hash)
			}
		case document.Refuse:
			fmt.Fprintf(&b, "refuse %s\n", fault.CodeOf(e.Err))
		case save:
			fmt.Fprintf(&b, "save rights=%d logins=%d kept=%q told=%v\n", e.Doc.Rights, e.Doc.Logins, e.Doc.Kept, e.Note != nil)
		}
	}
	return b.String()
}

func (s *state) String() string {
	if !s.exists {
		return "no account"
	}
	return fmt.Sprintf("%s %v hash=%s disabled=%v", s.doc.Handle.Folded, s.doc.Roles, s.doc.Hash, s.doc.Disabled)
}

// What was answered was persisted: after any commands, the last persisted document is the state.
func TestAnswersFollowWhatWasPersisted(t *testing.T) {
	h, err := auth.ParseHandle("Ann")
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		s := &state{}
		var last *stored
		role := rapid.SampledFrom([]auth.Role{auth.Viewer, auth.Streamer, auth.Moderator, auth.Admin})
		for range rapid.IntRange(1, 20).Draw(t, "steps") {
			cmd := rapid.OneOf(
				rapid.Just[any](create{"42", h, "h0", nil}), rapid.Just[any](get{}),
				rapid.Custom(func(t *rapid.T) any { return grantRole{role.Draw(t, "role")} }),
				rapid.Custom(func(t *rapid.T) any { return setRoles{auth.Roles{role.Draw(t, "role")}} }),
				rapid.Custom(func(t *rapid.T) any { return setDisabled{rapid.Bool().Draw(t, "disabled")} }),
				rapid.Just[any](rehash{"h0", "h1"}), rapid.Just[any](rehash{"h9", "h2"}),
			).Draw(t, "command")
			effects := s.Apply(time.Unix(1, 0), cmd, nil)
			for i, e := range effects {
				if p, ok := e.(save); ok {
					if i != 0 {
						t.Fatalf("%T: %v", cmd, effects)
					}
					last = &p.Doc
				}
			}
			if (last != nil) != s.exists || s.exists && fmt.Sprint(*last) != fmt.Sprint(s.doc) {
				t.Fatalf("stored %v, state %v", last, s)
			}
			if s.exists && !s.doc.Roles.Has(auth.Viewer) {
				t.Fatal("an account lost viewer")
			}
		}
	})
}
