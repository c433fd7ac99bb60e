package document_test

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/barrage-live/barrage/actors/document"
	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/metrics/metricstest"
	"github.com/barrage-live/barrage/storage/outbox"
	"github.com/barrage-live/barrage/storage/table/driver"
	"github.com/barrage-live/barrage/storage/table/faulttable"
	"github.com/barrage-live/barrage/storage/table/pebbletable/pebbletest"
)

// open gives an engine for two processes.
func open(t *testing.T) driver.Driver {
	t.Helper()
	d, err := pebbletest.NewMem().Open()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return d
}

// nth counts calls of one sort, and holds the n-th up until it is let go.
type nth struct {
	kind  faulttable.Kind
	n     int64
	calls atomic.Int64
	let   chan struct{}
}

func (x *nth) script(c faulttable.Call) faulttable.Fault {
	if c.Table == "tally" && c.Kind == x.kind && x.calls.Add(1) == x.n {
		<-x.let
	}
	return faulttable.Fault{}
}

func (p *process) wakeAll(t *testing.T) (woken int, err error) {
	t.Helper()
	return document.WakeAll(t.Context(), p.node, p.tables, p.undone)
}

// TestOneWhoStallsCreatesNothingAfterItWasLookedFor: a node is about to create a document, which it has
// marked, and stalls. Another one takes over, finds no document, and takes down the mark. The former one
// must not create it then: nobody would know that it has something left to do.
func TestOneWhoStallsCreatesNothingAfterItWasLookedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := open(t)
		stall := &nth{kind: faulttable.Fence, n: 2, let: make(chan struct{})} // the first one is of the activation
		former := boot(t, d, stall.script)
		defer former.end()
		answer := make(chan error, 1)
		go func() {
			_, err := former.ask(found{1})
			answer <- err
		}()
		synctest.Wait()
		next := boot(t, d, alive)
		defer next.end()
		if woken, err := next.wakeAll(t); woken != 1 || err != nil {
			t.Errorf("%d woken, %v", woken, err)
		}
		marks, _, err := (outbox.Marks{Tables: next.tables}).All(t.Context(), "")
		if len(marks) != 0 || err != nil {
			t.Errorf("marks %v, %v", marks, err)
		}
		close(stall.let)
		if err := <-answer; err == nil || fault.KindOf(err) != fault.Fenced {
			t.Errorf("the former one is told %v", err)
		}
		next.look(t).check(t, "in the end", nil)
	})
}

// TestOneWhoCreatesWhileItIsLookedForKeepsItsMark: the document comes after the next one has read, and
// before it has fenced.
func TestOneWhoCreatesWhileItIsLookedForKeepsItsMark(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := open(t)
		quiet := fault.New(fault.Unavailable, "away", "the log is away")
		stall := &nth{kind: faulttable.Fence, n: 2, let: make(chan struct{})}
		former := boot(t, d, func(c faulttable.Call) faulttable.Fault {
			if c.Table == "eventlog" {
				return faulttable.Refused(quiet)
			}
			return stall.script(c)
		})
		answer := make(chan error, 1)
		go func() {
			_, err := former.ask(found{1})
			answer <- err
		}()
		synctest.Wait()
		look := &nth{kind: faulttable.Fence, n: 2, let: make(chan struct{})}
		next := boot(t, d, look.script)
		defer next.end()
		woken := make(chan error, 1)
		go func() {
			_, err := next.wakeAll(t)
			woken <- err
		}()
		synctest.Wait()
		close(stall.let)
		if err := <-answer; err != nil {
			t.Fatal(err)
		}
		former.end()
		close(look.let)
		if err := <-woken; err == nil {
			t.Error("it is said to have been woken")
		}
		if n, err := next.wakeAll(t); n != 1 || err != nil {
			t.Errorf("%d woken, %v", n, err)
		}
		time.Sleep(10 * time.Second)
		next.look(t).check(t, "in the end", []int{1})
	})
}

