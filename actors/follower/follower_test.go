package follower_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/barrage-live/barrage/actors/actortest"
	"github.com/barrage-live/barrage/actors/follower"
	"github.com/barrage-live/barrage/cluster"
	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/metrics/metricstest"
	"github.com/barrage-live/barrage/internal/position"
	"github.com/barrage-live/barrage/storage/eventlog"
	"github.com/barrage-live/barrage/storage/eventlog/tablelog"
	"github.com/barrage-live/barrage/storage/projection"
	"github.com/barrage-live/barrage/storage/table"
	"github.com/barrage-live/barrage/storage/table/driver"
	"github.com/barrage-live/barrage/storage/table/faulttable"
	"github.com/barrage-live/barrage/storage/table/pebbletable/pebbletest"
)

var errAway = fault.New(fault.Unavailable, "away", "the store is away")

func rows() table.Table { return table.Owned("names") }

// world is a follower "all" that keeps the set of names that were told, each as a row; the truth is a list.
type world struct {
	*testing.T
	tables *table.Store
	log    *eventlog.Log
	node   *cluster.Node
	end    func()
	seq    uint64
	figure *prometheus.Registry
	counts *follower.Metrics

	mu     sync.Mutex
	truth  []string
	builds int
	slow   func(name string) error // is called for every name that is built
	fail   func(faulttable.Call) bool
	reads  atomic.Int64
}

func newWorld(t *testing.T) *world {
	t.Helper()
	return newWorldOn(t, func(d driver.Driver) driver.Driver { return d })
}

// newWorldOn is newWorld on what is made of the engine.
func newWorldOn(t *testing.T, wrap func(driver.Driver) driver.Driver) *world {
	t.Helper()
	w := &world{T: t, figure: prometheus.NewRegistry(), slow: func(string) error { return nil }}
	w.counts = follower.NewMetrics(w.figure)
	d, err := pebbletest.NewMem().Open()
	if err != nil {
		t.Fatal(err)
	}
	w.tables = table.New(faulttable.Wrap(wrap(d), func(c faulttable.Call) faulttable.Fault {
		w.mu.Lock()
		fail := w.fail
		w.mu.Unlock()
		if c.Kind == faulttable.Scan && c.Table == "eventlog" {
			w.reads.Add(1)
		}
		if fail != nil && fail(c) {
			return faulttable.Refused(errAway)
		}
		return faulttable.Fault{}
	}))
	l, err := tablelog.New(tablelog.Config{Tables: w.tables, Partitions: 2, Retention: 2 * time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	w.log = eventlog.New(l)
	w.boot()
	return w
}

func (w *world) boot() {
	w.Helper()
	w.node, w.end = actortest.Run(w.T, w.tables, follower.Kind{
		Name: "names", Topic: "names", Log: w.log, Tables: w.tables, Table: rows(), Metrics: w.counts,
		Apply: func(_ context.Context, r eventlog.Record, rows *projection.Rows) error {
			rows.Put([]byte("n"+string(r.Payload)), nil)
			return nil
		},
		Build: w.build,
	}.Cluster())
}

// build takes two names at once; the place is how many were taken.
func (w *world) build(ctx context.Context, key, place string, portion *follower.Portion) (string, error) {
	w.mu.Lock()
	if place == "" {
		w.builds++
	}
	truth, slow := slices.Clone(w.truth), w.slow
	w.mu.Unlock()
	done, _ := strconv.Atoi(place)
	for !portion.Full() {
		for _, name := range truth[done:min(done+2, len(truth))] {
			if err := slow(name); err != nil {
				portion.Skip(err)
				continue
			}
			portion.Put([]byte("n"+name), nil)
		}
		if done = min(done+2, len(truth)); done == len(truth) {
			return "", w.remove(ctx, key, truth, portion)
		}
	}
	return strconv.Itoa(done), ctx.Err()
}

// remove removes the rows that are not true.
func (w *world) remove(ctx context.Context, key string, truth []string, portion *follower.Portion) error {
	rows, _, err := w.tables.Scan(ctx, table.Range{Table: rows(), Partition: key, From: []byte("n"), To: []byte("o"), Limit: 5000})
	for _, r := range rows {
		if !slices.Contains(truth, string(r.Key[1:])) {
			portion.Delete(r.Key)
		}
	}
	return err
}

func (w *world) restart() {
	w.Helper()
	w.end()
	w.boot()
}

func (w *world) close() {
	w.Helper()
	w.end()
	if err := errors.Join(w.log.Close(), w.tables.Close()); err != nil {
		w.Error(err)
	}
}

// tell makes names true and tells them.
func (w *world) tell(names ...string) {
	w.Helper()
	log := follower.Appender{Log: w.log, Node: w.node, Followers: map[string][]follower.Address{"names": {{Kind: "names", Key: "all"}}}, Metrics: w.counts}
	for _, name := range names {
		w.mu.Lock()
		w.truth = append(w.truth, name)
		w.mu.Unlock()
		w.seq++
		e := eventlog.Event{ID: eventlog.ID{Source: "s", Seq: w.seq}, Payload: []byte(name)}
		if err := log.Append(w.Context(), "names", "k", e); err != nil {
			w.Fatal(err)
		}
	}
}

func (w *world) catchUp() error {
	_, err := cluster.Ask[any](w.Context(), w.node, "names", "all", follower.CatchUp{})
	return err
}

func (w *world) want(when string, want ...string) {
	w.Helper()
	page, _, err := w.tables.Scan(w.Context(), table.Range{Table: rows(), Partition: "all", From: []byte("n"), To: []byte("o"), Limit: 5000})
	if err != nil {
		w.Fatal(err)
	}
	var got []string
	for _, r := range page {
		got = append(got, string(r.Key[1:]))
	}
	slices.Sort(want)
	if !slices.Equal(got, want) {
		w.Errorf("%s: %v, want %v", when, got, want)
	}
}

func (w *world) failing(f func(faulttable.Call) bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.fail = f
}

// bubble runs f with a world of its own.
func bubble(t *testing.T, f func(t *testing.T, w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.close()
		f(t, w)
	})
}

func TestAFollowerHearsTheNews(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.tell("ann", "bea")
		synctest.Wait()
		w.want("told", "ann", "bea")
		time.Sleep(2 * time.Minute) // it leaves memory
		if n := w.node.Active(); n != 0 {
			t.Errorf("%d activations", n)
		}
		w.restart()
		w.tell("cat")
		synctest.Wait()
		w.want("after a restart", "ann", "bea", "cat")
		if w.builds != 1 {
			t.Errorf("built %d times", w.builds)
		}
	})
}

