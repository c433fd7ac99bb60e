package socket_test

import (
	"errors"
	"testing"
	"time"

	"github.com/barrage-live/barrage/actors/actortest"
	"github.com/barrage-live/barrage/actors/live/room"
	"github.com/barrage-live/barrage/gateway/socket"
	"github.com/barrage-live/barrage/gateway/socket/sockettest"
	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/id"
	"github.com/barrage-live/barrage/internal/position"
	"github.com/barrage-live/barrage/internal/wire"
	"github.com/barrage-live/barrage/internal/wire/wirepb"
)

// ailing has the actor of the room do what the danmaku says.
type ailing struct{ *actortest.Ailing }

func (a ailing) PostFunc(deadline time.Time, r id.Room, _ room.Author, d room.Draft, done func(position.Position, bool, error)) {
	a.TellFunc(deadline, string(r), d.Text, func(err error) { done(position.Position{}, false, err) })
}

// ailingWorld is a world whose posts go to actors that fail as they are told.
func ailingWorld(t *testing.T, cfg socket.Config) (*sockettest.World, ailing) {
	t.Helper()
	a := ailing{actortest.NewAiling(t)}
	w := sockettest.NewWorld(t, cfg, false)
	w.Rooms.PostTo(a)
	return w, a
}

// told fails the test unless the error frame said kind, code and to come back within (0, most]; a most of 0
// means no advice.
func told(t *testing.T, err error, kind fault.Kind, code string, most time.Duration) {
	t.Helper()
	f, ok := errors.AsType[*fault.Error](err)
	if !ok || f.Kind != kind || f.Code != code || f.Message == "" {
		t.Fatalf("the client was told %v, want %v %s", err, kind, code)
	}
	if f.RetryAfter > most || most > 0 && f.RetryAfter <= 0 {
		t.Errorf("%s: retry after %v, want at most %v", code, f.RetryAfter, most)
	}
}

func TestAPanickingActorIsToldAndThenItsRest(t *testing.T) {
	for _, e := range []wire.Encoding{wire.Proto, wire.JSON} {
		t.Run(e.String(), func(t *testing.T) {
			w, _ := ailingWorld(t, socket.Config{})
			v := w.Enter(e, "ann-s1-1h")
			v.MustJoin(sockettest.Other)
			for range 3 {
				_, err := v.Say(actortest.Panic)
				told(t, err, fault.Internal, "actor_panicked", 0)
			}
			_, err := v.Say("are you well?")
			told(t, err, fault.Unavailable, "quarantined", 5*time.Second)
			if _, err := v.Post(v.Context(), &wirepb.Post{Room: sockettest.Other, Key: "k", Text: "and you?"}); err != nil {
				t.Errorf("the actor next to it: %v", err)
			}
		})
	}
}

// TestAHangingActorIsToldByItsMailboxAndTheDeadline has three viewers post to an actor that hangs: one is
// being handled, one waits, and the third finds the mailbox full.
func TestAHangingActorIsToldByItsMailboxAndTheDeadline(t *testing.T) {
	w, a := ailingWorld(t, socket.Config{AskTimeout: 2 * time.Second})
	handled := make(chan error, 1)
	ann, bob, eve := w.Enter(wire.JSON, "ann-s1-1h"), w.Enter(wire.Proto, "bob-s2-1h"), w.Enter(wire.Proto, "eve-s3-1h")
	go func() {
		_, err := ann.Say(actortest.Hang)
		handled <- err
	}()
	a.AwaitHang()
	answers := make(chan error, 2)
	for _, v := range []*sockettest.Viewer{bob, eve} {
		go func() {
			_, err := v.Say("me too")
			answers <- err
		}()
	}
	told(t, <-answers, fault.Exhausted, "mailbox_full", time.Second)
	told(t, <-handled, fault.Timeout, "deadline_exceeded", 0)
	told(t, <-answers, fault.Timeout, "deadline_exceeded", 0)
	a.Heal()
	sockettest.Eventually(t, "it goes on", func() bool { // until then the message that expired fills the mailbox
		_, err := ann.Say("again")
		return err == nil
	})
	if n := a.Turns(); n != 2 {
		t.Errorf("%d messages were executed, want 2: the one that hung and the one after, not those that were refused", n)
	}
}