// TestEventsDoNotWaitForWhatCannotBeSettled, for however long that is.
func TestEventsDoNotWaitForWhatCannotBeSettled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var away atomic.Bool
		away.Store(true)
		p := boot(t, open(t), func(c faulttable.Call) faulttable.Fault {
			if c.Table == "beside" && c.Kind == faulttable.Write && away.Load() {
				return faulttable.Refused(errAway)
			}
			return faulttable.Fault{}
		})
		defer p.end()
		for n := range 3 {
			_, _ = p.ask(begin{})
			if _, err := p.ask(add{n}); fault.KindOf(err) != fault.Timeout {
				t.Errorf("what cannot be settled is answered %v", err)
			}
		}
		time.Sleep(time.Minute)
		if r := p.look(t); len(r.events) != 3 || len(r.beside) != 0 || len(r.marks) != 1 {
			t.Errorf("told are %v, beside lie %v, marks %v", r.events, r.beside, r.marks)
		}
		away.Store(false)
		time.Sleep(20 * time.Second)
		p.look(t).check(t, "in the end", []int{0, 1, 2})
	})
}

// TestWhatIsLeftMeanwhileIsSettledAsWell: while what belongs to one change is written at last, another change
// leaves something.
func TestWhatIsLeftMeanwhileIsSettledAsWell(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var writes atomic.Int64
		let := make(chan struct{})
		p := boot(t, open(t), func(c faulttable.Call) faulttable.Fault {
			if c.Table == "beside" && c.Kind == faulttable.Write {
				switch writes.Add(1) {
				case 1, 3: // those of the changes themselves
					return faulttable.Refused(errAway)
				case 2: // that of the first one is made up for
					<-let
				}
			}
			return faulttable.Fault{}
		})
		defer p.end()
		if _, err := p.ask(begin{}); err != nil {
			t.Fatal(err)
		}
		for n := range 2 {
			if _, err := p.ask(add{n}); fault.KindOf(err) != fault.Timeout {
				t.Errorf("what cannot be settled is answered %v", err)
			}
			synctest.Wait()
		}
		close(let)
		time.Sleep(20 * time.Second)
		p.look(t).check(t, "in the end", []int{0, 1})
	})
}

// TestAMarkStaysUntilItsWorkIsDone, whoever wakes the actor in vain, and whatever else it does meanwhile.
func TestAMarkStaysUntilItsWorkIsDone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var away atomic.Bool
		script := func(c faulttable.Call) faulttable.Fault {
			if c.Table == "beside" && c.Kind == faulttable.Write && away.Load() {
				return faulttable.Refused(errAway)
			}
			return faulttable.Fault{}
		}
		d := open(t)
		marks := func(p *process, when string) {
			t.Helper()
			time.Sleep(time.Minute)
			if r := p.look(t); len(r.marks) == 0 {
				t.Errorf("%s: the mark is gone, beside lie %v", when, r.beside)
			}
		}
		former := boot(t, d, script)
		if _, err := former.ask(found{0}); err != nil {
			t.Fatal(err)
		}
		away.Store(true)
		if _, err := former.ask(add{1}); fault.KindOf(err) != fault.Timeout {
			t.Errorf("what cannot be settled is answered %v", err)
		}
		former.end()
		waking := boot(t, d, script)
		if _, err := waking.wakeAll(t); err == nil {
			t.Error("what cannot be settled is woken without an error")
		}
		marks(waking, "woken in vain")
		waking.end()
		away.Store(false)
		next := boot(t, d, script)
		defer next.end()
		if _, err := next.ask(add{2}); err != nil {
			t.Fatal(err)
		}
		marks(next, "not woken, and busy otherwise")
		if n, err := next.wakeAll(t); n != 1 || err != nil {
			t.Errorf("%d woken, %v", n, err)
		}
		time.Sleep(20 * time.Second)
		next.look(t).check(t, "in the end", []int{0, 1, 2})
	})
}