// TestWhatWasNotHeardIsMadeUp: the follower could not read events when it was told of them.
func TestWhatWasNotHeardIsMadeUp(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.tell("ann")
		synctest.Wait()
		w.failing(func(c faulttable.Call) bool { return c.Table == "names" })
		w.tell("bea", "cat")
		synctest.Wait()
		if err := w.catchUp(); fault.KindOf(err) != fault.Unavailable {
			t.Errorf("in an outage: %v", err)
		}
		w.failing(nil)
		w.want("in an outage", "ann")
		if err := w.catchUp(); err != nil {
			t.Fatal(err)
		}
		w.want("after it", "ann", "bea", "cat")
		want := `
			# HELP barrage_follower_appends_total Appends of events by actors, by topic and result: ok or failed. What failed is appended again.
			# TYPE barrage_follower_appends_total counter
			barrage_follower_appends_total{result="ok",topic="names"} 3
			# HELP barrage_follower_behind_events Events that a list had not read after its last round, by kind.
			# TYPE barrage_follower_behind_events gauge
			barrage_follower_behind_events{kind="names"} 0
		`
		if err := testutil.GatherAndCompare(w.figure, strings.NewReader(want), "barrage_follower_appends_total", "barrage_follower_behind_events"); err != nil {
			t.Error(err)
		}
		if n := testutil.CollectAndCount(w.figure, "barrage_follower_rounds_total"); n != 2 {
			t.Errorf("rounds ended in %d ways, want some ok and some failed", n)
		}
		metricstest.Lint(t, w.figure)
	})
}

