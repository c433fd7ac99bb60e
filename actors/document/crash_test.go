package document_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"pgregory.net/rapid"

	"github.com/barrage-live/barrage/actors/actortest"
	"github.com/barrage-live/barrage/actors/document"
	"github.com/barrage-live/barrage/cluster"
	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/storage/eventlog"
	"github.com/barrage-live/barrage/storage/eventlog/tablelog"
	"github.com/barrage-live/barrage/storage/outbox"
	"github.com/barrage-live/barrage/storage/table"
	"github.com/barrage-live/barrage/storage/table/driver"
	"github.com/barrage-live/barrage/storage/table/faulttable"
	"github.com/barrage-live/barrage/storage/table/pebbletable/pebbletest"
)

func beside() table.Table { return table.Plain("beside") }

// process is one run of a node with a tally, over an engine that outlives it.
type process struct {
	node   *cluster.Node
	tables *table.Store
	log    *eventlog.Log
	figure *prometheus.Registry
	undone *outbox.Undone
	end    func()
}

// kept is an engine that nobody closes with a process.
type kept struct{ driver.Driver }

func (kept) Close() error { return nil }

func boot(t *testing.T, d driver.Driver, script faulttable.Script) *process {
	t.Helper()
	p := &process{tables: table.New(faulttable.Wrap(kept{d}, func(c faulttable.Call) faulttable.Fault {
		switch c.Table { // what the node itself keeps is not what is tried here
		case "tally", "beside", "outbox", "eventlog", "eventlog_topic":
			return script(c)
		}
		return faulttable.Fault{}
	}))}
	p.figure = prometheus.NewRegistry()
	p.undone = outbox.NewUndone(p.figure)
	l, err := tablelog.New(tablelog.Config{Tables: p.tables, Partitions: 1})
	if err != nil {
		t.Fatal(err)
	}
	p.log = eventlog.New(l)
	put := func(ctx context.Context, numbers ...int) error {
		var ops []table.Op
		for _, n := range numbers {
			ops = append(ops, table.Put([]byte(strconv.Itoa(n)), nil))
		}
		if len(ops) == 0 {
			return nil
		}
		_, err := p.tables.Write(ctx, table.Batch{Table: beside(), Partition: "a", Ops: ops})
		return err
	}
	k := document.Kind[tally, core, *core]{
		Name: "tally", Idle: time.Hour, Tables: p.tables, Table: tallies(), Core: func() core { return core{} }, Log: p.log,
		Undone: p.undone,
		Around: func(ctx context.Context, x document.Write[tally], save func(context.Context) error) error {
			if err := save(ctx); err != nil || x.Note == nil {
				return err
			}
			return put(ctx, x.Note.(int))
		},
		Settle: func(ctx context.Context, doc tally) error { return put(ctx, doc.Numbers...) },
		Actor: func(s *document.Shell[tally, core, *core]) cluster.Actor {
			s.Own = func(*cluster.Turn, document.Effect, []document.Effect) bool { return false }
			return s
		},
	}
	n, end := actortest.Run(t, p.tables, k.Cluster())
	p.node, p.end = n, func() {
		end()
		if err := p.log.Close(); err != nil {
			t.Error(err)
		}
	}
	return p
}

// ask asks the tally, for as long as anybody would wait.
func (p *process) ask(msg any) ([]int, error) {
	return cluster.Ask[[]int](context.Background(), p.node, "tally", "a", msg)
}

// rest is what is there after everything was done that was left to do.
type rest struct {
	numbers, beside []int
	events          []int // each once, in the order of the log
	repeated        int
	marks           []outbox.Owner
	staged          int
}

func (p *process) look(t *testing.T) (r rest) {
	t.Helper()
	ctx := context.Background()
	var err error
	if r.numbers, err = p.ask(list{}); err != nil && !errors.Is(err, errNone) {
		t.Fatal(err)
	}
	rows, _, err := p.tables.Scan(ctx, table.Range{Table: beside(), Partition: "a", Limit: 1000})
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range rows {
		n, err := strconv.Atoi(string(row.Key))
		if err != nil {
			t.Fatal(err)
		}
		r.beside = append(r.beside, n)
	}
	slices.Sort(r.beside)
	page, err := p.log.Read(ctx, eventlog.Request{Topic: "tally", Max: 1000})
	if err != nil {
		t.Fatal(err)
	}
	seen := map[eventlog.ID]string{}
	for _, e := range page.Records {
		if was, again := seen[e.ID]; again {
			r.repeated++
			if was != string(e.Payload) {
				t.Fatalf("%v is %s and %s", e.ID, was, e.Payload)
			}
			continue
		}
		seen[e.ID] = string(e.Payload)
		n, err := strconv.Atoi(string(e.Payload))
		if err != nil || e.ID.Source != "tally/a" {
			t.Fatalf("event %+v, %v", e, err)
		}
		r.events = append(r.events, n)
	}
	if r.marks, _, err = (outbox.Marks{Tables: p.tables}).All(ctx, ""); err != nil {
		t.Fatal(err)
	}
	staged, _, err := p.tables.Scan(ctx, table.Range{Table: tallies(), Partition: "a", From: []byte{0, 0}, To: outbox.End()})
	if err != nil {
		t.Fatal(err)
	}
	r.staged = len(staged)
	return r
}

