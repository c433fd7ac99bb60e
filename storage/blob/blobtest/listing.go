package blobtest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/barrage-live/barrage/storage/blob"
)

func listing(r *rig) {
	if keys := r.keysOf("", "", 0); len(keys) != 0 {
		r.Errorf("an empty store lists %q", keys)
	}
	all := keySet()
	for i := range all {
		r.put(all[(i*11)%len(all)], []byte("x"))
	}
	for _, prefix := range []string{"", "a", "a/", "a/b", "a/b/", "a-", "aa", "nothing", "a/b/c/d.x", "z", "a."} {
		var want []string
		for _, key := range all {
			if strings.HasPrefix(key, prefix) {
				want = append(want, key)
			}
		}
		for _, page := range []int{0, 1, 2, 3, 100} {
			var got []string
			after := ""
			for {
				keys := r.keysOf(prefix, after, page)
				if got = append(got, keys...); len(keys) == 0 || len(keys) != page {
					break
				}
				after = keys[len(keys)-1]
			}
			if !slices.Equal(got, want) {
				r.Errorf("prefix %q in pages of %d: %q, want %q", prefix, page, got, want)
			}
		}
	}
	for info, err := range r.store.List(r.Context(), "", "") {
		if err != nil || info.Size != 1 || info.ModTime.IsZero() {
			r.Errorf("listed %+v, %v", info, err)
		}
	}
}

// listBesideChanges lists again and again while every other object is put and deleted.
func listBesideChanges(r *rig) {
	var stay []string
	for i := range 60 {
		stay = append(stay, fmt.Sprintf("l/%02d/%02d.x", i/20, i))
		r.put(stay[i], nil)
	}
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			key := fmt.Sprintf("l/%02d/%02d-.x", i%5, i%50)
			if _, err := r.tryPut(r.store, key, nil, blob.PutOptions{}); err != nil {
				r.Errorf("put: %v", err)
			}
			if err := r.again(func() error { return r.store.Delete(r.Context(), key) }); err != nil {
				r.Errorf("delete: %v", err)
			}
		}
	})
	for range 50 {
		keys := r.keysOf("l/", "", 0)
		if !slices.IsSorted(keys) {
			r.Fatalf("listed out of order: %q", keys)
		}
		keys = slices.DeleteFunc(keys, func(k string) bool { return strings.HasSuffix(k, "-.x") })
		if !slices.Equal(keys, stay) {
			r.Fatalf("listed %q", keys)
		}
	}
	close(stop)
	wg.Wait()
}

func remove(r *rig) {
	for _, key := range keySet() {
		r.put(key, []byte("x"))
	}
	deletePrefix := func(prefix string) (n int) {
		r.Helper()
		err := r.again(func() (err error) {
			n, err = r.store.DeletePrefix(r.Context(), prefix)
			return err
		})
		if err != nil {
			r.Fatalf("delete of prefix %q: %v", prefix, err)
		}
		return n
	}
	if n := deletePrefix("a/b"); n > 5 {
		r.Errorf("delete of a prefix removed %d of 5", n)
	}
	want := slices.DeleteFunc(keySet(), func(k string) bool { return strings.HasPrefix(k, "a/b") })
	if got := r.keysOf("", "", 0); !slices.Equal(got, want) {
		r.Errorf("left over: %q, want %q", got, want)
	}
	if n := deletePrefix("a/b"); n != 0 {
		r.Errorf("again: %d", n)
	}
	for range 2 {
		r.delete("a.b")
	}
	r.absent("a.b")
	r.is("aa.x", []byte("x"))
}

// removeMany removes more than one bulk call takes, out of several folders.
func removeMany(r *rig) {
	const total, writers = 1100, 10
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := w; i < total; i += writers {
				if _, err := r.tryPut(r.store, fmt.Sprintf("many/%d/%d.x", i%3, i), nil, blob.PutOptions{}); err != nil {
					r.Errorf("put: %v", err)
				}
			}
		})
	}
	wg.Wait()
	r.put("many.x", nil)
	r.put("manyfold/1.x", nil)
	removed := 0
	err := r.again(func() error {
		n, err := r.store.DeletePrefix(r.Context(), "many/")
		removed += n
		if errors.Is(err, blob.ErrUnknown) {
			removed = total // of some it is not known who removed them
		}
		return err
	})
	if err != nil || removed < total {
		r.Errorf("removed %d, %v; want %d", removed, err, total)
	}
	if got := r.keysOf("", "", 0); !slices.Equal(got, []string{"many.x", "manyfold/1.x"}) {
		r.Errorf("%d are left: %.100q", len(got), got)
	}
}
