package blobtest

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/storage/blob"
	"github.com/barrage-live/barrage/storage/blob/faultblob"
)

const video = "video/mp4"

// begin begins an object that grows, and must succeed.
func (r *rig) begin(key string) *blob.Appender {
	r.Helper()
	a, err := r.store.Append(r.Context(), key, video)
	if err != nil {
		r.Fatalf("append to %q: %v", key, err)
	}
	return a
}

// grow appends and must succeed.
func (r *rig) grow(a *blob.Appender, p []byte) {
	r.Helper()
	if err := a.Append(r.Context(), p); err != nil {
		r.Fatalf("append: %v", err)
	}
}

// end makes an object final until the outcome is known, and must succeed.
func (r *rig) end(a *blob.Appender) (info blob.Info) {
	r.Helper()
	err := r.again(func() (err error) {
		info, err = a.Close(r.Context())
		return err
	})
	if err != nil {
		r.Fatalf("close: %v", err)
	}
	return info
}

// holds is is, for bytes that are not final.
func (r *rig) holds(key string, want []byte) {
	r.Helper()
	if got, err := r.readAll(key); err != nil || !bytes.Equal(got, want) {
		r.Errorf("%q holds %d bytes, %v; want the %d appended", key, len(got), err, len(want))
	}
	if info, err := r.store.Stat(r.Context(), key); err != nil || info.Size != int64(len(want)) || !info.Growing {
		r.Errorf("stat of %q: %+v, %v; want %d bytes", key, info, err, len(want))
	}
}

// pieces are of sizes around those in which engines read and check.
func pieces() []int {
	return []int{1, 1000, 32<<10 - 1001, 32 << 10, 32<<10 + 1, 100_000, 0, 3, 300_000}
}

func growing(r *rig) {
	a := r.begin("g/1.mp4")
	r.holds("g/1.mp4", nil)
	content := noise(1 << 20)
	size := 0
	for _, n := range pieces() {
		p := bytes.Clone(content[size : size+n])
		r.grow(a, p)
		clear(p) // the caller's again
		size += n
		r.holds("g/1.mp4", content[:size])
		for _, from := range []int{0, size / 2, max(0, size-10)} {
			got, err := r.store.ReadRange(r.Context(), "g/1.mp4", int64(from), 50_000)
			if want := content[from:min(size, from+50_000)]; err != nil || !bytes.Equal(got, want) {
				r.Errorf("of %d bytes, from %d on: %d, %v", size, from, len(got), err)
			}
		}
		for info, err := range r.store.List(r.Context(), "g/", "") {
			if err != nil || info.Key != "g/1.mp4" || info.Size != int64(size) {
				r.Errorf("listed: %+v, %v; it has %d bytes", info, err, size)
			}
		}
	}
	if a.Size() != int64(size) {
		r.Errorf("%d bytes were appended, not %d", a.Size(), size)
	}
	r.end(a)
}

func growingKeys(r *rig) {
	r.put("k/put.mp4", []byte("put"))
	a := r.begin("k/grows.mp4")
	r.grow(a, []byte("grows"))
	for _, key := range []string{"k/put.mp4", "k/grows.mp4"} {
		if _, err := r.store.Append(r.Context(), key, video); !errors.Is(err, blob.ErrExists) {
			r.Errorf("append to %q: %v, want ErrExists", key, err)
		}
	}
	if _, err := r.tryPut(r.store, "k/grows.mp4", []byte("grows"), blob.PutOptions{ContentType: video, Size: 5}); !errors.Is(err, blob.ErrExists) {
		r.Errorf("put where an object grows: %v, want ErrExists", err)
	}
	if _, err := r.store.Seal(r.Context(), "k/grows.mp4", blob.PutOptions{Size: 1}); !errors.Is(err, blob.ErrExists) {
		r.Errorf("seal of what an appender holds: %v, want ErrExists", err)
	}
	r.holds("k/grows.mp4", []byte("grows"))
	for key, contentType := range map[string]string{"bad": "", "a/b.c/d.x": "", "good.x": "none"} {
		if _, err := r.store.Append(r.Context(), key, contentType); fault.KindOf(err) != fault.Invalid {
			r.Errorf("append to %q as %q: %v, want fault.Invalid", key, contentType, err)
		}
	}
	r.delete("k/grows.mp4")
	r.absent("k/grows.mp4")
	if err := a.Append(r.Context(), []byte("more")); !errors.Is(err, blob.ErrNoObject) {
		r.Errorf("append to what was deleted: %v", err)
	}
	if _, err := a.Close(r.Context()); !errors.Is(err, blob.ErrNoObject) {
		r.Errorf("close of what was deleted: %v", err)
	}
	a.Leave()
	r.absent("k/grows.mp4")
}

func final(r *rig) {
	for i, sizes := range [][]int{{}, {1}, {32 << 10}, pieces()} {
		key := fmt.Sprintf("f/%d.mp4", i)
		a := r.begin(key)
		content := []byte{}
		for _, n := range sizes {
			r.grow(a, noise(n))
			content = append(content, noise(n)...)
		}
		info := r.end(a)
		if info.Key != key || info.Size != int64(len(content)) || info.ContentType != video || info.ModTime.IsZero() || info.Growing {
			r.Errorf("close gave %+v", info)
		}
		r.is(key, content)
		if _, err := r.tryPut(r.store, key, content, blob.PutOptions{Size: -1, ContentType: video}); err != nil {
			r.Errorf("the same put again: %v", err)
		}
		if _, err := r.tryPut(r.store, key, append(content, 1), blob.PutOptions{Size: -1, ContentType: video}); !errors.Is(err, blob.ErrExists) {
			r.Errorf("another put: %v, want ErrExists", err)
		}
		if got, err := r.store.Seal(r.Context(), key, blob.PutOptions{Size: 1}); err != nil || got.Size != info.Size {
			r.Errorf("seal of what is final: %+v, %v", got, err)
		}
	}
	r.close()
	r.open()
	r.is("f/3.mp4", slices.Concat(func() (all [][]byte) {
		for _, n := range pieces() {
			all = append(all, noise(n))
		}
		return all
	}()...))
}

