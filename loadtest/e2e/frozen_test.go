//go:build frozen

package e2e

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/position"
	"github.com/barrage-live/barrage/internal/wire"
	"github.com/barrage-live/barrage/internal/wire/wireclient"
	"github.com/barrage-live/barrage/internal/wire/wirepb"
)

// How long the disk takes nothing, less than the lease of a node with embedded storage may miss and more.
const (
	frozenFor     = 20 * time.Second
	frozenPosts   = 512
	frozenWriters = 20
)

// disk is a file system of its own that can be frozen: who writes to it waits until it thaws.
type disk struct{ dir string }

func newDisk(t *testing.T) *disk {
	t.Helper()
	image, d := filepath.Join(t.TempDir(), "image"), &disk{t.TempDir()}
	if err := os.WriteFile(image, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(image, 1<<30); err != nil {
		t.Fatal(err)
	}
	for _, c := range [][]string{{"mkfs.ext4", "-q", image}, {"mount", "-o", "loop", image, d.dir}} {
		d.run(t, c...)
	}
	t.Cleanup(func() { d.run(t, "umount", d.dir) })
	return d
}

func (d *disk) run(t *testing.T, args ...string) {
	t.Helper()
	if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
		t.Fatalf("%v: %v: %s", args, err, out)
	}
}

// freeze returns what lets the disk go on, which is done at the end in any case.
func (d *disk) freeze(t *testing.T) (thaw func()) {
	t.Helper()
	d.run(t, "fsfreeze", "-f", d.dir)
	var once sync.Once
	thaw = func() { once.Do(func() { d.run(t, "fsfreeze", "-u", d.dir) }) }
	t.Cleanup(thaw)
	return thaw
}

// outcomes counts how posts ended, and how long the slowest answer took.
type outcomes struct {
	mu      sync.Mutex
	codes   map[string]int
	slowest time.Duration
	acked   []string
	head    position.Offset
}

func (o *outcomes) post(ctx context.Context, conn *wireclient.Client, room, key string) {
	begin := time.Now()
	got, err := conn.Post(ctx, &wirepb.Post{Room: room, Key: key, Text: key})
	o.mu.Lock()
	defer o.mu.Unlock()
	o.codes[fault.CodeOf(err)]++
	o.slowest = max(o.slowest, time.Since(begin))
	if err == nil {
		o.acked = append(o.acked, key)
		o.head = max(o.head, position.Offset(got.GetPosition().GetOffset()))
	}
}

// TestPostsToAFrozenDisk has 512 posts come while the disk takes nothing. Whoever reads notices nothing,
// newcomers join and read history, what is asked later is refused at once, and whatever was acknowledged is
// there when the disk goes on.
func TestPostsToAFrozenDisk(t *testing.T) {
	d := newDisk(t)
	s := start(t, filepath.Join(d.dir, "data"), "--limits.registrations", "10000")
	st := s.streamer(t, "frozen")
	conns := make([]*wireclient.Client, frozenWriters)
	for i := range conns {
		token, _ := s.account(t, fmt.Sprintf("writer_%d", i))
		conn, err := wireclient.Dial(t.Context(), wireclient.Config{URL: s.ws(), Encoding: wire.Proto, HTTP: fromNetwork(uint16(1024+i), 1)})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(conn.Abort)
		if _, err := conn.Auth(t.Context(), token); err != nil {
			t.Fatal(err)
		}
		conns[i] = conn
	}
	before := &outcomes{codes: map[string]int{}}
	before.post(t.Context(), conns[0], st.Room, "before")
	crowd := gather(t, s, st, crowdGuests, crowdMembers)
	quiet := crowd.listen(t.Context(), frozenFor)

	thaw := d.freeze(t) // thawed before the server ends, which would not while it writes
	crowd.forget()
	during := &outcomes{codes: map[string]int{}}
	var all sync.WaitGroup
	for i := range frozenPosts {
		all.Go(func() { during.post(t.Context(), conns[i%frozenWriters], st.Room, fmt.Sprintf("during-%d", i)) })
	}
	pause(t.Context(), frozenFor/2)
	late := &outcomes{codes: map[string]int{}}
	late.post(t.Context(), conns[0], st.Room, "late")
	s.newcomer(t, st)
	suspended := s.gauges(t, "barrage_room_in_doubt", "barrage_pebbletable_queue_calls", "barrage_cluster_suspended")
	pause(t.Context(), frozenFor/2)
	busy := crowd.p99()
	thaw()
	all.Wait()
	after := &outcomes{codes: map[string]int{}}
	await(t, "posts are taken again", 20*time.Second, func() bool {
		after.post(t.Context(), conns[1], st.Room, fmt.Sprintf("after-%d", len(after.codes)))
		return after.codes[""] > 0
	})
	crowd.reached(t, after.head) // a page of history is what the node has heard, which is a tick old at most
	s.stored(t, st, append(append(before.acked, during.acked...), after.acked...))
	crowd.check(t)
	t.Logf("512 posts ended with %v, the slowest after %v; a later one with %v after %v; gauges %v", during.codes, during.slowest, late.codes, late.slowest, suspended)
	t.Logf("p99 of a ping %v, quiet %v", busy, quiet)
	bar(t, busy <= 2*quiet, "pings within twice the quiet %v, not %v", quiet, busy)
	bar(t, late.slowest <= time.Second, "a post is refused within a second, not after %v", late.slowest)
}

// newcomer joins with history while nothing can be written.
func (s *server) newcomer(t *testing.T, st streamer) {
	t.Helper()
	conn, err := wireclient.Dial(t.Context(), wireclient.Config{URL: s.ws(), Encoding: wire.JSON, HTTP: from(98)})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Abort()
	begin := time.Now()
	if j, err := conn.Join(t.Context(), st.Room, position.Position{}, false, wire.MaxHistory); err != nil || len(j.GetDanmaku()) == 0 {
		t.Errorf("a newcomer: %v, %v", j, err)
	}
	t.Logf("a newcomer joined with history after %v", time.Since(begin))
}

// gauges reads metrics of the admin port.
func (s *server) gauges(t *testing.T, names ...string) (lines []string) {
	t.Helper()
	res, err := http.Get("http://" + s.addrs["admin"] + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		for _, name := range names {
			if strings.HasPrefix(line, name) {
				lines = append(lines, strings.TrimSpace(line))
			}
		}
	}
	return lines
}

// stored fails unless every text is in the history of the room, once.
func (s *server) stored(t *testing.T, st streamer, texts []string) {
	t.Helper()
	got := s.danmaku(t, st.Room)
	for _, text := range texts {
		if _, ok := got[text]; !ok {
			t.Errorf("%q was acknowledged and is not there", text)
		}
	}
	t.Logf("%d acknowledged, %d in the history", len(texts), len(got))
}
