package document_test

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/barrage-live/barrage/actors/actortest"
	"github.com/barrage-live/barrage/actors/document"
	"github.com/barrage-live/barrage/cluster"
	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/position"
	"github.com/barrage-live/barrage/storage/outbox"
	"github.com/barrage-live/barrage/storage/table"
	"github.com/barrage-live/barrage/storage/table/driver"
	"github.com/barrage-live/barrage/storage/table/faulttable"
	"github.com/barrage-live/barrage/storage/table/pebbletable/pebbletest"
)

// A tally is the smallest kind: a list of numbers, each at most once.
type tally struct {
	Numbers []int `json:"numbers"`
}

type (
	begin struct{}
	// found begins with a number, which is told and noted as those that are added.
	found struct{ n int }
	// add adds a number, which is told, and noted in a row beside the document.
	add  struct{ n int }
	list struct{}
	// noted is an effect of the kind's own.
	noted struct{ n int }
)

var errNone = fault.New(fault.NotFound, "no_tally", "no such tally")

type core struct {
	exists bool
	doc    tally
	loads  int // since the activation began
}

func (c *core) Exists() bool { return c.exists }

func (c *core) Busy() bool { return false }

func (c *core) Apply(_ time.Time, cmd any, dst []document.Effect) []document.Effect {
	switch m := cmd.(type) {
	case document.Loaded[tally]:
		c.exists, c.doc = m.Exists, m.Doc
		c.loads++
		if m.Again != (c.loads > 1) {
			panic("Loaded says it is the first, or says it is not")
		}
		return dst
	case begin:
		if c.exists {
			return append(dst, document.Reply{})
		}
		c.exists = true
		return append(dst, document.Save[tally]{Doc: c.doc}, document.Reply{})
	case found:
		c.exists = true
		return c.add(m.n, dst)
	}
	if !c.exists {
		return append(dst, document.Refuse{Err: errNone})
	}
	switch m := cmd.(type) {
	case add:
		if slices.Contains(c.doc.Numbers, m.n) {
			return append(dst, document.Reply{Value: c.doc.Numbers})
		}
		return c.add(m.n, dst)
	case list:
		return append(dst, document.Reply{Value: c.doc.Numbers})
	}
	return append(dst, document.Refuse{Err: errors.New("unknown")})
}

func (c *core) add(n int, dst []document.Effect) []document.Effect {
	c.doc.Numbers = append(slices.Clone(c.doc.Numbers), n)
	told := outbox.Event{Topic: "tally", Key: "a", Payload: []byte(strconv.Itoa(n))}
	return append(dst, document.Save[tally]{Doc: c.doc, Note: n, Events: []outbox.Event{told}, Fragile: true}, noted{n}, document.Reply{Value: c.doc.Numbers})
}

// world is one tally, named "a", over a store whose calls a script fails.
type world struct {
	*testing.T
	node   *cluster.Node
	tables *table.Store

	mu     sync.Mutex
	script faulttable.Script
	noted  []int
	lost   []error // why activations were lost
	lives  int
	around func(n int, save func() error) error
}

func tallies() table.Table { return table.Owned("tally") }

func newWorld(t *testing.T, wrap func(driver.Driver) driver.Driver) *world {
	t.Helper()
	w := &world{T: t}
	d, err := pebbletest.NewMem().Open()
	if err != nil {
		t.Fatal(err)
	}
	if wrap == nil {
		wrap = func(d driver.Driver) driver.Driver { return d }
	}
	w.tables = table.New(faulttable.Wrap(wrap(d), func(c faulttable.Call) faulttable.Fault {
		w.mu.Lock()
		script := w.script
		w.mu.Unlock()
		if script == nil || c.Table != "tally" {
			return faulttable.Fault{}
		}
		return script(c)
	}))
	node, end := actortest.Run(t, w.tables, w.kind())
	w.node = node
	t.Cleanup(func() {
		end()
		if err := w.tables.Close(); err != nil {
			t.Error(err)
		}
	})
	if _, err := w.ask(begin{}); err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *world) kind() cluster.Kind {
	return document.Kind[tally, core, *core]{
		Name: "tally", Idle: time.Hour, Tables: w.tables, Table: tallies(), Core: func() core { return core{} },
		Around: func(ctx context.Context, x document.Write[tally], save func(context.Context) error) error {
			n, _ := x.Note.(int)
			if x.First != (x.Note == nil) {
				return errors.New("First is not what it says")
			}
			if w.around != nil {
				return w.around(n, func() error { return save(ctx) })
			}
			return save(ctx)
		},
		Actor: func(s *document.Shell[tally, core, *core]) cluster.Actor {
			w.lives++
			s.Own = func(_ *cluster.Turn, e document.Effect, _ []document.Effect) bool {
				w.mu.Lock()
				defer w.mu.Unlock()
				switch e := e.(type) {
				case noted:
					w.noted = append(w.noted, e.n)
				case document.Lost:
					w.lost = append(w.lost, e.Cause)
				}
				return false
			}
			return s
		},
	}.Cluster()
}

