package room_test

import (
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/barrage-live/barrage/actors/actortest"
	"github.com/barrage-live/barrage/actors/live/room"
	"github.com/barrage-live/barrage/internal/id"
	"github.com/barrage-live/barrage/internal/position"
	"github.com/barrage-live/barrage/storage/table"
	"github.com/barrage-live/barrage/storage/table/pebbletable/pebbletest"
)

// posting is what the authors of one round know.
type posting struct {
	mu     sync.Mutex
	acked  map[string]position.Position
	begun  []string
	reach  int
	enough chan struct{}
}

func (p *posting) begin(key string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.begun = append(p.begun, key)
}

func (p *posting) ack(key string, at position.Position) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.acked[key] = at
	if p.reach--; p.reach == 0 {
		close(p.enough)
	}
}

// TestPowerFailure takes the power while authors post, again and again: what was acknowledged before is in
// the log, once, at its place, and a retry of anything is told the same. The index by media time has what
// the log has.
func TestPowerFailure(t *testing.T) {
	mem := pebbletest.NewMem()
	acked := map[string]position.Position{}
	var unknown []string
	for round := range 12 {
		rng := rand.New(rand.NewPCG(uint64(round), 5))
		d, err := mem.Open()
		if err != nil {
			t.Fatal(err)
		}
		store := table.New(d)
		metrics := room.NewMetrics(prometheus.NewRegistry())
		n, end := actortest.Run(t, store, room.Kind(room.Deps{
			Store: store, Fanout: &nodes{}, Metrics: metrics,
			Config: room.Config{PostRate: 1 << 20, PostBurst: 1 << 20},
		}))
		c := room.NewClient(n)
		if err := c.Create(t.Context(), theRoom, "8", theOwner); err != nil {
			t.Fatal(err)
		}
		by := position.Fence{Epoch: 1, Activation: uint64(round) + 1}
		if _, err := c.SetLive(t.Context(), theRoom, by, "a", time.Now().Add(-time.Hour)); err != nil {
			t.Fatal(err)
		}
		checkLog(t, c, acked)
		checkIndex(t, &replay{t: t, rooms: c, index: room.NewTimeIndex(n, store, metrics)})
		p := &posting{acked: map[string]position.Position{}, reach: 20 + rng.IntN(200), enough: make(chan struct{})}
		stop := startAuthors(t, c, p, round, unknown)
		<-p.enough
		p.mu.Lock()
		for key, at := range p.acked {
			if before, again := acked[key]; again && before != at {
				t.Errorf("%s is at %v and at %v", key, before, at)
			}
			acked[key] = at
		}
		p.mu.Unlock()
		mem.Crash(rng)
		stop()
		unknown = p.begun
		end()
		_ = store.Close() // of the world before the crash
	}
	t.Logf("%d acknowledged over all power failures", len(acked))
}

// startAuthors posts from several authors until stop; first they retry what an earlier round left unknown.
func startAuthors(t *testing.T, c *room.Client, p *posting, round int, unknown []string) (stop func()) {
	t.Helper()
	done := make(chan struct{})
	var wg sync.WaitGroup
	for a := range 8 {
		wg.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-done:
					return
				default:
				}
				key := fmt.Sprintf("%d-%d-%d", round, a, i)
				if i < len(unknown)/8 {
					key = unknown[i*8+a]
				}
				p.begin(key)
				at, _, err := c.Post(t.Context(), theRoom, author(key), room.Draft{Key: key, Text: key, MediaTime: mediaOf(key)})
				if err == nil {
					p.ack(key, at)
				}
			}
		})
	}
	return func() { close(done); wg.Wait() }
}

// author is always the same for a key.
func author(key string) room.Author {
	return room.Author{User: id.User("u" + key[len(key)-1:]), Name: "N"}
}

// mediaOf is always the same for a key, within ten minutes.
func mediaOf(key string) time.Duration {
	return time.Duration(crc32.ChecksumIEEE([]byte(key))%600_000) * time.Millisecond
}

// checkIndex waits for the index, and compares it with the log.
func checkIndex(t *testing.T, x *replay) {
	t.Helper()
	if err := x.index.Delete(t.Context(), theRoom, "none"); err != nil { // which waits for what the log has
		t.Fatal(err)
	}
	if got, _ := x.all("a", room.TimeSpan{To: 10 * time.Minute}); !slices.Equal(got, x.logged("a")) {
		t.Errorf("the index has %d danmaku, the log %d", len(got), len(x.logged("a")))
	}
}

// checkLog pages through the whole log: contiguous, every key once, and what was acknowledged in its place.
func checkLog(t *testing.T, c *room.Client, acked map[string]position.Position) {
	t.Helper()
	var before position.Position
	found := map[string]position.Position{}
	for more := true; more; {
		rows, m, err := c.History(t.Context(), theRoom, before, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range slices.Backward(rows) {
			if !before.IsZero() && (d.Position.Offset+1 != before.Offset || d.Position.Epoch > before.Epoch) {
				t.Fatalf("%v lies before %v", d.Position, before)
			}
			if _, twice := found[d.Key]; twice || d.Text != d.Key {
				t.Fatalf("%s is in the log twice or changed", d.Key)
			}
			found[d.Key], before = d.Position, d.Position
		}
		more = m && len(rows) > 0
	}
	if len(found) > 0 && before.Offset != 1 {
		t.Errorf("the log begins at %v", before)
	}
	for key, at := range acked {
		if found[key] != at {
			t.Errorf("%s, acknowledged at %v, is at %v", key, at, found[key])
		}
	}
}
