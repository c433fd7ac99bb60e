package e2e

import (
	"bytes"
	"context"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
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
	"github.com/barrage-live/barrage/loadtest/history"
)

const (
	killClients = 20
	killPause   = 60 * time.Millisecond // between posts of one client; 20 clients ask for over 300 a second
)

// TestAckedDanmakuSurviveKill kills the server without warning, again and again, under load, and holds the
// history of what every client did and saw to the invariants of package history: no acknowledged danmaku is
// lost, doubled or reordered, and whoever is told "recovered" has everything.
//
// BARRAGE_KILL_CYCLES sets how often (default 50).
func TestAckedDanmakuSurviveKill(t *testing.T) {
	cycles := 50
	if v, err := strconv.Atoi(os.Getenv("BARRAGE_KILL_CYCLES")); err == nil {
		cycles = v
	}
	w := newKillWorld(t)
	stop := w.run(t)
	begin := time.Now()
	var up time.Duration
	for i := range cycles {
		started := time.Now()
		await(t, "posts between two kills", 30*time.Second, func() bool { return w.acked.Load() >= int64(i+1)*300 })
		rest := time.NewTimer(time.Duration(rand.IntN(300)) * time.Millisecond)
		<-rest.C
		up += time.Since(started)
		w.restart(t)
	}
	stop()
	w.readHistory(t)
	report := w.check(t)
	rate := float64(w.acked.Load()) / up.Seconds()
	t.Logf("%d kills in %v; %.0f posts/s acknowledged while up\n%s", cycles, time.Since(begin).Round(time.Second), rate, report)
	bar(t, rate >= 200, "200 posts/s, not %.0f", rate)
	switch {
	case !report.Good():
		t.Error("a promise was broken")
	case report.Acked < cycles*200 || report.Recovered < cycles:
		t.Error("the history is too small to mean anything")
	}
}

// killWorld is the server under test and everything its clients record.
type killWorld struct {
	server *server
	args   []string
	room   string
	tokens []string
	users  []string
	origin time.Time
	acked  atomic.Int64

	mu  sync.Mutex
	raw bytes.Buffer
	log *history.Log
}

func newKillWorld(t *testing.T) *killWorld {
	w := &killWorld{origin: time.Now()}
	w.log = history.NewLog(&w.raw)
	data := filepath.Join(t.TempDir(), "data")
	w.args = []string{"--limits.writes", "100000", "--limits.registrations", "1000", "--limits.handshakes", "1000", "--room.posts", "100"}
	w.server = start(t, data, w.args...)
	for _, listener := range []string{"http", "rtmp"} {
		w.args = append(w.args, "--"+listener, w.server.addrs[listener])
	}
	w.room = w.server.streamer(t, "killed").Room
	for i := range killClients {
		token, user := w.server.account(t, fmt.Sprintf("client%02d", i))
		w.tokens, w.users = append(w.tokens, token), append(w.users, user)
	}
	return w
}

// restart ends the server as a power cut of the process would, and starts it on the same folder and ports.
func (w *killWorld) restart(t *testing.T) {
	t.Helper()
	w.server.kill()
	w.server = start(t, w.server.data, w.args...)
}

func (w *killWorld) record(r history.Record) {
	r.T, r.Room = int64(time.Since(w.origin)), w.room
	w.mu.Lock()
	defer w.mu.Unlock()
	w.log.Append(r)
}

// run starts the clients and returns how to end them.
func (w *killWorld) run(t *testing.T) (stop func()) {
	ctx, cancel := context.WithCancel(t.Context())
	var all sync.WaitGroup
	url := w.server.ws()
	for i := range killClients {
		all.Go(func() {
			c := &killClient{w: w, index: i, url: url}
			for ctx.Err() == nil {
				c.connect(ctx)
			}
		})
	}
	return func() { cancel(); all.Wait() }
}

// killClient is one viewer who posts: it goes on over any number of connections and retries what it does
// not know the outcome of.
type killClient struct {
	w       *killWorld
	index   int
	url     string
	conns   int
	posts   int
	unknown []string // keys to post again

	since position.Position // written on the reading goroutine of one connection at a time
	name  string
}

// connect serves one connection until it ends.
func (c *killClient) connect(ctx context.Context) {
	c.conns++
	c.name = fmt.Sprintf("c%02d-%d", c.index, c.conns)
	encoding := wire.Proto
	if c.index%2 == 1 {
		encoding = wire.JSON
	}
	conn, err := wireclient.Dial(ctx, wireclient.Config{URL: c.url, Encoding: encoding, OnFrame: c.hear})
	if err != nil {
		pause(ctx, 50*time.Millisecond)
		return
	}
	defer func() { conn.Abort(); <-conn.Done() }()
	if _, err := conn.Auth(ctx, c.w.tokens[c.index]); err != nil {
		return
	}
	for more := true; more; {
		j, err := conn.Join(ctx, c.w.room, c.since, c.since.Offset > 0, 0)
		if err != nil {
			return
		}
		more = j.GetMore()
	}
	var seq uint64
	for ctx.Err() == nil {
		again := len(c.unknown) > 0
		key := fmt.Sprintf("k%02d-%d", c.index, c.posts)
		if again {
			key, c.unknown = c.unknown[0], c.unknown[1:]
		} else {
			c.posts++
			seq++
		}
		if !c.post(ctx, conn, key, seq, again) {
			return
		}
		pause(ctx, killPause)
	}
}

