package blobtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"strings"
	"sync"
	"testing/iotest"

	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/promisetest"
	"github.com/barrage-live/barrage/storage/blob"
)

func failingSource(r *rig) {
	r.put("k.x", []byte("old"))
	broken := fault.New(fault.Exhausted, "too_big", "the upload is too big")
	for _, key := range []string{"k.x", "new/k.x"} {
		for _, err := range []error{broken, errors.New("connection lost")} {
			_, got := r.store.Put(r.Context(), key, io.MultiReader(bytes.NewReader(noise(1<<20)), iotest.ErrReader(err)), blob.PutOptions{Size: -1})
			if !errors.Is(got, err) || fault.KindOf(got) == fault.Internal {
				r.Errorf("put %q: %v, want the source's error as a refusal", key, got)
			}
		}
		for _, size := range []int64{0, 1<<20 - 1, 1<<20 + 1} {
			_, err := r.store.Put(r.Context(), key, bytes.NewReader(noise(1<<20)), blob.PutOptions{Size: size})
			if fault.CodeOf(err) != "size_mismatch" {
				r.Errorf("put of 1 MiB announced as %d: %v", size, err)
			}
		}
	}
	r.is("k.x", []byte("old"))
	r.absent("new/k.x")
	if keys := r.keysOf("", "", 0); len(keys) != 1 {
		r.Errorf("failed puts left %q", keys)
	}
}

func cancelled(r *rig) {
	r.put("k.x", []byte("old"))
	ctx, cancel := context.WithCancel(r.Context())
	_, err := r.store.Put(ctx, "j.x", readerFunc(func(p []byte) (int, error) { cancel(); return len(p), nil }), blob.PutOptions{Size: -1})
	if !errors.Is(err, context.Canceled) {
		r.Errorf("a put cancelled while it ran: %v", err)
	}
	_, putErr := r.store.Put(ctx, "j.x", strings.NewReader("x"), blob.PutOptions{Size: 1})
	_, openErr := r.store.Open(ctx, "k.x")
	_, statErr := r.store.Stat(ctx, "k.x")
	var listErr error
	for _, listErr = range r.store.List(ctx, "", "") {
	}
	for what, err := range map[string]error{"put": putErr, "open": openErr, "stat": statErr, "list": listErr, "delete": r.store.Delete(ctx, "k.x")} {
		if !errors.Is(err, context.Canceled) {
			r.Errorf("%s with a cancelled context: %v", what, err)
		}
	}
	r.is("k.x", []byte("old"))
	r.absent("j.x")
}

type readerFunc func(p []byte) (int, error)

// Read implements io.Reader.
func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// races lets writers, deleters and readers loose on few keys.
func races(r *rig) {
	const each = 40
	keys := []string{"d/x.x", "d/y.x", "d/e/z.x"}
	content := func(n int) []byte { return bytes.Repeat([]byte{byte(n)}, 300_000+n) }
	var wg sync.WaitGroup
	for w := range 3 {
		wg.Go(func() {
			for i := range each {
				if _, err := r.tryPut(r.store, keys[i%3], content(w*each+i), blob.PutOptions{Size: -1}); err != nil && !errors.Is(err, blob.ErrExists) {
					r.Errorf("put: %v", err)
				}
			}
		})
		wg.Go(func() {
			for i := range each {
				if err := r.again(func() error { return r.store.Delete(r.Context(), keys[(i+w)%3]) }); err != nil {
					r.Errorf("delete: %v", err)
				}
				for _, err := range r.store.List(r.Context(), "d", "") {
					if err != nil {
						r.Errorf("list: %v", err)
					}
				}
			}
		})
		wg.Go(func() {
			for i := range 2 * each {
				got, err := r.readAll(keys[i%3])
				switch {
				case errors.Is(err, blob.ErrNoObject): // or it was deleted while it was read
				case err != nil || len(got) == 0 || !bytes.Equal(got, content(len(got)-300_000)):
					r.Errorf("a mixture of %d bytes, %v", len(got), err)
				}
			}
		})
	}
	wg.Wait()
}