// check holds what is left against what must be: a number, its event and its row beside, or none of them.
func (r rest) check(t *testing.T, when string, acknowledged []int) {
	t.Helper()
	if !slices.Equal(r.events, r.numbers) {
		t.Errorf("%s: the document has %v, told was %v", when, r.numbers, r.events)
	}
	sorted := slices.Sorted(slices.Values(r.numbers))
	if !slices.Equal(r.beside, sorted) {
		t.Errorf("%s: the document has %v, beside it lie %v", when, sorted, r.beside)
	}
	for _, n := range acknowledged {
		if !slices.Contains(r.numbers, n) {
			t.Errorf("%s: %d was acknowledged and is not in %v", when, n, r.numbers)
		}
	}
	if len(r.marks) != 0 || r.staged != 0 {
		t.Errorf("%s: marks %v, %d staged rows are left", when, r.marks, r.staged)
	}
}

func alive(faulttable.Call) faulttable.Fault { return faulttable.Fault{} }

// TestACrashAtAnyPoint ends the process at every single call of the store, before and after its effect, and
// wakes whoever is marked in the next one: nobody asks the actor for anything.
func TestACrashAtAnyPoint(t *testing.T) {
	for name, after := range map[string]bool{"before": false, "after": true} {
		t.Run(name, func(t *testing.T) {
			for k := int64(1); ; k++ {
				calls := int64(0)
				synctest.Test(t, func(t *testing.T) { calls = crashAt(t, k, after) })
				if t.Failed() {
					t.Fatalf("crashed %s call %d", name, k)
				}
				if calls < k {
					if k < 20 {
						t.Errorf("only %d calls: this is not the whole story", calls)
					}
					return
				}
			}
		})
	}
}

func crashAt(t *testing.T, k int64, after bool) int64 {
	d, err := pebbletest.NewMem().Open()
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	}()
	dead := fault.New(fault.Unavailable, "dead", "the process is dead")
	var calls atomic.Int64
	p := boot(t, d, func(faulttable.Call) faulttable.Fault {
		switch n := calls.Add(1); {
		case n < k:
			return faulttable.Fault{}
		case n == k && after:
			return faulttable.Fault{After: dead}
		}
		return faulttable.Refused(dead)
	})
	var acknowledged []int
	if _, err := p.ask(begin{}); err == nil {
		for _, n := range []int{1, 2} {
			if _, err := p.ask(add{n}); err == nil {
				acknowledged = append(acknowledged, n)
			}
		}
		time.Sleep(10 * time.Second) // it tidies up
		if _, err := p.ask(add{3}); err == nil {
			acknowledged = append(acknowledged, 3)
		}
		time.Sleep(10 * time.Second)
	}
	p.end()
	next := boot(t, d, alive)
	defer next.end()
	if _, err := document.WakeAll(t.Context(), next.node, next.tables, nil); err != nil {
		t.Fatal(err)
	}
	time.Sleep(10 * time.Second)
	next.look(t).check(t, fmt.Sprintf("call %d", k), acknowledged)
	return calls.Load()
}

// Whatever fails of any call, before or after its effect, however often the process dies: what was
// acknowledged is there, and every number has its event, its row beside it, and nothing else is left.
func TestFaultsOfEverySort(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		seed := rapid.SliceOfN(rapid.IntRange(0, 9), 10, 120).Draw(rt, "fates")
		steps := rapid.SliceOfN(rapid.IntRange(0, 7), 1, 25).Draw(rt, "steps")
		synctest.Test(t, func(t *testing.T) {
			d, err := pebbletest.NewMem().Open()
			if err != nil {
				t.Fatal(err)
			}
			defer func() {
				if err := d.Close(); err != nil {
					t.Error(err)
				}
			}()
			var calls atomic.Int64
			script := func(faulttable.Call) faulttable.Fault {
				switch n := calls.Add(1); seed[int(n)%len(seed)] {
				case 0:
					return faulttable.Refused(errAway)
				case 1:
					return faulttable.Unknown()
				case 2:
					return faulttable.Refused(table.ErrUnknown)
				}
				return faulttable.Fault{}
			}
			p := boot(t, d, script)
			var acknowledged []int
			for n, step := range steps {
				switch step {
				case 0:
					p.end()
					p = boot(t, d, script)
				case 1:
					time.Sleep(10 * time.Second)
				default:
					_, _ = p.ask(begin{})
					if _, err := p.ask(add{n}); err == nil {
						acknowledged = append(acknowledged, n)
					}
				}
			}
			p.end()
			p = boot(t, d, alive)
			defer p.end()
			if _, err := document.WakeAll(t.Context(), p.node, p.tables, nil); err != nil {
				t.Fatal(err)
			}
			time.Sleep(20 * time.Second)
			p.look(t).check(t, "in the end", acknowledged)
		})
	})
}