// post posts one danmaku and reports whether the connection is still good.
func (c *killClient) post(ctx context.Context, conn *wireclient.Client, key string, seq uint64, again bool) bool {
	text := textOf(key)
	r := history.Record{Kind: history.Invoke, Conn: c.name, User: c.w.users[c.index], Key: key, Hash: hash(text)}
	if !again {
		r.Seq = seq
	}
	c.w.record(r)
	got, err := conn.Post(ctx, &wirepb.Post{Room: c.w.room, Key: key, Text: text})
	switch kind := fault.KindOf(err); {
	case err == nil:
		r.Kind, r.Duplicate = history.OK, got.GetDuplicate()
		r.Epoch, r.Offset = place(got.GetPosition())
		c.w.acked.Add(1)
	case kind == fault.Exhausted || kind == fault.Invalid || kind == fault.Denied:
		r.Kind, r.Reason = history.Fail, err.Error()
	default:
		r.Kind, r.Reason = history.Info, err.Error()
		c.unknown = append(c.unknown, key)
	}
	c.w.record(r)
	return r.Kind != history.Info
}

// hear records what a connection is told, in the order it is told.
func (c *killClient) hear(f *wirepb.ServerFrame) {
	if j := f.GetJoined(); j != nil {
		r := history.Record{
			Kind: history.Resume, Conn: c.name, Recovered: j.GetRecovered(), Reason: j.GetReason(), Count: len(j.GetDanmaku()),
			Since: history.Place{Epoch: c.since.Epoch, Offset: c.since.Offset},
		}
		r.Head.Epoch, r.Head.Offset = place(j.GetPosition())
		c.w.record(r)
		c.see(j.GetDanmaku())
		c.since.Epoch, c.since.Offset = place(j.GetPosition())
	}
	if b := f.GetBatch(); b != nil {
		c.follow(b.GetFrom(), b.GetTo(), b.GetDanmaku())
	}
	if g := f.GetGap(); g.GetTo() != nil {
		c.follow(g.GetFrom(), g.GetTo(), nil)
	}
}

// follow records what came of a range and what was told to be missing of it, in order, and goes to its end.
func (c *killClient) follow(from, to *wirepb.Position, danmaku []*wirepb.Danmaku) {
	next := from.GetOffset() + 1
	skip := func(end uint64) {
		if next < end {
			c.w.record(history.Record{
				Kind: history.Gap, Conn: c.name, Offset: position.Offset(next), To: position.Offset(end - 1),
			})
		}
		next = end + 1
	}
	for i, d := range danmaku {
		skip(d.GetOffset())
		c.see(danmaku[i : i+1])
	}
	skip(to.GetOffset() + 1)
	c.since.Epoch, c.since.Offset = place(to)
}

func (c *killClient) see(danmaku []*wirepb.Danmaku) {
	for _, d := range danmaku {
		r := seen(d)
		r.Kind, r.Conn = history.Recv, c.name
		c.w.record(r)
	}
}

// seen is the record of a danmaku that a client was told. Its key is told to nobody but its author, so it
// is read from the text.
func seen(d *wirepb.Danmaku) history.Record {
	return history.Record{
		User: strconv.FormatUint(d.GetUser(), 10), Key: strings.TrimPrefix(d.GetText(), textOf("")), Hash: hash(d.GetText()),
		Epoch: position.Epoch(d.GetEpoch()), Offset: position.Offset(d.GetOffset()),
	}
}

func textOf(key string) string { return "text of " + key }

// readHistory records the whole log as the room tells it at the end, oldest first.
func (w *killWorld) readHistory(t *testing.T) {
	t.Helper()
	conn, err := wireclient.Dial(t.Context(), wireclient.Config{URL: w.server.ws(), Encoding: wire.Proto})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Join(t.Context(), w.room, position.Position{}, false, 0); err != nil {
		t.Fatal(err)
	}
	var pages [][]*wirepb.Danmaku
	var before position.Position
	for {
		page, err := conn.History(t.Context(), w.room, before, 200)
		if fault.KindOf(err) == fault.Exhausted {
			pause(t.Context(), fault.From(err).RetryAfter)
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		pages = append(pages, page.GetDanmaku())
		if !page.GetMore() {
			break
		}
		oldest := page.GetDanmaku()[0]
		before.Epoch, before.Offset = position.Epoch(oldest.GetEpoch()), position.Offset(oldest.GetOffset())
	}
	for _, page := range slices.Backward(pages) {
		for _, d := range page {
			r := seen(d)
			r.Kind, r.Node = history.Hist, "final"
			w.record(r)
		}
	}
}

func (w *killWorld) check(t *testing.T) history.Report {
	t.Helper()
	if err := w.log.Flush(); err != nil {
		t.Fatal(err)
	}
	if dir := os.Getenv("BARRAGE_KILL_HISTORY"); dir != "" {
		if err := os.WriteFile(filepath.Join(dir, "history.jsonl"), w.raw.Bytes(), 0o600); err != nil {
			t.Error(err)
		}
	}
	records, err := history.Read(&w.raw)
	if err != nil {
		t.Fatal(err)
	}
	return history.Check(records)
}

func place(p *wirepb.Position) (position.Epoch, position.Offset) {
	return position.Epoch(p.GetEpoch()), position.Offset(p.GetOffset())
}

func hash(text string) string {
	h := fnv.New64a()
	_, _ = h.Write([]byte(text))
	return strconv.FormatUint(h.Sum64(), 16)
}

func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
