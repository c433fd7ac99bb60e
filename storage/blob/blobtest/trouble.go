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
	"github.com/barrage-live/barrage/storage/blob"
)

func failingSource(r *rig) {
	r.put("k", []byte("old"))
	broken := fault.New(fault.Exhausted, "too_big", "the upload is too big")
	for _, key := range []string{"k", "new/k"} {
		for _, err := range []error{broken, errors.New("connection lost")} {
			_, got := r.store.Put(r.Context(), key, io.MultiReader(bytes.NewReader(noise(1<<20)), iotest.ErrReader(err)))
			if !errors.Is(got, err) {
				r.Errorf("put %q: %v, want the source's error", key, got)
			}
		}
	}
	r.is("k", []byte("old"))
	r.absent("new/k")
	if keys := r.keysOf("", 10); len(keys) != 1 {
		r.Errorf("failed puts left %q", keys)
	}
}

func cancelled(r *rig) {
	r.put("k", []byte("old"))
	ctx, cancel := context.WithCancel(r.Context())
	_, err := r.store.Put(ctx, "k", readerFunc(func(p []byte) (int, error) { cancel(); return len(p), nil }))
	if !errors.Is(err, context.Canceled) {
		r.Errorf("a put cancelled while it ran: %v", err)
	}
	_, putErr := r.store.Put(ctx, "j", strings.NewReader("x"))
	_, openErr := r.store.Open(ctx, "k")
	_, statErr := r.store.Stat(ctx, "k")
	_, listErr := r.store.List(ctx, "", "", 1)
	for what, err := range map[string]error{"put": putErr, "open": openErr, "stat": statErr, "list": listErr, "delete": r.store.Delete(ctx, "k")} {
		if !errors.Is(err, context.Canceled) {
			r.Errorf("%s with a cancelled context: %v", what, err)
		}
	}
	r.is("k", []byte("old"))
	r.absent("j")
}

type readerFunc func(p []byte) (int, error)

// Read implements io.Reader.
func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// races lets writers, deleters and readers loose on few keys.
func races(r *rig) {
	const each = 40
	keys := []string{"d/x", "d/y", "d/e/z"}
	content := func(n int) []byte { return bytes.Repeat([]byte{byte(n)}, 300_000+n) }
	var wg sync.WaitGroup
	for w := range 3 {
		wg.Go(func() {
			for i := range each {
				if _, err := r.store.Put(r.Context(), keys[i%3], bytes.NewReader(content(w*each+i))); err != nil {
					r.Errorf("put: %v", err)
				}
			}
		})
		wg.Go(func() {
			for i := range each {
				if err := r.store.Delete(r.Context(), keys[(i+w)%3]); err != nil {
					r.Errorf("delete: %v", err)
				}
				if _, err := r.store.List(r.Context(), "d", "", 10); err != nil {
					r.Errorf("list: %v", err)
				}
			}
		})
		wg.Go(func() {
			for i := range 2 * each {
				o, err := r.store.Open(r.Context(), keys[i%3])
				if errors.Is(err, blob.ErrNoObject) {
					continue
				}
				if err != nil {
					r.Errorf("open: %v", err)
					return
				}
				got, err := io.ReadAll(o)
				if err != nil || len(got) == 0 || !bytes.Equal(got, content(len(got)-300_000)) {
					r.Errorf("a mixture of %d bytes, %v", len(got), err)
				}
				_ = o.Close()
			}
		})
	}
	wg.Wait()
}

func reopen(r *rig) {
	r.put("a/b", noise(100_000))
	r.put("gone", nil)
	if err := r.store.Delete(r.Context(), "gone"); err != nil {
		r.Error(err)
	}
	r.close()
	r.open()
	r.is("a/b", noise(100_000))
	r.absent("gone")
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
		var wg sync.WaitGroup
		acked := map[string][]byte{}
		stop, enough := make(chan struct{}), make(chan struct{}, 1000)
		for w := range 4 {
			wg.Go(func() {
				for i := 0; ; i++ {
					select {
					case <-stop:
						return
					default:
					}
					key := fmt.Sprintf("r%d/w%d/%d/o", round, w, i)
					content := noise(1 + (i*997)%9000)
					if _, err := r.store.Put(r.Context(), key, bytes.NewReader(content)); err != nil {
						r.Errorf("put: %v", err)
						return
					}
					if i%5 == 4 {
						if err := r.store.Delete(r.Context(), key); err != nil {
							r.Errorf("delete: %v", err)
						}
						content = nil
					}
					mu.Lock()
					acked[key] = content
					mu.Unlock()
					select {
					case enough <- struct{}{}:
					default:
					}
				}
			})
		}
		for range 5 + rng.IntN(20) {
			<-enough
		}
		mu.Lock()
		maps.Copy(expect, acked)
		mu.Unlock()
		c.Crash(rng)
		close(stop)
		wg.Wait()
		_ = r.store.Close()
		r.open()
		r.survived(expect)
	}
}

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
	for _, key := range r.keysOf("", 1000) {
		if _, ok := expect[key]; ok {
			continue
		}
		var round, w, i int
		if _, err := fmt.Sscanf(key, "r%d/w%d/%d/o", &round, &w, &i); err != nil {
			r.Errorf("the crash made up %q", key)
			continue
		}
		r.is(key, noise(1+(i*997)%9000)) // not acknowledged, but if it is there it is whole
	}
}
