package session

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

const sid = id.Session("00000000000000000000000000000001")

// stage runs one session with tokens that have names: R1 is the first, R2 its successor and so on.
type stage struct {
	state  *state
	now    time.Time
	family auth.FamilyKey
	tokens map[string]auth.Refresh
	salts  byte
}

func newStage() *stage {
	return &stage{state: &state{cfg: Config{}.filled()}, now: time.Unix(1_800_000_000, 0), tokens: map[string]auth.Refresh{}}
}

// name names a token by its generation; the first of each stays.
func (g *stage) name(r auth.Refresh) string {
	n := fmt.Sprintf("R%d", r.Generation)
	if _, known := g.tokens[n]; !known {
		g.tokens[n] = r
	}
	if g.tokens[n] != r {
		return "another " + n
	}
	return n
}

func (g *stage) token(name string) auth.Refresh {
	if name == "garbage" {
		return auth.FirstRefresh(sid, auth.FamilyKey{9})
	}
	return g.tokens[name]
}

// TestScripts replays testdata: "after 5s" lets time pass, everything else is a command.
func TestScripts(t *testing.T) {
	datadriven.Walk(t, "testdata/script", func(t *testing.T, path string) {
		g := newStage()
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			if d.Cmd == "after" {
				pass, err := time.ParseDuration(d.CmdArgs[0].Key)
				if err != nil {
					d.Fatalf(t, "%v", err)
				}
				g.now = g.now.Add(pass)
				return ""
			}
			return g.describe(g.state.Apply(g.now, g.command(t, d), nil))
		})
	})
}

func (g *stage) command(t *testing.T, d *datadriven.TestData) any {
	t.Helper()
	word := func(key string) (v string) {
		d.MaybeScanArgs(t, key, &v)
		return v
	}
	switch d.Cmd {
	case "open":
		first := auth.FirstRefresh(sid, g.family)
		g.name(first)
		return open{sid, "42", "a phone", 1, g.family, first}
	case "refresh":
		g.salts++
		return refresh{g.token(word("token")), auth.Salt{g.salts}}
	case "logout":
		return logout{g.token(word("token"))}
	case "revoke":
		var before uint64
		d.MaybeScanArgs(t, "before", &before)
		return revoke{id.User(word("user")), Revoked, before}
	case "get":
		return get{}
	}
	return d.Cmd
}

func (g *stage) describe(effects []effect) string {
	var b strings.Builder
	for _, e := range effects {
		switch e := e.(type) {
		case document.Reply:
			switch v := e.Value.(type) {
			case Rotation:
				fmt.Fprintf(&b, "reply %s of user %s, valid %v\n", g.name(v.Token), v.User, v.Expires.Sub(g.now))
			case Info:
				fmt.Fprintf(&b, "reply user=%s\n", v.User)
			}
		case document.Refuse:
			fmt.Fprintf(&b, "refuse %s\n", fault.CodeOf(e.Err))
		case save:
			if l, ok := e.Note.(listed); ok {
				fmt.Fprintf(&b, "list for %v\n", l.ttl)
			}
			fmt.Fprintf(&b, "save ended=%q for %v\n", e.Doc.Ended, e.TTL)
		case over:
			fmt.Fprintf(&b, "over: %s\n", e.reason)
		case opened:
			b.WriteString("count opened\n")
		case refreshed:
			fmt.Fprintf(&b, "count %s\n", e.result)
		}
	}
	return b.String()
}

// TestTwoHoldersOfOneTokenAreFoundOut, however closely the one follows the other; one that is cut off now and
// then is not taken for two.
func TestTwoHoldersOfOneTokenAreFoundOut(t *testing.T) {
	run := func(late func(turn int) bool) (turns int, err error) {
		g := newStage()
		held := auth.FirstRefresh(sid, g.family)
		g.state.Apply(g.now, open{sid, "42", "", 0, g.family, held}, nil)
		refresh := func(token auth.Refresh) (auth.Refresh, error) {
			g.salts++
			effects := g.state.Apply(g.now, refresh{token, auth.Salt{g.salts}}, nil)
			switch e := effects[len(effects)-1].(type) {
			case document.Reply:
				return e.Value.(Rotation).Token, nil
			case document.Refuse:
				return token, e.Err
			}
			return token, errIDTaken
		}
		for turn := range 100 {
			g.now = g.now.Add(14 * time.Minute)
			next, err := refresh(held)
			if err == nil && late(turn) {
				for range 2 { // twice within one generation is once
					g.now = g.now.Add(time.Minute)
					if next, err = refresh(held); err != nil {
						break
					}
				}
			}
			if err != nil {
				return turn, err
			}
			held = next
		}
		return 100, nil
	}
	if turns, err := run(func(int) bool { return true }); turns != maxLates || fault.CodeOf(err) != "token_reused" {
		t.Errorf("two holders go on for %d turns, then %v", turns, err)
	}
	if turns, err := run(func(turn int) bool { return turn%3 > 0 }); turns != 100 {
		t.Errorf("one that is cut off twice in a row is ended at turn %d: %v", turns, err)
	}
}

