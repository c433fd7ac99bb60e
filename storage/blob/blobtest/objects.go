package blobtest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/storage/blob"
)

func roundTrip(r *rig) {
	r.absent("a/b.m4s")
	for key, n := range map[string]int{"empty.bin": 0, "one.bin": 1, "a/b.m4s": 1000, "a/big.m4s": 5<<20 + 3, "pieces.bin": 256 << 10} {
		r.put(key, noise(n))
		r.is(key, noise(n))
	}
	const contentType = `video/mp4; codecs="avc1.64001f"`
	info, err := r.tryPut(r.store, "typed.mp4", noise(70_000), blob.PutOptions{Size: -1, ContentType: contentType})
	if err != nil || info.ContentType != contentType || info.Size != 70_000 {
		r.Errorf("put gave %+v, %v", info, err)
	}
	r.is("typed.mp4", noise(70_000))
	if info, err := r.store.Stat(r.Context(), "typed.mp4"); err != nil || info.ContentType != contentType {
		r.Errorf("stat gave %+v, %v", info, err)
	}
}

func writtenOnce(r *rig) {
	old, longer := noise(100_000), noise(100_001)
	r.put("k.bin", old)
	for range 3 {
		r.put("k.bin", old)
	}
	other := bytes.Clone(old)
	other[99_999] ^= 1
	for what, c := range map[string]struct {
		content     []byte
		contentType string
	}{"other bytes": {other, ""}, "more": {longer, ""}, "less": {old[:99_999], ""}, "nothing": {nil, ""}, "another type": {old, "video/mp4"}} {
		_, err := r.tryPut(r.store, "k.bin", c.content, blob.PutOptions{Size: -1, ContentType: c.contentType})
		if !errors.Is(err, blob.ErrExists) {
			r.Errorf("a put of %s under the key: %v, want ErrExists", what, err)
		}
		r.is("k.bin", old)
	}
	r.delete("k.bin")
	r.put("k.bin", longer)
	r.is("k.bin", longer)
}

// oneWinner races Puts of different content, of several clients where there can be some.
func oneWinner(r *rig) {
	stores := []*blob.Store{r.store}
	if _, ok := r.h.(Sharer); ok {
		d, err := r.h.Open()
		if err != nil {
			r.Fatal(err)
		}
		stores = append(stores, blob.New(d))
		defer func() { _ = stores[1].Close() }()
	}
	for round := range 20 {
		key := fmt.Sprintf("race/%d.bin", round)
		var won atomic.Int64
		var wg sync.WaitGroup
		for w := range 6 {
			wg.Go(func() {
				content := bytes.Repeat([]byte{byte(w)}, 50_000)
				switch _, err := r.tryPut(stores[w%len(stores)], key, content, blob.PutOptions{Size: 50_000}); {
				case err == nil:
					won.Add(1)
					r.is(key, content)
				case !errors.Is(err, blob.ErrExists):
					r.Errorf("put: %v", err)
				}
			})
		}
		wg.Wait()
		if won.Load() != 1 {
			r.Errorf("%d of the racing puts succeeded", won.Load())
		}
	}
}

func badKeys(r *rig) {
	for _, key := range []string{
		"", "/", "/a.b", "a.b/", "a//b.c", ".", "..", "a/../b.c", "../a.b", ".hidden", "a/.b", "A.b", "a b.c", "ä.b", "a+b.c", "a\x00b.c", "a\\b.c", "a:b.c",
		"a", "a/b", "a.b/c.d", "a/b.c/d", // so that a folder is never a key
		strings.Repeat("a", blob.MaxComponent-1) + ".b", strings.Repeat("a", blob.MaxComponent+1) + "/a.b", strings.Repeat("a/", blob.MaxKey/2) + "a.b",
	} {
		_, putErr := r.store.Put(r.Context(), key, strings.NewReader("x"), blob.PutOptions{Size: 1})
		_, openErr := r.store.Open(r.Context(), key)
		_, statErr := r.store.Stat(r.Context(), key)
		for what, err := range map[string]error{"put": putErr, "open": openErr, "stat": statErr, "delete": r.store.Delete(r.Context(), key)} {
			if err == nil || fault.KindOf(err) != fault.Invalid {
				r.Errorf("%s of %q: %v, want fault.Invalid", what, key, err)
			}
		}
	}
	for _, contentType := range []string{"video", "video/mp4\r\nX-Evil: 1", "video/ mp4", "vidéo/mp4", "a/" + strings.Repeat("b", blob.MaxContentType)} {
		_, err := r.store.Put(r.Context(), "a.b", strings.NewReader("x"), blob.PutOptions{Size: 1, ContentType: contentType})
		if err == nil || fault.KindOf(err) != fault.Invalid {
			r.Errorf("content type %q: %v, want fault.Invalid", contentType, err)
		}
	}
	if _, err := r.store.DeletePrefix(r.Context(), ""); err == nil || fault.KindOf(err) != fault.Invalid {
		r.Errorf("delete of everything: %v", err)
	}
	for _, bad := range []struct{ prefix, after string }{{"A", ""}, {"", "B"}, {strings.Repeat("a", blob.MaxKey+1), ""}} {
		n := 0
		for _, err := range r.store.List(r.Context(), bad.prefix, bad.after) {
			if n++; err == nil || fault.KindOf(err) != fault.Invalid {
				r.Errorf("list %+v: %v, want fault.Invalid", bad, err)
			}
		}
		if n != 1 {
			r.Errorf("list %+v gave %d times", bad, n)
		}
	}
	if _, err := r.store.ReadRange(r.Context(), "a.b", -1, 1); err == nil || fault.KindOf(err) != fault.Invalid {
		r.Errorf("negative range: %v", err)
	}
}