// TestManyAskAtOnce: one reading answers all who asked before it began.
func TestManyAskAtOnce(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.tell("ann")
		synctest.Wait()
		hold := make(chan struct{})
		w.failing(func(c faulttable.Call) bool {
			if c.Table == "eventlog" {
				<-hold
			}
			return false
		})
		before := w.reads.Load()
		var wg sync.WaitGroup
		for range 100 {
			wg.Go(func() {
				if err := w.catchUp(); err != nil {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		close(hold)
		wg.Wait()
		if n := w.reads.Load() - before; n > 2*2 { // two rounds, two partitions
			t.Errorf("%d readings of 2 partitions", n)
		}
	})
}

// TestManyEvents takes more than one step to read, and the askers wait for all of it.
func TestManyEvents(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.tell("first")
		synctest.Wait()
		w.failing(func(c faulttable.Call) bool { return c.Table == "names" }) // it does not follow meanwhile
		long := strings.Repeat("x", 700)
		want := []string{"first"}
		for n := range 300 {
			want = append(want, fmt.Sprint(n, long))
		}
		w.tell(want[1:]...)
		synctest.Wait()
		w.failing(nil)
		if err := w.catchUp(); err != nil {
			t.Fatal(err)
		}
		w.want("caught up", want...)
	})
}

// loseEvents has the log lose events that the follower could not read: it knows ann, and the truth is ann,
// bea, cat, dora and eva.
func (w *world) loseEvents() {
	w.Helper()
	w.tell("ann")
	synctest.Wait()
	w.failing(func(c faulttable.Call) bool { return c.Table == "names" })
	w.tell("bea", "cat")
	time.Sleep(20 * time.Second)
	w.tell("dora")
	time.Sleep(3 * time.Minute) // longer than events are kept: the next one removes them
	w.tell("eva")
	synctest.Wait()
}

// TestWhatTheLogHasLostIsBuiltAnew also if a call fails meanwhile, whichever it is.
func TestWhatTheLogHasLostIsBuiltAnew(t *testing.T) {
	for k, calls := 1, 1; calls >= k; k++ {
		bubble(t, func(t *testing.T, w *world) {
			w.loseEvents()
			calls = 0
			w.failing(func(c faulttable.Call) bool {
				if c.Table == "names" {
					calls++
				}
				return c.Table == "names" && calls == k
			})
			if err := w.catchUp(); err != nil {
				w.restart()
				if err := w.catchUp(); err != nil {
					t.Errorf("after a failure of call %d: %v", k, err)
				}
			}
			w.failing(nil)
			w.want(fmt.Sprintf("after a failure of call %d", k), "ann", "bea", "cat", "dora", "eva")
			if w.builds < 2 {
				t.Error("it was not built anew: the log has lost nothing")
			}
		})
		if t.Failed() {
			return
		}
	}
}

func TestOneWhoWasSupersededStepsDown(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.tell("ann")
		synctest.Wait()
		later := position.Fence{Epoch: w.node.Epoch(), Activation: 1 << 40}
		if err := w.tables.Fence(t.Context(), rows(), "all", later); err != nil {
			t.Fatal(err)
		}
		w.tell("bea")
		synctest.Wait()
		w.want("of the older one", "ann")
		if n := w.node.Active(); n != 0 {
			t.Errorf("%d activations", n)
		}
	})
}

func TestAStrangeMessage(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		if _, err := cluster.Ask[any](t.Context(), w.node, "names", "all", 7); fault.CodeOf(err) != "unregistered_message" {
			t.Errorf("got %v", err)
		}
	})
}

// TestAListThatCannotBeBuiltAnewIsTriedWhenAsked: the log has lost events while the disk is full, so that
// what says that the list is whole cannot be taken away. Whoever asks is told; no round follows by itself.
func TestAListThatCannotBeBuiltAnewIsTriedWhenAsked(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.loseEvents()
		writes := 0
		w.failing(func(c faulttable.Call) bool {
			full := c.Table == "names" && c.Kind == faulttable.Write && writes < 1000
			if full {
				writes++
			}
			return full
		})
		if err := w.catchUp(); fault.KindOf(err) != fault.Unavailable {
			t.Errorf("told %v", err)
		}
		if writes == 0 || writes > 10 {
			t.Errorf("%d writes are tried", writes)
		}
		w.failing(nil)
		if err := w.catchUp(); err != nil {
			t.Fatal(err)
		}
		w.want("when there is room", "ann", "bea", "cat", "dora", "eva")
	})
}

// figured is the value of a metric that has one.
func (w *world) figured(name string) float64 {
	w.Helper()
	families, err := w.figure.Gather()
	if err != nil {
		w.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == name {
			return f.GetMetric()[0].GetGauge().GetValue() + f.GetMetric()[0].GetCounter().GetValue()
		}
	}
	return -1
}

