package blobtest

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"

	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/storage/blob"
	"github.com/barrage-live/barrage/storage/blob/driver"
	"github.com/barrage-live/barrage/storage/blob/faultblob"
)

// errDown is what fails.
var errDown = fault.New(fault.Unavailable, "storage_failed", "the disk failed")

// byChance is the rig's store with calls that fail: one in so many before its effect, one after it, and one
// in the midst of the data where it is of a kind.
func byChance(r *rig, rng *rand.Rand, oneIn int, midst faultblob.Kind) *blob.Store {
	var mu sync.Mutex
	return blob.New(faultblob.Wrap(unclosed{r.driver}, func(c faultblob.Call) (f faultblob.Fault) {
		mu.Lock()
		defer mu.Unlock()
		switch rng.IntN(oneIn) {
		case 0:
			f.Before = errDown
		case 1:
			f.After = blob.ErrUnknown
		case 2:
			if c.Kind == midst {
				f.Midst = errDown
			}
		}
		return f
	}))
}

// faults fails calls by chance, before their effect, in the midst of the data and after the effect, and
// looks at what is there through a store that does not fail.
func faults(r *rig) {
	flaky := byChance(r, rand.New(rand.NewPCG(7, 8)), 5, faultblob.Put)
	until := func(what string, change func() error) {
		r.Helper()
		for range 1000 {
			err := change()
			if err == nil {
				return
			}
			if !errors.Is(err, errDown) && !errors.Is(err, blob.ErrUnknown) {
				r.Fatalf("%s: %v", what, err)
			}
		}
		r.Fatalf("%s fails for ever", what)
	}
	var want []string
	for i := range 150 {
		key, content := fmt.Sprintf("f/%d/%d.x", i%4, i), noise(i*1000)
		until("put", func() error {
			_, err := flaky.Put(r.Context(), key, bytes.NewReader(content), blob.PutOptions{Size: int64(len(content))})
			if got, rerr := r.readAll(key); rerr == nil && !bytes.Equal(got, content) {
				r.Errorf("after a put that gave %v %q holds %d bytes of %d", err, key, len(got), len(content))
			}
			return err
		})
		r.is(key, content)
		if i%3 != 0 {
			want = append(want, key)
			continue
		}
		until("delete", func() error { return flaky.Delete(r.Context(), key) })
		r.absent(key)
	}
	slices.Sort(want)
	if got := r.keysOf("", "", 0); !slices.Equal(got, want) {
		r.Errorf("%d objects are there, want %d", len(got), len(want))
	}
	until("delete of a prefix", func() error {
		_, err := flaky.DeletePrefix(r.Context(), "f/")
		return err
	})
	if got := r.keysOf("", "", 0); len(got) != 0 {
		r.Errorf("left over: %q", got)
	}
}

// damage flips bits: each of the last kilobyte, where an engine is likely to keep what it knows of the
// object, and some of the rest.
func damage(r *rig) {
	d, ok := r.h.(Damager)
	if !ok {
		return
	}
	rng := rand.New(rand.NewPCG(11, 12))
	for _, size := range []int{0, 1, 100_000} {
		key, content := fmt.Sprintf("damage/%d.x", size), noise(size)
		r.put(key, content)
		total, err := d.Bytes(key)
		if err != nil {
			r.Fatal(err)
		}
		for bit := range 8 * min(total, 1024) {
			r.flipped(d, key, content, total-1-bit/8, uint8(bit%8))
		}
		for range 500 {
			r.flipped(d, key, content, rng.IntN(total), uint8(rng.IntN(8)))
		}
		r.is(key, content)
	}
}

// flipped changes one bit, reads the object whole and in ranges, and changes the bit back.
func (r *rig) flipped(d Damager, key string, content []byte, at int, bit uint8) {
	r.Helper()
	if err := d.Flip(key, at, bit); err != nil {
		r.Fatal(err)
	}
	defer func() {
		if err := d.Flip(key, at, bit); err != nil {
			r.Fatal(err)
		}
	}()
	if got, err := r.readAll(key); !errors.Is(err, blob.ErrCorrupt) {
		r.Errorf("%q with bit %d of byte %d changed: %d bytes, %v, want ErrCorrupt", key, bit, at, len(got), err)
	} else if !bytes.HasPrefix(content, got) {
		r.Errorf("%q with bit %d of byte %d changed: wrong bytes before the error", key, bit, at)
	}
	for _, from := range []int{0, len(content) / 2, max(0, at-100)} {
		got, err := r.store.ReadRange(r.Context(), key, int64(from), 200)
		switch want := content[min(from, len(content)):min(from+200, len(content))]; {
		case err == nil && !bytes.Equal(got, want):
			r.Errorf("%q with bit %d of byte %d changed: wrong bytes from %d on", key, bit, at, from)
		case err != nil && !errors.Is(err, blob.ErrCorrupt):
			r.Errorf("%q with bit %d of byte %d changed: %v, want ErrCorrupt", key, bit, at, err)
		}
	}
}

// fullDisk lets the disk fill up at every point of a Put.
func fullDisk(r *rig) {
	f, ok := r.h.(Filler)
	if !ok {
		return
	}
	there, content := noise(100_000), noise(300_000)
	r.put("d/there.x", there)
	before := f.Leftovers()
	for room := 0; room < len(content); room += 29_989 {
		key := fmt.Sprintf("d/new-%d/%d.x", room, room)
		f.Fill(room)
		_, err := r.store.Put(r.Context(), key, bytes.NewReader(content), blob.PutOptions{Size: int64(len(content))})
		if fault.CodeOf(err) != "storage_full" || fault.From(err).RetryAfter <= 0 {
			r.Errorf("with room for %d bytes: %v, want storage_full with advice", room, err)
		}
		r.absent(key)
		r.is("d/there.x", there)
		if n := f.Leftovers(); n != before {
			r.Errorf("with room for %d bytes: %d files are left beside the objects", room, n-before)
		}
		f.Fill(-1)
		r.put(key, content)
		r.is(key, content)
	}
}

// unclosed is a driver that its owner closes.
type unclosed struct{ driver.Driver }