func (r *rig) readAll(key string) ([]byte, error) {
	o, err := r.store.Open(r.Context(), key)
	if err != nil {
		return nil, err
	}
	defer func() { _ = o.Close() }()
	return io.ReadAll(o)
}

// deleteWhileOpen deletes an object, and puts another under its key, while it is being read.
func deleteWhileOpen(r *rig) {
	old := noise(1 << 20)
	r.put("k.x", old)
	o, err := r.store.Open(r.Context(), "k.x")
	if err != nil {
		r.Fatal(err)
	}
	head := make([]byte, 1000)
	if _, err := io.ReadFull(o, head); err != nil || !bytes.Equal(head, old[:1000]) {
		r.Errorf("the head: %v", err)
	}
	r.delete("k.x")
	r.put("k.x", noise(1<<20+1))
	rest, err := io.ReadAll(o)
	if !bytes.Equal(rest, old[1000:1000+len(rest)]) || err == nil && len(rest) != len(old)-1000 {
		r.Errorf("the open object gave %d more bytes, and not all are its own: %v", len(rest), err)
	}
	if err := o.Close(); err != nil {
		r.Error(err)
	}
}

func reopen(r *rig) {
	r.put("a/b.x", noise(100_000))
	r.put("gone.x", nil)
	r.delete("gone.x")
	r.close()
	r.open()
	r.is("a/b.x", noise(100_000))
	r.absent("gone.x")
}

// crash takes the power while objects are put and deleted, again and again.
func crash(r *rig) {
	c, ok := r.h.(Crasher)
	if !ok {
		return
	}
	expect := map[string][]byte{} // acknowledged; nil is deleted
	for round := range 15 {
		rng := rand.New(rand.NewPCG(uint64(round), 5))
		var mu sync.Mutex
		acked := map[string][]byte{}
		promisetest.Storm(4, 5+rng.IntN(20), func(w, i int) bool {
			key := fmt.Sprintf("r%d/w%d/%d/o.x", round, w, i)
			content := stormContent(i)
			if _, err := r.tryPut(r.store, key, content, blob.PutOptions{Size: -1}); err != nil {
				r.Errorf("put: %v", err)
				return false
			}
			if i%5 == 2 { // again, as after an unknown outcome: what is there already must not suffer
				if _, err := r.tryPut(r.store, key, content, blob.PutOptions{Size: -1}); err != nil {
					r.Errorf("the same put: %v", err)
				}
			}
			if i%5 == 4 {
				if err := r.again(func() error { return r.store.Delete(r.Context(), key) }); err != nil {
					r.Errorf("delete: %v", err)
				}
				content = nil
			}
			mu.Lock()
			acked[key] = content
			mu.Unlock()
			return true
		}, func() {
			mu.Lock()
			maps.Copy(expect, acked)
			mu.Unlock()
			c.Crash(rng)
		})
		_ = r.store.Close()
		r.open()
		r.survived(expect)
	}
}

// stormContent is what the i-th object of a worker holds.
func stormContent(i int) []byte { return noise(1 + (i*997)%90_000) }

// survived checks what is there after a crash.
func (r *rig) survived(expect map[string][]byte) {
	r.Helper()
	for key, content := range expect {
		if content == nil {
			r.absent(key)
		} else {
			r.is(key, content)
		}
	}
	for _, key := range r.keysOf("", "", 0) {
		if _, ok := expect[key]; ok {
			continue
		}
		var round, w, i int
		if _, err := fmt.Sscanf(key, "r%d/w%d/%d/o.x", &round, &w, &i); err != nil {
			r.Errorf("the crash made up %q", key)
			continue
		}
		r.is(key, stormContent(i)) // not acknowledged, but if it is there it is whole
	}
}
