package socket_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/barrage-live/barrage/gateway/socket"
	"github.com/barrage-live/barrage/gateway/socket/sockettest"
	"github.com/barrage-live/barrage/internal/auth"
	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/id"
	"github.com/barrage-live/barrage/internal/wire"
	"github.com/barrage-live/barrage/internal/wire/wirepb"
)

func toldOf(code string) func(*wirepb.ServerFrame) bool {
	return func(f *wirepb.ServerFrame) bool { return f.GetId() == 0 && f.GetError().GetCode() == code }
}

func TestSocketsOfALoginAreBounded(t *testing.T) {
	const most = 3
	w := sockettest.NewWorld(t, socket.Config{LoginSockets: most}, false)
	first := w.Dial(wire.JSON, "7-s1-1h")
	for range most - 1 {
		w.Dial(wire.Proto, "7-s1-1h")
	}
	if _, err := first.Auth(first.Context(), "7-s1-2h"); err != nil {
		t.Errorf("a newer token of a full login: %v", err)
	}
	guest := w.Enter(wire.JSON, "")
	_, err := guest.Auth(guest.Context(), "7-s1-1h")
	sockettest.Refused(t, err, "too_many_sockets")
	_, err = guest.Say("as whom?")
	sockettest.Refused(t, err, "login_required")
	first.Close()
	sockettest.Eventually(t, "there is a place when one has gone", func() bool {
		_, err := guest.Auth(guest.Context(), "7-s1-1h")
		return err == nil
	})
	if _, err := guest.Auth(guest.Context(), "7-s2-1h"); err != nil {
		t.Errorf("another login of the same user: %v", err)
	}
	next := w.Enter(wire.JSON, "")
	sockettest.Eventually(t, "the place that it left is free", func() bool {
		_, err := next.Auth(next.Context(), "7-s1-1h")
		return err == nil
	})
}

func TestAnEndedLoginIsRefused(t *testing.T) {
	w := plain(t)
	w.EndLogin("s3")
	late := w.Enter(wire.JSON, "")
	_, err := late.Auth(late.Context(), "7-s3-1h")
	sockettest.Refused(t, err, "session_ended")
	_, err = late.Say("as whom?")
	sockettest.Refused(t, err, "login_required")
}

// TestALoginThatEndsWhileATokenIsShown has a socket of one login show a token of another, which is refused,
// while the first one ends: it must not live on under neither.
func TestALoginThatEndsWhileATokenIsShown(t *testing.T) {
	w := plain(t)
	for i := range 50 {
		old, next := fmt.Sprint("old", i), fmt.Sprint("new", i)
		v := w.Dial(wire.Encoding(i%2), "7-"+old+"-1h")
		shown := make(chan struct{})
		if i%2 == 0 {
			w.EndLogin(id.Session(next))
		}
		go func() {
			defer close(shown)
			_, _ = v.Auth(v.Context(), "7-"+next+"-1h")
		}()
		w.EndLogin(id.Session(old))
		<-shown
		if i%2 == 1 {
			w.EndLogin(id.Session(next))
		}
		if code := v.AwaitEnd(); code != 4401 {
			t.Fatalf("closed %d", code)
		}
	}
}

// TestALoginThatEndsWhileAnotherTokenIsJudged: the token that is shown is refused, so the socket stays with
// its login, which has ended while that was found out.
func TestALoginThatEndsWhileAnotherTokenIsJudged(t *testing.T) {
	for name, shown := range map[string]string{"of a login that has ended": "7-ended-1h", "of another user": "8-other-1h", "of nobody": "nonsense"} {
		t.Run(name, func(t *testing.T) {
			w := plain(t)
			w.EndLogin("ended")
			v := w.Dial(wire.JSON, "7-s1-1h")
			judged, release := w.Hold(shown)
			defer release()
			answered := make(chan struct{})
			go func() {
				defer close(answered)
				_, _ = v.Auth(v.Context(), shown)
			}()
			<-judged
			w.EndLogin("s1")
			release()
			<-answered
			if code := v.AwaitEnd(); code != 4401 {
				t.Errorf("closed %d", code)
			}
		})
	}
}

// TestRightsThatChangedAreSeenAtOnce takes a role away: the socket goes on as a guest's, in its rooms,
// until it shows a newer token.
func TestRightsThatChangedAreSeenAtOnce(t *testing.T) {
	w := plain(t)
	mod, other := w.Enter(wire.JSON, "7-s1-1h-1"), w.Enter(wire.Proto, "8-s2-1h-1")
	mod.MustSay("with rights")
	w.Outdate("7", 2)
	mod.Await(toldOf("token_outdated"))
	_, err := mod.Say("with old rights")
	sockettest.Refused(t, err, "token_outdated")
	other.MustSay("another user")
	mod.AwaitText("another user")
	_, err = mod.Auth(mod.Context(), "7-s1-1h-1")
	sockettest.Refused(t, err, "token_outdated")
	_, err = mod.Auth(mod.Context(), "8-s2-1h-1")
	sockettest.Refused(t, err, "other_user")
	if _, err := mod.Auth(mod.Context(), "7-s1-1h-2"); err != nil {
		t.Fatal(err)
	}
	mod.MustSay("with new rights")
	mod.AwaitText("with new rights")
	other.AwaitText("with new rights")
	if got := other.Seen(); len(got) != 3 {
		t.Errorf("the room saw %q", got)
	}

	w.Outdate("7", 2) // told again: the token is as new
	mod.MustSay("still with new rights")
	w.EndLogin("s1")
	if code := mod.AwaitEnd(); code != 4401 {
		t.Errorf("a logout closes %d", code)
	}
}

// TestARevocationFindsEveryToken revokes while sockets show tokens: whatever comes first, none speaks under
// a revoked one.
func TestARevocationFindsEveryToken(t *testing.T) {
	w := plain(t)
	const many = 60
	done := make(chan *sockettest.Viewer, many)
	for i := range many {
		v := w.Dial(wire.Encoding(i%2), "")
		go func() {
			_, _ = v.Auth(v.Context(), fmt.Sprintf("7-s%d-1h-1", i))
			done <- v
		}()
	}
	w.Outdate("7", 2)
	for range many {
		v := <-done
		deadline := time.Now().Add(sockettest.Patience)
		for {
			_, err := v.Say("with old rights")
			if code := fault.CodeOf(err); code == auth.ErrTokenOutdated.Code || code == "login_required" {
				break
			}
			if time.Now().After(deadline) {
				t.Fatalf("it may still post: %v", err)
			}
		}
	}
}