// The family as a naive model sees it: a list of tokens in order of birth. Only the last rotates; only the
// last but one repeats, and only within the window, which is short after two that were used late; any
// earlier one ends everything; garbage changes nothing.
func TestFamilyAgainstItsModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := newStage()
		g.state.cfg.RefreshTTL, g.state.cfg.MaxAge = time.Hour, 24*time.Hour
		g.state.cfg.Writes.Burst = 100
		born := []auth.Refresh{auth.FirstRefresh(sid, g.family)}
		g.state.Apply(g.now, open{sid, "42", "", 0, g.family, born[0]}, nil)
		opened, rotated, ended := g.now, g.now, false
		late, lates := false, 0
		for range rapid.IntRange(1, 30).Draw(t, "steps") {
			g.now = g.now.Add(time.Duration(rapid.SampledFrom([]int{0, 5, 20, 30, 31, 60, 240, 301, 480}).Draw(t, "seconds")) * time.Second)
			if rapid.IntRange(0, 9).Draw(t, "long") == 0 {
				g.now = g.now.Add(50 * time.Minute)
			}
			pick := rapid.IntRange(-1, len(born)-1).Draw(t, "token")
			tok := g.token("garbage")
			if pick >= 0 {
				tok = born[len(born)-1-pick]
			}
			g.salts++
			effects := g.state.Apply(g.now, refresh{tok, auth.Salt{g.salts}}, nil)
			var want string
			switch {
			case pick < 0:
				want = "token_invalid"
			case ended:
				want = "session_ended"
			case g.now.Sub(rotated) >= time.Hour || g.now.Sub(opened) >= 24*time.Hour:
				want = "token_expired"
			case pick == 0:
				want = "new"
				if !late {
					lates = 0
				}
				late = false
			case pick == 1 && g.now.Sub(rotated) <= 30*time.Second:
				want = "same"
			case pick == 1 && g.now.Sub(rotated) <= 5*time.Minute && (late || lates < 2):
				want = "same"
				if !late {
					late, lates = true, lates+1
				}
			default:
				want, ended = "token_reused", true
			}
			switch last := effects[len(effects)-1].(type) {
			case document.Refuse:
				if fault.CodeOf(last.Err) != want {
					t.Fatalf("got %v, want %s", last.Err, want)
				}
			case document.Reply:
				next := last.Value.(Rotation).Token
				if want == "same" && next != born[len(born)-1] || want != "same" && want != "new" {
					t.Fatalf("a token was given, want %s", want)
				}
				if want == "new" {
					born, rotated = append(born, next), g.now
				}
			}
		}
	})
}

func TestPrintable(t *testing.T) {
	for in, want := range map[string]string{
		"Firefox on Linux": "Firefox on Linux", "a\r\nb\x00c\u202ed": "abcd", "\xff\xfe": "", strings.Repeat("弹", 500): strings.Repeat("弹", maxDevice),
	} {
		if got := printable(in); got != want {
			t.Errorf("%q gives %q", in, got)
		}
	}
}

// A session that lives is listed for as long as it does, and at most a day longer.
func TestTheListOutlivesNoSessionForLong(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := newStage()
		token := auth.FirstRefresh(sid, g.family)
		effects := g.state.Apply(g.now, open{sid, "42", "", 0, g.family, token}, nil)
		var listedUntil time.Time
		for range rapid.IntRange(1, 30).Draw(t, "refreshes") {
			e, ok := effects[0].(save)
			if !ok {
				return // it has died of age
			}
			if l, ok := e.Note.(listed); ok {
				listedUntil = g.now.Add(l.ttl)
			}
			if over := g.now.Add(e.TTL); listedUntil.Before(over) || listedUntil.After(over.Add(24*time.Hour)) {
				t.Fatalf("it lives until %v and is listed until %v", over, listedUntil)
			}
			longest := rapid.SampledFrom([]time.Duration{15 * time.Minute, 15 * 24 * time.Hour}).Draw(t, "longest")
			g.now = g.now.Add(time.Duration(rapid.Int64Range(int64(time.Second), int64(longest)).Draw(t, "pause")))
			g.salts++
			effects = g.state.Apply(g.now, refresh{token, auth.Salt{g.salts}}, nil)
			if r, ok := effects[len(effects)-1].(document.Reply); ok {
				token = r.Value.(Rotation).Token
			}
		}
	})
}
