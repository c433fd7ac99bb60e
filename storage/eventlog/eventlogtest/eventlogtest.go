package eventlogtest

import (
	_ "embed"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/barrage-live/barrage/internal/promisetest"
	"github.com/barrage-live/barrage/storage/eventlog"
	"github.com/barrage-live/barrage/storage/eventlog/driver"
)

//go:embed doc.go
var list string

// Harness gives clients of one log that outlives them.
type Harness interface {
	// Open makes one more client. A new topic gets four partitions.
	Open() (driver.Driver, error)
	// Close frees the storage; the clients are closed already.
	Close() error
}

// Crasher is a Harness that can take the machine's power away.
type Crasher interface {
	// Crash makes the storage what a machine finds after losing power now.
	Crash(rng *rand.Rand)
}

// Ager is a Harness that can let time pass.
type Ager interface {
	// Age lets what was appended until now outlive the retention. The log may need to be used before it
	// shows.
	Age()
}

// partitions is how many partitions a topic of the suite has.
const partitions = 4

type rig struct {
	*testing.T
	h    Harness
	log  *eventlog.Log
	logs []*eventlog.Log // all that are open
}

// Run proves all promises for the driver behind the harnesses that open gives.
func Run(t *testing.T, open func(t *testing.T) Harness) {
	promisetest.Run(t, promisetest.Suite[*rig]{
		Letter: "E", List: list,
		Open: func(t *testing.T) *rig {
			t.Helper()
			r := &rig{T: t, h: open(t)}
			r.log = r.client()
			return r
		},
		Close: func(r *rig) {
			r.close()
			if err := r.h.Close(); err != nil {
				r.Errorf("closing the storage: %v", err)
			}
		},
		Promises: []promisetest.Promise[*rig]{
			{Number: 1, Name: "round trip", Prove: roundTrip},
			{Number: 2, Name: "order of a key", Prove: keyOrder},
			{Number: 3, Name: "at least once", Prove: atLeastOnce},
			{Number: 4, Name: "reading", Prove: reading},
			{Number: 5, Name: "waiting", Prove: waiting},
			{Number: 6, Name: "concurrent clients", Prove: concurrent},
			{Number: 7, Name: "retention", Prove: retention},
			{Number: 8, Name: "limits", Prove: limits},
			{Number: 9, Name: "cancelled contexts", Prove: cancelled},
			{Number: 10, Name: "crash", Prove: crash},
			{Number: 11, Name: "close", Prove: closed},
			{Number: 12, Name: "faults", Prove: faults},
		},
	})
}

// client opens one more client.
func (r *rig) client() *eventlog.Log {
	r.Helper()
	d, err := r.h.Open()
	if err != nil {
		r.Fatalf("open: %v", err)
	}
	log := eventlog.New(d)
	r.logs = append(r.logs, log)
	return log
}

func (r *rig) close() {
	r.Helper()
	for _, log := range r.logs {
		if err := log.Close(); err != nil {
			r.Errorf("close: %v", err)
		}
	}
	r.logs = nil
}

func (r *rig) reopen() {
	r.Helper()
	r.close()
	r.log = r.client()
}

// event is one that a source tells, with a payload that says which.
func event(source string, seq int) eventlog.Event {
	return eventlog.Event{ID: eventlog.ID{Source: source, Seq: uint64(seq)}, Payload: fmt.Append(nil, source, "#", seq)}
}

// again appends to topic t until the outcome is known.
func (r *rig) again(log *eventlog.Log, key string, events ...eventlog.Event) error {
	r.Helper()
	for range 1000 {
		if err := log.Append(r.Context(), "t", key, events...); !errors.Is(err, eventlog.ErrUnknown) {
			return err
		}
	}
	r.Fatal("a thousand unknown outcomes in a row")
	return nil
}

// append appends to topic t and must succeed.
func (r *rig) append(key string, events ...eventlog.Event) {
	r.Helper()
	if err := r.again(r.log, key, events...); err != nil {
		r.Fatalf("append: %v", err)
	}
}

// all reads a partition of topic t from its first event on.
func (r *rig) all(log *eventlog.Log, partition int) []eventlog.Record {
	r.Helper()
	return r.from(log, partition, 0)
}

// from reads a partition of topic t from an offset on, in pages, and checks that they join.
func (r *rig) from(log *eventlog.Log, partition int, from uint64) (records []eventlog.Record) {
	r.Helper()
	for {
		page, err := log.Read(r.Context(), eventlog.Request{Topic: "t", Partition: partition, From: from, Max: 50})
		if err != nil {
			r.Fatalf("read: %v", err)
		}
		last := from
		for _, rec := range page.Records {
			if rec.Offset < last || rec.Offset >= page.Next || rec.Offset < page.First || rec.Offset >= page.End {
				r.Fatalf("partition %d from %d: offset %d after %d in a page of %d to %d, next %d",
					partition, from, rec.Offset, last, page.First, page.End, page.Next)
			}
			last = rec.Offset + 1
		}
		records = append(records, page.Records...)
		if len(page.Records) == 0 {
			return records
		}
		from = page.Next
	}
}

// find gives the records of the whole topic by ID, each where it lies first.
func (r *rig) find() map[eventlog.ID]place {
	r.Helper()
	found := map[eventlog.ID]place{}
	for p := range partitions {
		for _, rec := range r.all(r.log, p) {
			if _, repeated := found[rec.ID]; !repeated {
				found[rec.ID] = place{p, rec.Offset}
			}
		}
	}
	return found
}

type place struct {
	partition int
	offset    uint64
}

// home is the partition of topic t that holds events of a source.
func (r *rig) home(source string) int {
	r.Helper()
	for id, p := range r.find() {
		if id.Source == source {
			return p.partition
		}
	}
	r.Fatalf("nothing of %s is there", source)
	return 0
}

// distinct drops repetitions, as a reader does.
func distinct(records []eventlog.Record) (kept []eventlog.Record) {
	last := map[string]uint64{}
	for _, rec := range records {
		if rec.ID.Seq > last[rec.ID.Source] {
			last[rec.ID.Source] = rec.ID.Seq
			kept = append(kept, rec)
		}
	}
	return kept
}