func (w *world) fail(s faulttable.Script) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.script = s
}

func (w *world) ask(msg any) ([]int, error) {
	return cluster.Ask[[]int](w.Context(), w.node, "tally", "a", msg)
}

func (w *world) want(msg any, want ...int) {
	w.Helper()
	if got, err := w.ask(msg); err != nil || !slices.Equal(got, want) {
		w.Errorf("%T gives %v, %v; want %v", msg, got, err, want)
	}
}

// refused waits until the actor has done what it does after it has answered.
func (w *world) refused(msg any, kind fault.Kind, code string) {
	w.Helper()
	got, err := w.ask(msg)
	synctest.Wait()
	if err == nil || fault.KindOf(err) != kind || fault.CodeOf(err) != code {
		w.Errorf("%T gives %v, %v; want %s", msg, got, err, code)
	}
}

var errAway = fault.New(fault.Unavailable, "away", "the store is away")

func away(faulttable.Call) faulttable.Fault { return faulttable.Refused(errAway) }

func TestAChangeIsAnsweredWhenItIsDurable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		w.want(add{1}, 1)
		w.want(add{2}, 1, 2)
		w.want(add{2}, 1, 2)
		if !slices.Equal(w.noted, []int{1, 2}) {
			t.Errorf("noted %v", w.noted)
		}
		time.Sleep(2 * time.Hour)
		w.want(list{}, 1, 2)
		if w.lives != 2 {
			t.Errorf("%d activations", w.lives)
		}
	})
}

// TestWhatDoesNotExistTakesNoMemory also after a creation that did not succeed.
func TestWhatDoesNotExistTakesNoMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		before := w.node.Active()
		if _, err := cluster.Ask[any](t.Context(), w.node, "tally", "b", list{}); !errors.Is(err, errNone) {
			t.Errorf("got %v", err)
		}
		w.fail(away)
		if _, err := cluster.Ask[any](t.Context(), w.node, "tally", "b", begin{}); fault.KindOf(err) != fault.Unavailable {
			t.Errorf("got %v", err)
		}
		w.fail(nil)
		synctest.Wait()
		if n := w.node.Active(); n != before {
			t.Errorf("%d activations, %d before", n, before)
		}
	})
}

// TestAnOutageEndsNothing: what is in memory is answered, changes are refused, and all of it goes on
// afterwards in the same activation.
func TestAnOutageEndsNothing(t *testing.T) {
	for name, x := range map[string]struct {
		first faulttable.Fault // of the write that begins it
		rest  faulttable.Script
		want  []int // what is stored after it
		kind  fault.Kind
		code  string
	}{
		"not done":            {faulttable.Refused(errAway), away, []int{1}, fault.Unavailable, "away"},
		"done, and not known": {faulttable.Unknown(), away, []int{1, 2}, fault.Timeout, "outcome_unknown"},
		"not done, and not known": {
			faulttable.Refused(table.ErrUnknown), away, []int{1}, fault.Timeout, "outcome_unknown",
		},
		"reads work": {faulttable.Unknown(), func(c faulttable.Call) faulttable.Fault {
			if c.Kind == faulttable.Get {
				return faulttable.Fault{}
			}
			return faulttable.Refused(errAway)
		}, []int{1, 2}, fault.Timeout, "outcome_unknown"},
		"it hangs": {faulttable.Unknown(), func(faulttable.Call) faulttable.Fault {
			time.Sleep(300 * time.Millisecond) // longer than anybody waits for it
			return faulttable.Refused(errAway)
		}, []int{1, 2}, fault.Timeout, "outcome_unknown"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, nil)
				w.want(add{1}, 1)
				begun := false
				w.fail(func(c faulttable.Call) faulttable.Fault {
					if !begun {
						begun = true
						return x.first
					}
					return x.rest(c)
				})
				w.refused(add{2}, x.kind, x.code)
				for range 3 {
					time.Sleep(11 * time.Second)
					w.want(list{}, 1)
				}
				_, err := w.ask(add{3})
				if f := fault.From(err); err == nil || f.Code != "unsettled" || f.Kind != fault.Unavailable || f.RetryAfter <= 0 {
					t.Errorf("a change meanwhile: %v", err)
				}
				w.fail(nil)
				time.Sleep(20 * time.Second)
				w.want(list{}, x.want...)
				w.want(add{4}, append(slices.Clone(x.want), 4)...)
				if w.lives != 1 || len(w.lost) != 0 {
					t.Errorf("%d activations, lost %v", w.lives, w.lost)
				}
				if noted := []int{1, 4}; !slices.Equal(w.noted, noted) {
					t.Errorf("noted %v; what follows a change must not happen while nobody knows whether it was made", w.noted)
				}
			})
		})
	}
}