// TestABuildThatTakesLong takes longer than any work may, and longer than the process lives: it goes on where
// it was. Who asks meanwhile is told so, and sees the rows of before.
func TestABuildThatTakesLong(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		var want []string
		built := 0
		w.slow = func(string) error { built++; time.Sleep(100 * time.Millisecond); return nil }
		for n := range 1000 { // 100 s
			want = append(want, fmt.Sprintf("%04d", n))
		}
		w.truth = slices.Clone(want)
		w.tell("first")
		want = append(want, "first")
		began := time.Now()
		for n := 0; ; n++ {
			asked := time.Now()
			err := w.catchUp()
			if err == nil {
				break
			}
			if waited := time.Since(asked); n > 0 && n < 4 && waited > 0 {
				t.Errorf("who asks while it is known that it takes long waits %v", waited)
			}
			if !errors.Is(err, follower.ErrBuilding) || time.Since(began) > 3*time.Minute {
				t.Fatalf("after %v: %v", time.Since(began), err)
			}
			if err := follower.Built(t.Context(), w.tables, rows(), "all"); !errors.Is(err, follower.ErrBuilding) {
				t.Fatalf("a list that was never whole: %v", err)
			}
			if n == 3 {
				w.restart()
			}
			time.Sleep(time.Second)
		}
		w.want("after a long build", want...)
		if w.builds != 1 || built > len(want)+100 { // what the end of the process cut off is built again
			t.Errorf("%d builds of %d rows, of %d", w.builds, built, len(want))
		}
		if err := follower.Built(t.Context(), w.tables, rows(), "all"); err != nil {
			t.Error(err)
		}
	})
}

// TestRowsAreThereWhileTheyAreBuiltAnew, also those that are not true any more, until the build ends.
func TestRowsAreThereWhileTheyAreBuiltAnew(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.loseEvents()
		w.mu.Lock()
		w.truth = w.truth[1:] // ann has gone without a word
		w.slow = func(string) error { time.Sleep(800 * time.Millisecond); return nil }
		w.mu.Unlock()
		w.failing(nil)
		if err := w.catchUp(); !errors.Is(err, follower.ErrBuilding) {
			t.Errorf("told %v", err)
		}
		if err := follower.Built(t.Context(), w.tables, rows(), "all"); err != nil {
			t.Error(err)
		}
		w.want("meanwhile", "ann", "bea", "cat")
		if n := w.figured("barrage_follower_building"); n != 1 {
			t.Errorf("building is shown as %v", n)
		}
		time.Sleep(time.Minute)
		w.want("in the end", "bea", "cat", "dora", "eva")
	})
}

// TestWhatCannotBeReadIsPassedOver and counted.
func TestWhatCannotBeReadIsPassedOver(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.slow = func(name string) error {
			if name == "bea" {
				return errors.New("damaged")
			}
			return nil
		}
		w.truth = []string{"ann", "bea", "cat"}
		if err := w.catchUp(); err != nil {
			t.Fatal(err)
		}
		w.want("without one", "ann", "cat")
		if n := w.figured("barrage_follower_unreadable_total"); n != 1 {
			t.Errorf("%v are counted", n)
		}
	})
}

// TestABuildThatCannotGoOnBeginsAnew: where it is cannot be read, or is of a log with other partitions.
func TestABuildThatCannotGoOnBeginsAnew(t *testing.T) {
	for name, where := range map[string]string{"not JSON": "{", "of one partition": `{"ends":[0],"place":"Mg=="}`} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, w *world) {
				w.truth = []string{"ann", "bea", "cat"}
				fence := position.Fence{Epoch: w.node.Epoch(), Activation: 1 << 20}
				if err := w.tables.Fence(t.Context(), rows(), "all", fence); err != nil {
					t.Fatal(err)
				}
				b := table.Batch{Table: rows(), Partition: "all", Fence: fence, Ops: []table.Op{table.Put([]byte{2, 'b'}, []byte(where))}}
				if _, err := w.tables.Write(t.Context(), b); err != nil {
					t.Fatal(err)
				}
				w.restart()
				if err := w.catchUp(); err != nil {
					t.Fatal(err)
				}
				w.want("in the end", "ann", "bea", "cat")
			})
		})
	}
}