// figures are the metrics of what is left to do.
func (p *process) figures(t *testing.T, events, actors, oldest, marked string) {
	t.Helper()
	want := `
		# HELP barrage_outbox_marked_actors Actors anywhere that would be woken after a crash, by kind, as of the last minute: those that have something left, have just changed, or are live.
		# TYPE barrage_outbox_marked_actors gauge
		barrage_outbox_marked_actors{kind="tally"} ` + marked + `
		# HELP barrage_outbox_oldest_seconds For how long one of these actors has had something left to do without a break, by kind; 0: none has.
		# TYPE barrage_outbox_oldest_seconds gauge
		barrage_outbox_oldest_seconds{kind="tally"} ` + oldest + `
		# HELP barrage_outbox_staged_events Events that actors of this node have stored and not yet appended to the log, by kind.
		# TYPE barrage_outbox_staged_events gauge
		barrage_outbox_staged_events{kind="tally"} ` + events + `
		# HELP barrage_outbox_waiting_actors Actors of this node that have events to append or something to write beside their document, by kind.
		# TYPE barrage_outbox_waiting_actors gauge
		barrage_outbox_waiting_actors{kind="tally"} ` + actors + `
	`
	if err := testutil.GatherAndCompare(p.figure, strings.NewReader(want)); err != nil {
		t.Error(err)
	}
}

// TestWhatIsLeftToDoIsShown for as long as it is.
func TestWhatIsLeftToDoIsShown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var away atomic.Pointer[string]
		nothing, log, rows := "", "eventlog", "beside"
		away.Store(&nothing)
		p := boot(t, open(t), func(c faulttable.Call) faulttable.Fault {
			if c.Table == *away.Load() && c.Kind == faulttable.Write {
				return faulttable.Refused(errAway)
			}
			return faulttable.Fault{}
		})
		defer p.end()
		do := func(n int) {
			_, _ = p.ask(add{n})
			synctest.Wait()
		}
		if _, err := p.ask(begin{}); err != nil {
			t.Fatal(err)
		}
		p.figures(t, "0", "0", "0", "0")
		away.Store(&log)
		do(1)
		time.Sleep(40 * time.Second)
		do(2)
		time.Sleep(20 * time.Second)
		if _, err := p.wakeAll(t); err != nil {
			t.Error(err)
		}
		p.figures(t, "2", "1", "60", "1")
		away.Store(&nothing)
		time.Sleep(20 * time.Second)
		if _, err := p.wakeAll(t); err != nil {
			t.Error(err)
		}
		p.figures(t, "0", "0", "0", "0")
		away.Store(&rows)
		do(3)
		time.Sleep(30 * time.Second)
		p.figures(t, "0", "1", "30", "0")
		metricstest.Lint(t, p.figure)
		p.end()
		p.figures(t, "0", "0", "0", "0")
	})
}

// TestWakingEndsWithItsContext though those who are marked hang, each for as long as it may.
func TestWakingEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		let := make(chan struct{})
		p := boot(t, open(t), func(c faulttable.Call) faulttable.Fault {
			if c.Table == "tally" {
				<-let
			}
			return faulttable.Fault{}
		})
		defer p.end()
		defer close(let)
		marks := outbox.Marks{Tables: p.tables}
		for n := range 1000 {
			owner := outbox.Owner{Kind: "tally", Key: strconv.Itoa(n)}
			if err := marks.Put(t.Context(), 1, owner, outbox.Place{}); err != nil {
				t.Fatal(err)
			}
		}
		ctx, cancel := context.WithTimeout(t.Context(), 12*time.Second)
		defer cancel()
		began := time.Now()
		_, err := document.WakeAll(ctx, p.node, p.tables, nil)
		if took := time.Since(began); took > 12*time.Second+time.Second || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("it took %v, %v", took, err)
		}
	})
}
