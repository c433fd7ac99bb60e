package e2e

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/position"
	"github.com/barrage-live/barrage/internal/wire"
	"github.com/barrage-live/barrage/internal/wire/wireclient"
	"github.com/barrage-live/barrage/internal/wire/wirepb"
)

const (
	quietPing = 5 * time.Second  // how often the viewer of a quiet room asks for a sign of life
	quietPost = 10 * time.Second // how often somebody says something there
	loudPost  = 100 * time.Millisecond
)

// house is many rooms, each with its owner in it.
type house struct {
	server *server
	owners []owner
	crowd  *crowd
}

type owner struct {
	client *http.Client // from an address in a network of its own
	token  string
	room   string
	viewer *healthy
}

// TestALoudRoomBesideQuietOnes lets very many accounts post into one room, each as much as the default
// settings allow. Those who read there, and those who sit in the other rooms of the node, keep their
// connections and learn of everything or are told what they do not learn.
func TestALoudRoomBesideQuietOnes(t *testing.T) {
	rooms, posters, readers := 40, 20, 3
	if os.Getenv("BARRAGE_BARS") != "" {
		rooms, posters, readers = 1000, 500, 5
	}
	s := start(t, t.TempDir(), "--limits.registrations", "10000") // they all come at once here
	st := s.streamer(t, "loud_room")
	h := build(t, s, rooms)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	h.crowd.cancel = cancel
	h.crowd.ping(ctx)
	for i := range h.owners {
		h.crowd.all.Go(func() { h.owners[i].chat(ctx, t) })
	}
	audience := gather(t, s, st, readers, readers)
	quiet := h.crowd.listen(t.Context(), stretch())

	h.crowd.forget()
	audience.forget()
	f := h.shout(t, st.Room, posters, stretch())
	if f.acked.Load() < 50 {
		t.Fatalf("only %d were posted: that is not loud", f.acked.Load())
	}
	busy, inside := h.crowd.p99(), audience.p99()
	audience.reached(t, position.Offset(f.head.Load()))
	t.Logf("%d posts acknowledged, %.0f/s, %d refused; p99 of a ping in %d quiet rooms %v, before %v; in the loud one %v",
		f.acked.Load(), float64(f.acked.Load())/stretch().Seconds(), f.refused.Load(), rooms, busy, quiet, inside)
	h.crowd.check(t)
	audience.check(t)
	bar(t, busy <= 2*quiet, "pings within twice the quiet %v, not %v", quiet, busy)
}

// build makes the rooms and lets their owners in.
func build(t *testing.T, s *server, rooms int) *house {
	t.Helper()
	h := &house{server: s, owners: make([]owner, rooms), crowd: &crowd{}}
	next := make(chan int)
	var all sync.WaitGroup
	var failed atomic.Pointer[error]
	for range 4 {
		all.Go(func() {
			for i := range next {
				if err := h.found(t.Context(), i); err != nil {
					failed.Store(&err)
				}
			}
		})
	}
	for i := range rooms {
		next <- i
	}
	close(next)
	all.Wait()
	if err := failed.Load(); err != nil {
		t.Fatal(*err)
	}
	for i := range h.owners {
		o := &h.owners[i]
		o.viewer = h.crowd.admit(t, s, fmt.Sprintf("owner %d", i), o.room, o.token, wire.Proto, o.client)
		o.viewer.every = quietPing
	}
	return h
}

// found makes one account with its channel.
func (h *house) found(ctx context.Context, i int) (err error) {
	o, name := &h.owners[i], fmt.Sprintf("quiet_%d", i)
	o.client = fromNetwork(uint16(1024+i), 1)
	if o.token, _, err = h.server.register(ctx, o.client, name); err != nil {
		return err
	}
	var ch struct{ Room string }
	in := map[string]string{"name": name, "title": "A quiet room"}
	err = h.server.callBy(ctx, o.client, http.MethodPost, "/v1/channels", o.token, in, &ch, http.StatusCreated)
	o.room = ch.Room
	return err
}

// chat says something now and then in the own room.
func (o *owner) chat(ctx context.Context, t *testing.T) {
	for i := 0; ; i++ {
		pause(ctx, quietPost)
		if ctx.Err() != nil {
			return
		}
		_, err := o.viewer.conn.Post(ctx, &wirepb.Post{Room: o.room, Key: fmt.Sprintf("c%d", i), Text: "is anybody here?"})
		if err != nil && ctx.Err() == nil {
			t.Errorf("%s posts: %v", o.viewer.name, err)
		}
	}
}

// shout has n owners post into one room as often as one of them may, for a while.
func (h *house) shout(t *testing.T, room string, n int, d time.Duration) *flooding {
	t.Helper()
	f := &flooding{}
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	var all sync.WaitGroup
	for i := range n {
		o := &h.owners[i]
		conn, err := wireclient.Dial(ctx, wireclient.Config{URL: h.server.ws(), Encoding: wire.Proto, HTTP: o.client})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(conn.Abort)
		if _, err := conn.Auth(ctx, o.token); err != nil {
			t.Fatal(err)
		}
		all.Go(func() { f.shouter(ctx, conn, room) })
	}
	all.Wait()
	return f
}

func (f *flooding) shouter(ctx context.Context, conn *wireclient.Client, room string) {
	text := strings.Repeat("弹", 20)
	beat := time.NewTicker(loudPost)
	defer beat.Stop()
	for i := 0; ; i++ {
		select {
		case <-beat.C:
		case <-ctx.Done():
			return
		}
		got, err := conn.Post(ctx, &wirepb.Post{Room: room, Key: fmt.Sprintf("s%d", i), Text: text})
		switch {
		case err == nil:
			f.acked.Add(1)
			f.raise(got.GetPosition().GetOffset())
		case fault.KindOf(err) == fault.Exhausted:
			f.refused.Add(1)
		}
	}
}