// seal leaves objects growing: by Leave, and by a process that closes the storage under them.
func seal(r *rig) {
	content := noise(200_000)
	for _, key := range []string{"s/all.mp4", "s/some.mp4", "s/none.mp4", "s/gone.mp4"} {
		a := r.begin(key)
		r.grow(a, content[:90_000])
		r.grow(a, content[90_000:])
		a.Leave()
		r.holds(key, content)
	}
	r.close()
	r.open()
	r.holds("s/some.mp4", content)
	if _, err := r.store.Seal(r.Context(), "s/some.mp4", blob.PutOptions{Size: 200_001}); !errors.Is(err, blob.ErrShort) {
		r.Errorf("seal with more than there is: %v", err)
	}
	for key, n := range map[string]int64{"s/all.mp4": 200_000, "s/some.mp4": 90_000, "s/none.mp4": 0} {
		for range 2 { // again, as after an unknown outcome
			err := r.again(func() error {
				_, err := r.store.Seal(r.Context(), key, blob.PutOptions{Size: n, ContentType: video})
				return err
			})
			if err != nil {
				r.Fatalf("seal of %q: %v", key, err)
			}
		}
	}
	r.is("s/all.mp4", content)
	r.is("s/some.mp4", content[:90_000])
	r.absent("s/none.mp4")
	if _, err := r.store.Seal(r.Context(), "s/never.mp4", blob.PutOptions{Size: 1}); !errors.Is(err, blob.ErrNoObject) {
		r.Errorf("seal of nothing: %v, want ErrNoObject", err)
	}
	if err := r.again(func() error { _, err := r.store.DeletePrefix(r.Context(), "s/"); return err }); err != nil {
		r.Error(err)
	}
	r.absent("s/gone.mp4")
	if keys := r.keysOf("", "", 0); len(keys) != 0 {
		r.Errorf("left over: %q", keys)
	}
}

// growingFaults fails appends before, in the midst of and after their effect.
func growingFaults(r *rig) {
	flaky := byChance(r, rand.New(rand.NewPCG(9, 10)), 4, faultblob.Grow)
	for i := range 30 {
		key := fmt.Sprintf("gf/%d.mp4", i)
		a, err := flaky.Append(r.Context(), key, video)
		if err != nil {
			continue
		}
		var want []byte
		for n := range 40 {
			p := noise(n * 999)
			if a.Append(r.Context(), p) == nil {
				want = append(want, p...)
				r.holds(key, want)
			}
		}
		for n := 0; ; n++ {
			_, err := a.Close(r.Context())
			if err == nil {
				break
			}
			if !errors.Is(err, errDown) && !errors.Is(err, blob.ErrUnknown) || n == 1000 {
				r.Fatalf("close: %v", err)
			}
		}
		r.is(key, want)
	}
}

// growingCrash takes the power away while objects grow. What is final is whole; what is not may be anything,
// and is sealed with what there is or removed.
func growingCrash(r *rig) {
	c, ok := r.h.(Crasher)
	if !ok {
		return
	}
	for round := range 15 {
		rng := rand.New(rand.NewPCG(uint64(round), 6))
		closed, left := fmt.Sprintf("c/%d/closed.mp4", round), fmt.Sprintf("c/%d/left.mp4", round)
		content := noise(150_000)
		for _, key := range []string{closed, left} {
			a := r.begin(key)
			r.grow(a, content[:70_000])
			r.grow(a, content[70_000:])
			if key == closed {
				r.end(a)
			}
		}
		c.Crash(rng)
		_ = r.store.Close()
		r.open()
		r.is(closed, content)
		info, err := r.store.Stat(r.Context(), left)
		if errors.Is(err, blob.ErrNoObject) {
			continue
		}
		if err != nil {
			r.Fatal(err)
		}
		n := min(info.Size, 70_000)
		if _, err := r.store.Seal(r.Context(), left, blob.PutOptions{Size: n, ContentType: video}); err != nil {
			r.Errorf("seal of %d bytes: %v", n, err)
		}
		if got, err := r.store.Stat(r.Context(), left); n > 0 && (err != nil || got.Size != n) {
			r.Errorf("sealed with %d bytes: %+v, %v", n, got, err)
		}
	}
}

// growingFull lets the disk fill up at every point of an append, and of the Close.
func growingFull(r *rig) {
	f, ok := r.h.(Filler)
	if !ok {
		return
	}
	content := noise(150_000)
	for room := 0; room < len(content); room += 29_989 {
		key := fmt.Sprintf("gd/%d.mp4", room)
		a := r.begin(key)
		r.grow(a, content[:50_000])
		f.Fill(room)
		err := a.Append(r.Context(), content)
		if fault.CodeOf(err) != "storage_full" || fault.From(err).RetryAfter <= 0 {
			r.Errorf("with room for %d bytes: %v, want storage_full with advice", room, err)
		}
		r.holds(key, content[:50_000])
		if _, err := a.Close(r.Context()); fault.CodeOf(err) != "storage_full" {
			r.Errorf("close on a full disk: %v", err)
		}
		r.holds(key, content[:50_000])
		f.Fill(-1)
		r.grow(a, content[:10])
		r.end(a)
		r.is(key, append(content[:50_000:50_000], content[:10]...))
	}
}
