// Package eventlogtest holds the promises of the event log port and the suite that proves them for a driver.
//
// Every driver calls Run with a Harness of its own; the package owns nothing but the harness it is given and fails the
// test it is given. Crash is a capability: a harness that has it proves more.
//
//	E01  An appended event is read back: key, ID, payload, time. Offsets of a partition begin at zero and grow by one.
//	E02  Events of one key lie in one partition, in the order of their appends; it stays theirs over reopening.
//	E03  An event with an ID is appended once; again, it gives the same place and says so, also over reopening and from
//	     concurrent callers.
//	E04  Read begins at the offset asked for, gives at most as many as asked for, and nothing behind the end.
//	E05  A waiting read returns when something is appended, when its time is over, and when its context ends.
//	E06  Concurrent appends leave no gap and lose nothing, and what is appended to one partition together lies together.
//	E07  Cursors belong to group, topic and partition, survive reopening, and obey the highest epoch only.
//	E08  Names and sizes that are not valid are refused with fault.Invalid and change nothing.
//	E09  A context that ended stops a call.
//	E10  After a crash every acknowledged event is at its place and every acknowledged cursor where it was. (Crasher)
//	E11  Consume hands over every event in order, at least once, and goes on after a failure where it had committed.
//	E12  Close leaves no goroutine behind.
//	E13  While calls fail before and after their effect, an event with an ID that is sent until it is acknowledged is there
//	     once, where it was acknowledged, and a consumer that begins again misses none.
package eventlogtest

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"go.uber.org/goleak"

	"github.com/barrage-live/barrage/storage/eventlog"
	"github.com/barrage-live/barrage/storage/eventlog/driver"
)

// Harness gives a driver over one storage that outlives it.
type Harness interface {
	// Open opens the storage, the second time with what is in it. A new topic gets four partitions. At most one driver is
	// open at a time.
	Open() (driver.Driver, error)
	// Close frees the storage; the driver is closed already.
	Close() error
}

// Crasher is a Harness that can take the machine's power away.
type Crasher interface {
	// Crash makes the storage what a machine finds after losing power now.
	Crash(rng *rand.Rand)
}

// partitions is how many partitions a topic of the suite has.
const partitions = 4

type rig struct {
	*testing.T
	h      Harness
	driver driver.Driver
	log    *eventlog.Log
}

// Run proves all promises for the driver behind the harnesses that open gives.
func Run(t *testing.T, open func(t *testing.T) Harness) {
	for _, p := range []struct {
		number int
		name   string
		prove  func(r *rig)
	}{
		{1, "round trip", roundTrip},
		{2, "order of a key", keyOrder},
		{3, "ids", ids},
		{4, "reading", reading},
		{5, "waiting", waiting},
		{6, "concurrent appends", concurrent},
		{7, "cursors", cursors},
		{8, "limits", limits},
		{9, "cancelled contexts", cancelled},
		{10, "crash", crash},
		{11, "consume", consume},
		{13, "faults", faults},
	} {
		t.Run(fmt.Sprintf("E%02d %s", p.number, p.name), func(t *testing.T) {
			before := goleak.IgnoreCurrent()
			r := &rig{T: t, h: open(t)}
			r.open()
			p.prove(r)
			r.close()
			if err := r.h.Close(); err != nil {
				t.Errorf("closing the storage: %v", err)
			}
			goleak.VerifyNone(t, before) // E12
		})
	}
}

func (r *rig) open() {
	r.Helper()
	d, err := r.h.Open()
	if err != nil {
		r.Fatalf("open: %v", err)
	}
	r.driver, r.log = d, eventlog.New(d)
}

func (r *rig) close() {
	r.Helper()
	if err := r.log.Close(); err != nil {
		r.Fatalf("close: %v", err)
	}
}

func (r *rig) reopen() {
	r.Helper()
	r.close()
	r.open()
}

// append appends to topic t and must succeed.
func (r *rig) append(entries ...eventlog.Entry) []eventlog.Place {
	r.Helper()
	places, err := r.log.Append(r.Context(), "t", entries...)
	if err != nil || len(places) != len(entries) {
		r.Fatalf("append: %d places, %v", len(places), err)
	}
	return places
}

// all reads a partition of topic t and checks that its offsets have no gap.
func (r *rig) all(partition int) (events []eventlog.Event) {
	r.Helper()
	for {
		page, err := r.log.Read(r.Context(), eventlog.Request{Topic: "t", Partition: partition, From: uint64(len(events)), Max: 50})
		if err != nil {
			r.Fatalf("read: %v", err)
		}
		if len(page) == 0 {
			return events
		}
		for _, e := range page {
			if e.Offset != uint64(len(events)) {
				r.Fatalf("partition %d: offset %d where %d belongs", partition, e.Offset, len(events))
			}
			events = append(events, e)
		}
	}
}