// keySet is valid keys in bytewise order, chosen so that every neighbour pair is a trap.
func keySet() []string {
	keys := []string{
		"-.x", "0.x", "a-.x", "a-b.x", "a..b", "a.b", "a/-.x", "a/0.x", "a/b-.x", "a/b.x", "a/b/c.x", "a/b/c/d.x", "a/ba.x", "a/c.x", "a-/b.x",
		"a0.x", "a0/b.x", "a_.x", "aa.x", "aa/a.x", "b/a.x", "tmp/1.x", "lock.x", "objects/a.x", "a.", "z.b.c",
		strings.Repeat("z", blob.MaxComponent-2) + ".x", strings.Repeat("y/", blob.MaxKey/2-2) + "y.x",
	}
	slices.Sort(keys)
	return keys
}

func oddKeys(r *rig) {
	for _, key := range keySet() {
		r.put(key, []byte("content of "+key))
	}
	for _, key := range keySet() {
		r.is(key, []byte("content of "+key))
	}
	for i, key := range keySet() {
		r.delete(key)
		r.absent(key)
		for _, other := range keySet()[i+1:] {
			r.is(other, []byte("content of "+other))
		}
	}
}

// ranges asks at the bounds of what an engine might read at a time.
func ranges(r *rig) {
	const size = 200_001
	content := noise(size)
	r.put("k.bin", content)
	o, err := r.store.Open(r.Context(), "k.bin")
	if err != nil {
		r.Fatal(err)
	}
	at := []int64{0, 1, 4096, 32<<10 - 1, 32 << 10, 32<<10 + 1, 64 << 10, 100_000, 6 * 32 << 10, size - 1, size, size + 1, 5 * size}
	for _, from := range at {
		for _, n := range []int64{0, 1, 10, 32 << 10, 32<<10 + 1, 64 << 10, 100_000, size, 1 << 20} {
			want := content[min(from, size):min(from+n, size)]
			if got, err := r.store.ReadRange(r.Context(), "k.bin", from, n); err != nil || !bytes.Equal(got, want) {
				r.Errorf("%d bytes from %d: %d bytes, %v", n, from, len(got), err)
			}
			if _, err := o.Seek(from, io.SeekStart); err != nil {
				r.Errorf("seek: %v", err)
			}
			got := make([]byte, n)
			m, err := io.ReadFull(o, got)
			if m != len(want) || !bytes.Equal(got[:m], want) || (err == nil) != (int64(m) == n) {
				r.Errorf("%d bytes after seeking to %d: %d bytes, %v", n, from, m, err)
			}
		}
	}
	if end, err := o.Seek(-10, io.SeekEnd); err != nil || end != size-10 {
		r.Errorf("ten before the end is at %d, %v", end, err)
	}
	if at, err := o.Seek(-10, io.SeekCurrent); err != nil || at != size-20 {
		r.Errorf("and ten more at %d, %v", at, err)
	}
	if got, err := io.ReadAll(o); err != nil || !bytes.Equal(got, content[size-20:]) {
		r.Errorf("the rest: %d bytes, %v", len(got), err)
	}
	if _, err := o.Seek(-1, io.SeekStart); err == nil {
		r.Error("a seek to before the beginning succeeded")
	}
	if err := o.Close(); err != nil {
		r.Error(err)
	}
}