// TestTheFirstChangeAfterAnOutageSucceeds without waiting for the next time that the table is asked.
func TestTheFirstChangeAfterAnOutageSucceeds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		w.fail(away)
		w.refused(add{1}, fault.Unavailable, "away")
		time.Sleep(time.Minute + time.Millisecond)
		w.fail(nil)
		w.want(add{2}, 2)
	})
}

// TestATableThatHangsHoldsUpOneChange: those after it are refused at once, and questions are answered.
func TestATableThatHangsHoldsUpOneChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		w.fail(away)
		w.refused(add{1}, fault.Unavailable, "away")
		w.fail(func(faulttable.Call) faulttable.Fault {
			time.Sleep(300 * time.Millisecond)
			return faulttable.Refused(errAway)
		})
		w.refused(add{2}, fault.Unavailable, "unsettled")
		begun := time.Now()
		for range 10 {
			w.refused(add{2}, fault.Unavailable, "unsettled")
			w.want(list{})
		}
		if took := time.Since(begun); took != 0 {
			t.Errorf("took %v", took)
		}
	})
}

// TestAnOldAnswerSaysNothingOfANewDoubt: it was read before the write of which nothing is known now.
func TestAnOldAnswerSaysNothingOfANewDoubt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		old := make(chan struct{})
		w.fail(away)
		w.refused(add{1}, fault.Unavailable, "away")
		var asked atomic.Bool
		w.fail(func(c faulttable.Call) faulttable.Fault {
			if c.Kind == faulttable.Get && asked.CompareAndSwap(false, true) {
				defer func() { <-old }()
			}
			return faulttable.Fault{}
		})
		time.Sleep(time.Second) // it is being asked what is stored: nothing
		w.want(add{1}, 1)       // which was found out by another way
		w.fail(func(c faulttable.Call) faulttable.Fault {
			if c.Kind == faulttable.Write {
				return faulttable.Unknown()
			}
			return away(c)
		})
		w.refused(add{2}, fault.Timeout, "outcome_unknown")
		close(old)
		synctest.Wait()
		w.want(list{}, 1)
		w.fail(nil)
		time.Sleep(10 * time.Second)
		w.want(list{}, 1, 2)
	})
}

// late is a driver whose writes take effect when the partition is fenced next, or when it is told, and
// whose callers are not told.
type late struct {
	driver.Driver
	mu      sync.Mutex
	on      bool
	waiting []driver.Batch
}

func (l *late) Write(ctx context.Context, b driver.Batch) (driver.Version, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.on || b.Table.Name != "tally" {
		return l.Driver.Write(ctx, b)
	}
	l.waiting = append(l.waiting, b)
	return 0, table.ErrUnknown
}

func (l *late) Fence(ctx context.Context, t driver.Table, partition string, f position.Fence, existing bool) (bool, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, b := range l.waiting {
		_, _ = l.Driver.Write(ctx, b)
	}
	l.waiting = nil
	return l.Driver.Fence(ctx, t, partition, f, existing)
}

func TestAWriteThatTakesEffectLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &late{}
		w := newWorld(t, func(d driver.Driver) driver.Driver { l.Driver = d; return l })
		l.on = true
		w.refused(add{1}, fault.Timeout, "outcome_unknown")
		l.on = false
		w.want(list{}, 1)
		w.want(add{2}, 1, 2)
	})
}

// TestAConflictIsNotTheAskersBusiness: somebody else has written under the same fence, which only a write
// of one's own can have been.
func TestAConflictIsNotTheAskersBusiness(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		w.fail(func(c faulttable.Call) faulttable.Fault {
			if c.Kind == faulttable.Write {
				return faulttable.Refused(table.ErrConflict)
			}
			return faulttable.Fault{}
		})
		w.refused(add{1}, fault.Unavailable, "unsettled")
		w.fail(nil)
		w.want(add{1}, 1)
	})
}

// TestADamagedDocumentEndsItsActivation: nothing of what it has in memory goes on, and it is not asked for
// again and again.
func TestADamagedDocumentEndsItsActivation(t *testing.T) {
	corrupt := func(faulttable.Call) faulttable.Fault { return faulttable.Refused(table.ErrCorrupt) }
	for name, doubt := range map[string]bool{"seen by a write": false, "seen by asking what is stored": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, nil)
				w.want(add{1}, 1)
				if doubt {
					w.fail(away)
					w.refused(add{2}, fault.Unavailable, "away")
				}
				calls := 0
				w.fail(func(c faulttable.Call) faulttable.Fault {
					calls++
					return corrupt(c)
				})
				w.refused(add{3}, fault.Internal, "row_corrupt")
				time.Sleep(time.Minute)
				synctest.Wait()
				if len(w.lost) != 1 || !errors.Is(w.lost[0], table.ErrCorrupt) {
					t.Errorf("lost: %v", w.lost)
				}
				if n := w.node.Active(); n != 0 || calls > 3 {
					t.Errorf("%d activations, the table was asked %d times", n, calls)
				}
				w.fail(nil)
				w.want(list{}, 1)
			})
		})
	}
}

func TestOneWhoWasSupersededStepsDown(t *testing.T) {
	for name, doubt := range map[string]bool{"by a write": false, "by asking what is stored": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, nil)
				if doubt {
					w.fail(away)
					w.refused(add{1}, fault.Unavailable, "away")
					w.fail(nil)
				}
				// A newer owner, which an actor of the same node can only be after this one has ended.
				row, err := w.tables.Get(t.Context(), tallies(), "a", []byte("doc"))
				if err != nil {
					t.Fatal(err)
				}
				next := position.Fence{Epoch: w.node.Epoch(), Activation: 1 << 40}
				if err := w.tables.Fence(t.Context(), tallies(), "a", next); err != nil {
					t.Fatal(err)
				}
				if !doubt {
					w.refused(add{2}, fault.Fenced, "fenced")
				}
				time.Sleep(10 * time.Second)
				synctest.Wait()
				if len(w.lost) != 1 || !errors.Is(w.lost[0], table.ErrFenced) {
					t.Errorf("lost: %v", w.lost)
				}
				if now, err := w.tables.Get(t.Context(), tallies(), "a", []byte("doc")); err != nil || now.Version != row.Version {
					t.Errorf("it has written: %v, %v", now, err)
				}
				if n := w.node.Active(); n != 0 {
					t.Errorf("%d activations", n)
				}
			})
		})
	}
}

// TestWhatBelongsToAChange: before the document nothing is done if it fails, after it the change stands and
// nobody is told that it does not.
func TestWhatBelongsToAChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		w.around = func(n int, save func() error) error {
			switch n {
			case 1:
				return errAway
			case 2:
				if err := save(); err != nil {
					return err
				}
				return errAway
			}
			return save()
		}
		asked := 0
		w.fail(func(faulttable.Call) faulttable.Fault { asked++; return faulttable.Fault{} })
		w.refused(add{1}, fault.Unavailable, "away")
		w.want(list{})
		if asked != 0 {
			t.Error("the document was not written, and the table is asked what is stored")
		}
		w.refused(add{2}, fault.Timeout, "outcome_unknown")
		w.want(list{}, 2)
		w.want(add{3}, 2, 3)
		if !slices.Equal(w.noted, []int{2, 3}) || w.lives != 1 {
			t.Errorf("noted %v in %d activations", w.noted, w.lives)
		}
	})
}
