// Package blobtest holds the promises of the object port and the suite that proves them for a driver.
//
// Every driver calls Run with a Harness of its own; the package owns nothing but the harness it is given and fails the
// test it is given. Crash is a capability: a harness that has it proves more.
//
//	B01  What was put is read back: bytes, size, and a time of change; also the empty object and one of many pieces.
//	B02  Put replaces; whoever has the old object open reads it to its end.
//	B03  Keys that are not valid are refused with fault.Invalid.
//	B04  Any two valid keys are different objects, also where one is a directory of the other.
//	B05  Ranges and seeks give exactly the bytes asked for.
//	B06  Keys are listed in bytewise order, by prefix, in pages that join without gap or overlap.
//	B07  Delete is idempotent, and DeletePrefix removes exactly the prefix.
//	B08  A Put whose source fails changes nothing.
//	B09  A context that ended stops a call; a stopped Put changes nothing.
//	B10  Of concurrent Puts and Deletes of a key, readers see one whole object or none.
//	B11  What was put is there after Close and Open.
//	B12  After a crash every acknowledged object is there whole, every acknowledged delete holds, and no object is there
//	     in part. (Crasher)
//	B13  Close leaves no goroutine behind.
package blobtest

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"go.uber.org/goleak"

	"github.com/barrage-live/barrage/storage/blob"
	"github.com/barrage-live/barrage/storage/blob/driver"
)

// Harness gives a driver over one storage that outlives it.
type Harness interface {
	// Open opens the storage, the second time with what is in it. At most one driver is open at a time.
	Open() (driver.Driver, error)
	// Close frees the storage; the driver is closed already.
	Close() error
}

// Crasher is a Harness that can take the machine's power away.
type Crasher interface {
	// Crash makes the storage what a machine finds after losing power now: all that was synced, and of the rest what
	// rng decides. Drivers that are open go on with a storage that nobody will see again.
	Crash(rng *rand.Rand)
}

// rig is a harness with an open store in a test.
type rig struct {
	*testing.T
	h     Harness
	store *blob.Store
}

type promise struct {
	number int
	name   string
	prove  func(r *rig)
}

func promises() []promise {
	return []promise{
		{1, "round trip", roundTrip},
		{2, "replace", replace},
		{3, "bad keys", badKeys},
		{4, "odd keys", oddKeys},
		{5, "ranges", ranges},
		{6, "list", list},
		{7, "delete", remove},
		{8, "failing source", failingSource},
		{9, "cancelled contexts", cancelled},
		{10, "races", races},
		{11, "reopen", reopen},
		{12, "crash", crash},
	}
}

// Run proves all promises for the driver behind the harnesses that open gives.
func Run(t *testing.T, open func(t *testing.T) Harness) {
	for _, p := range promises() {
		t.Run(fmt.Sprintf("B%02d %s", p.number, p.name), func(t *testing.T) {
			before := goleak.IgnoreCurrent()
			r := &rig{T: t, h: open(t)}
			r.open()
			p.prove(r)
			r.close()
			if err := r.h.Close(); err != nil {
				t.Errorf("closing the storage: %v", err)
			}
			goleak.VerifyNone(t, before) // B13
		})
	}
}

func (r *rig) open() {
	r.Helper()
	d, err := r.h.Open()
	if err != nil {
		r.Fatalf("open: %v", err)
	}
	r.store = blob.New(d)
}

func (r *rig) close() {
	r.Helper()
	if err := r.store.Close(); err != nil {
		r.Fatalf("close: %v", err)
	}
}
