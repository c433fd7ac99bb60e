package cluster_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/barrage-live/barrage/cluster"
	"github.com/barrage-live/barrage/internal/fault"
)

// ledger is the durable side of counters: what Passivate wrote.
type ledger struct {
	sync.Mutex
	counts  map[string]int
	lives   map[string]int
	overlap atomic.Int32
}

// counter counts in memory and writes only when it is passivated, so a lost or doubled life shows in the sum.
type counter struct {
	l       *ledger
	key     string
	n       int
	holders *atomic.Int32
}

func (c *counter) Receive(t *cluster.Turn, msg any) {
	if c.holders.Add(1) != 1 {
		c.l.overlap.Add(1)
	}
	defer c.holders.Add(-1)
	switch msg {
	case "add":
		c.n++
		t.Reply(c.n)
	case "add later":
		t.Await(func(context.Context) (any, error) { return nil, nil }, func(t *cluster.Turn, _ any, _ error) {
			c.n++
			t.Reply(c.n)
		})
	case "add and stop":
		c.n++
		t.Reply(c.n)
		t.Stop()
	}
}

func (c *counter) Passivate(context.Context) error {
	c.l.Lock()
	defer c.l.Unlock()
	c.l.counts[c.key] = c.n
	return nil
}

func counters(l *ledger) cluster.Kind {
	holders := sync.Map{}
	return cluster.Kind{
		Name: "counter", Idle: time.Millisecond,
		Activate: func(_ context.Context, a cluster.Activation) (cluster.Actor, error) {
			l.Lock()
			defer l.Unlock()
			l.lives[a.Key]++
			h, _ := holders.LoadOrStore(a.Key, new(atomic.Int32))
			return &counter{l: l, key: a.Key, n: l.counts[a.Key], holders: h.(*atomic.Int32)}, nil
		},
	}
}

// TestNothingIsLostWhilePassivationChurns asks a few counters from many sides while they are passivated every
// millisecond. Every acknowledged increment must be in what Passivate wrote, once.
func TestNothingIsLostWhilePassivationChurns(t *testing.T) {
	const askers, each, keys = 16, 600, 5
	l := &ledger{counts: map[string]int{}, lives: map[string]int{}}
	n := start(t, cluster.Config{}, counters(l))
	var acked [keys]atomic.Int64
	var wg sync.WaitGroup
	for i := range askers {
		rnd := rand.New(rand.NewPCG(42, uint64(i)))
		wg.Go(func() {
			for range each {
				k := rnd.IntN(keys)
				msg := []string{"add", "add later", "add and stop"}[rnd.IntN(3)]
				if _, err := ask(t, n, "counter", fmt.Sprint(k), msg); err != nil {
					t.Errorf("not answered: %v", err)
					return
				}
				acked[k].Add(1)
				if rnd.IntN(8) == 0 {
					pause(time.Duration(rnd.IntN(12)) * time.Millisecond)
				}
			}
		})
	}
	wg.Wait()
	if err := n.Drain(within(t, time.Minute)); err != nil {
		t.Fatal(err)
	}
	lives := 0
	for k := range keys {
		key := fmt.Sprint(k)
		if got, want := l.counts[key], int(acked[k].Load()); got != want {
			t.Errorf("counter %s: %d written, %d acknowledged", key, got, want)
		}
		lives += l.lives[key]
	}
	if lives < 10*keys {
		t.Errorf("only %d lives: the test did not churn", lives)
	}
	if l.overlap.Load() != 0 {
		t.Errorf("%d turns overlapped", l.overlap.Load())
	}
}

// pause spreads the load over time; nothing is synchronised by it.
func pause(d time.Duration) {
	timer := time.NewTimer(d)
	<-timer.C
}

// TestNothingIsLostWhileTheNodeDrains drains in the middle of the load: what was acknowledged is written,
// what was not was refused.
func TestNothingIsLostWhileTheNodeDrains(t *testing.T) {
	const askers, keys = 16, 200
	l := &ledger{counts: map[string]int{}, lives: map[string]int{}}
	n := start(t, cluster.Config{}, counters(l))
	var acked [keys]atomic.Int64
	var total atomic.Int64
	ready := make(chan struct{})
	var once sync.Once
	var wg sync.WaitGroup
	for i := range askers {
		rnd := rand.New(rand.NewPCG(7, uint64(i)))
		wg.Go(func() {
			for {
				k := rnd.IntN(keys)
				if _, err := ask(t, n, "counter", fmt.Sprint(k), "add later"); err != nil {
					wantDraining(t, err)
					return
				}
				acked[k].Add(1)
				if total.Add(1) == 2000 {
					once.Do(func() { close(ready) })
				}
			}
		})
	}
	<-ready
	if err := n.Drain(within(t, time.Minute)); err != nil {
		t.Fatal(err)
	}
	wg.Wait()
	for k := range keys {
		if got, want := l.counts[fmt.Sprint(k)], int(acked[k].Load()); got != want {
			t.Errorf("counter %d: %d written, %d acknowledged", k, got, want)
		}
	}
}

// TestCloseUnderLoad closes while everything goes on; the race detector and goleak look for what is left
// behind.
func TestCloseUnderLoad(t *testing.T) {
	for range 10 {
		l := &ledger{counts: map[string]int{}, lives: map[string]int{}}
		n := start(t, cluster.Config{}, counters(l))
		var wg sync.WaitGroup
		answered := make(chan struct{}, 8)
		for i := range 8 {
			wg.Go(func() {
				for j := 0; ; j++ {
					_, err := ask(t, n, "counter", fmt.Sprint(i, j%50), "add later")
					if fault.KindOf(err) == fault.Timeout {
						t.Error("an asker was left waiting")
					}
					if err != nil {
						return
					}
					if j == 100 {
						answered <- struct{}{}
					}
				}
			})
		}
		for range 8 {
			<-answered
		}
		n.Close()
		wg.Wait()
		if n.Active() != 0 {
			t.Fatalf("%d active after Close", n.Active())
		}
	}
}
