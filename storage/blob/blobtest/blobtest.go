package blobtest

import (
	"bytes"
	_ "embed"
	"errors"
	"io"
	"math/rand/v2"
	"testing"

	"github.com/barrage-live/barrage/internal/promisetest"
	"github.com/barrage-live/barrage/storage/blob"
	"github.com/barrage-live/barrage/storage/blob/driver"
)

//go:embed doc.go
var list string

// Harness gives a driver over one storage that outlives it.
type Harness interface {
	// Open opens the storage, the second time with what is in it.
	Open() (driver.Driver, error)
	// Close frees the storage; the drivers are closed already.
	Close() error
}

// Sharer is a Harness whose Open may be called while other drivers are open: clients of one storage.
type Sharer interface{ Shared() }

// Crasher is a Harness that can take the machine's power away.
type Crasher interface {
	// Crash makes the storage what a machine finds after losing power now: all that was synced, and of the
	// rest what rng decides. Drivers that are open go on with a storage that nobody will see again.
	Crash(rng *rand.Rand)
}

// Damager is a Harness that can damage what is stored.
type Damager interface {
	// Bytes is how many stored bytes an object has, everything that belongs to it included.
	Bytes(key string) (int, error)
	// Flip changes one bit of one of them.
	Flip(key string, at int, bit uint8) error
}

// Filler is a Harness that can fill its disk.
type Filler interface {
	// Fill lets the disk take n more bytes, or any number if n is negative.
	Fill(n int)
	// Leftovers is how many files there are beside the objects.
	Leftovers() int
}

// rig is a harness with an open store in a test.
type rig struct {
	*testing.T
	h      Harness
	driver driver.Driver
	store  *blob.Store
}

// Run proves all promises for the driver behind the harnesses that open gives.
func Run(t *testing.T, open func(t *testing.T) Harness) {
	promisetest.Run(t, promisetest.Suite[*rig]{
		Letter: "B", List: list, Always: []int{13},
		Open: func(t *testing.T) *rig {
			t.Helper()
			r := &rig{T: t, h: open(t)}
			r.open()
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
			{Number: 2, Name: "written once", Prove: writtenOnce},
			{Number: 2, Name: "one winner", Prove: oneWinner},
			{Number: 3, Name: "bad keys", Prove: badKeys},
			{Number: 4, Name: "odd keys", Prove: oddKeys},
			{Number: 5, Name: "ranges", Prove: ranges},
			{Number: 6, Name: "list", Prove: listing},
			{Number: 6, Name: "list beside changes", Prove: listBesideChanges},
			{Number: 7, Name: "delete", Prove: remove},
			{Number: 7, Name: "delete many", Prove: removeMany},
			{Number: 8, Name: "failing source", Prove: failingSource},
			{Number: 9, Name: "cancelled contexts", Prove: cancelled},
			{Number: 10, Name: "races", Prove: races},
			{Number: 10, Name: "delete while open", Prove: deleteWhileOpen},
			{Number: 11, Name: "reopen", Prove: reopen},
			{Number: 12, Name: "crash", Prove: crash},
			{Number: 14, Name: "faults", Prove: faults},
			{Number: 15, Name: "damage", Prove: damage},
			{Number: 16, Name: "full disk", Prove: fullDisk},
			{Number: 17, Name: "growing", Prove: growing},
			{Number: 17, Name: "growing keys", Prove: growingKeys},
			{Number: 18, Name: "final", Prove: final},
			{Number: 19, Name: "seal", Prove: seal},
			{Number: 20, Name: "growing under faults", Prove: growingFaults},
			{Number: 20, Name: "growing and a crash", Prove: growingCrash},
			{Number: 21, Name: "growing on a full disk", Prove: growingFull},
		},
	})
}

func (r *rig) open() {
	r.Helper()
	d, err := r.h.Open()
	if err != nil {
		r.Fatalf("open: %v", err)
	}
	r.driver, r.store = d, blob.New(d)
}

func (r *rig) close() {
	r.Helper()
	if err := r.store.Close(); err != nil {
		r.Fatalf("close: %v", err)
	}
}

// again makes a change until its outcome is known.
func (r *rig) again(change func() error) error {
	r.Helper()
	for range 1000 {
		if err := change(); !errors.Is(err, blob.ErrUnknown) {
			return err
		}
	}
	r.Fatal("a thousand unknown outcomes in a row")
	return nil
}

// tryPut puts an object and gives the outcome.
func (r *rig) tryPut(s *blob.Store, key string, content []byte, o blob.PutOptions) (info blob.Info, err error) {
	r.Helper()
	err = r.again(func() (err error) {
		info, err = s.Put(r.Context(), key, bytes.NewReader(content), o)
		return err
	})
	return info, err
}

// put stores an object and must succeed.
func (r *rig) put(key string, content []byte) {
	r.Helper()
	info, err := r.tryPut(r.store, key, content, blob.PutOptions{Size: int64(len(content))})
	if err != nil {
		r.Fatalf("put %q: %v", key, err)
	}
	if info.Key != key || info.Size != int64(len(content)) || info.ModTime.IsZero() || info.ContentType != blob.DefaultType {
		r.Errorf("put %q gave %+v for %d bytes", key, info, len(content))
	}
}

// delete removes an object and must succeed.
func (r *rig) delete(key string) {
	r.Helper()
	if err := r.again(func() error { return r.store.Delete(r.Context(), key) }); err != nil {
		r.Fatalf("delete %q: %v", key, err)
	}
}

// is checks that an object has a content.
func (r *rig) is(key string, want []byte) {
	r.Helper()
	o, err := r.store.Open(r.Context(), key)
	if err != nil {
		r.Errorf("open %q: %v", key, err)
		return
	}
	got, err := io.ReadAll(o)
	if err != nil || !bytes.Equal(got, want) || o.Size != int64(len(want)) {
		r.Errorf("%q holds %d bytes of size %d, %v; want the %d written", key, len(got), o.Size, err, len(want))
	}
	if err := o.Close(); err != nil {
		r.Errorf("close of %q: %v", key, err)
	}
	if info, err := r.store.Stat(r.Context(), key); err != nil || info != o.Info {
		r.Errorf("stat of %q: %+v, %v; open said %+v", key, info, err, o.Info)
	}
}

// absent checks that there is no object.
func (r *rig) absent(key string) {
	r.Helper()
	_, openErr := r.store.Open(r.Context(), key)
	_, statErr := r.store.Stat(r.Context(), key)
	_, rangeErr := r.store.ReadRange(r.Context(), key, 0, 1)
	for what, err := range map[string]error{"open": openErr, "stat": statErr, "range": rangeErr} {
		if !errors.Is(err, blob.ErrNoObject) {
			r.Errorf("%s of absent %q: %v, want ErrNoObject", what, key, err)
		}
	}
}

// keysOf lists a prefix from after a key on; at most a number of keys, if that is positive.
func (r *rig) keysOf(prefix, after string, most int) (keys []string) {
	r.Helper()
	for info, err := range r.store.List(r.Context(), prefix, after) {
		if err != nil {
			r.Fatalf("list %q after %q: %v", prefix, after, err)
		}
		if keys = append(keys, info.Key); len(keys) == most {
			break
		}
	}
	return keys
}

// noise is n bytes that look like nothing.
func noise(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{byte(n)}).Read(b)
	return b
}
