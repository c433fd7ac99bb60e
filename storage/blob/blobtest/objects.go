package blobtest

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/storage/blob"
)

// put stores an object and must succeed.
func (r *rig) put(key string, content []byte) {
	r.Helper()
	info, err := r.store.Put(r.Context(), key, bytes.NewReader(content))
	if err != nil {
		r.Fatalf("put %q: %v", key, err)
	}
	if info.Key != key || info.Size != int64(len(content)) || len(content) > 0 && info.ModTime.IsZero() {
		r.Errorf("put %q gave %+v for %d bytes", key, info, len(content))
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

// noise is n bytes that look like nothing.
func noise(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{byte(n)}).Read(b)
	return b
}

func roundTrip(r *rig) {
	r.absent("a/b")
	for key, n := range map[string]int{"empty": 0, "one": 1, "a/b": 1000, "a/big.m4s": 5<<20 + 3, "pieces": 256 << 10} {
		r.put(key, noise(n))
		r.is(key, noise(n))
	}
}

func replace(r *rig) {
	r.put("k", []byte("old and long"))
	old, err := r.store.Open(r.Context(), "k")
	if err != nil {
		r.Fatal(err)
	}
	r.put("k", []byte("new"))
	r.is("k", []byte("new"))
	if err := r.store.Delete(r.Context(), "k"); err != nil {
		r.Error(err)
	}
	if got, err := io.ReadAll(old); err != nil || string(got) != "old and long" {
		r.Errorf("the open object changed to %q, %v", got, err)
	}
	if err := old.Close(); err != nil {
		r.Error(err)
	}
}

func badKeys(r *rig) {
	for _, key := range []string{
		"", "/", "/a", "a/", "a//b", ".", "..", "a/../b", "../a", ".hidden", "a/.b", "A", "a b", "ä", "a+b", "a\x00b", "a\\b", "a:b",
		strings.Repeat("a", blob.MaxComponent+1), strings.Repeat("a/", blob.MaxKey/2) + "aa",
	} {
		_, putErr := r.store.Put(r.Context(), key, strings.NewReader("x"))
		_, openErr := r.store.Open(r.Context(), key)
		_, statErr := r.store.Stat(r.Context(), key)
		for what, err := range map[string]error{"put": putErr, "open": openErr, "stat": statErr, "delete": r.store.Delete(r.Context(), key)} {
			if err == nil || fault.KindOf(err) != fault.Invalid {
				r.Errorf("%s of %q: %v, want fault.Invalid", what, key, err)
			}
		}
	}
	if _, err := r.store.DeletePrefix(r.Context(), ""); err == nil || fault.KindOf(err) != fault.Invalid {
		r.Errorf("delete of everything: %v", err)
	}
	for _, bad := range []struct {
		prefix, after string
		limit         int
	}{{"A", "", 1}, {"", "B", 1}, {"", "", -1}, {"", "", blob.MaxLimit + 1}} {
		if _, err := r.store.List(r.Context(), bad.prefix, bad.after, bad.limit); err == nil || fault.KindOf(err) != fault.Invalid {
			r.Errorf("list %+v: %v, want fault.Invalid", bad, err)
		}
	}
	if _, err := r.store.ReadRange(r.Context(), "a", -1, 1); err == nil || fault.KindOf(err) != fault.Invalid {
		r.Errorf("negative range: %v", err)
	}
}

// keySet is valid keys in bytewise order, chosen so that every neighbour pair is a trap.
func keySet() []string {
	keys := []string{
		"-", "0", "a", "a-", "a-b", "a.b", "a..b", "a/-", "a/0", "a/b", "a/b/c", "a/b/c/d", "a/b-", "a/ba", "a/c", "a0", "a_", "aa", "aa/a", "ab",
		"b/a", "tmp/1", "lock", "objects/a", strings.Repeat("z", blob.MaxComponent), strings.Repeat("y/", blob.MaxKey/2-1) + "y",
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
		if err := r.store.Delete(r.Context(), key); err != nil {
			r.Errorf("delete %q: %v", key, err)
		}
		r.absent(key)
		for _, other := range keySet()[i+1:] {
			r.is(other, []byte("content of "+other))
		}
	}
}

func ranges(r *rig) {
	content := noise(1000)
	r.put("k", content)
	for _, c := range []struct{ offset, n, want int64 }{{0, 1000, 1000}, {0, 0, 0}, {1, 10, 10}, {999, 1, 1}, {990, 100, 10}, {1000, 1, 0}, {5000, 1, 0}, {0, 1 << 20, 1000}} {
		got, err := r.store.ReadRange(r.Context(), "k", c.offset, c.n)
		from := min(c.offset, 1000)
		if err != nil || !bytes.Equal(got, content[from:from+c.want]) {
			r.Errorf("%d bytes from %d: %d bytes, %v", c.n, c.offset, len(got), err)
		}
	}
	o, err := r.store.Open(r.Context(), "k")
	if err != nil {
		r.Fatal(err)
	}
	for _, at := range []int64{500, 0, 999} {
		if _, err := o.Seek(at, io.SeekStart); err != nil {
			r.Error(err)
		}
		if got, err := io.ReadAll(o); err != nil || !bytes.Equal(got, content[at:]) {
			r.Errorf("after seeking to %d: %d bytes, %v", at, len(got), err)
		}
	}
	if end, err := o.Seek(0, io.SeekEnd); err != nil || end != 1000 {
		r.Errorf("the end is at %d, %v", end, err)
	}
	if err := o.Close(); err != nil {
		r.Error(err)
	}
}

// keysOf lists a prefix in pages.
func (r *rig) keysOf(prefix string, limit int) (keys []string) {
	r.Helper()
	after := ""
	for {
		page, err := r.store.List(r.Context(), prefix, after, limit)
		if err != nil {
			r.Fatalf("list %q after %q: %v", prefix, after, err)
		}
		for _, info := range page {
			keys = append(keys, info.Key)
			after = info.Key
		}
		if len(page) < limit {
			return keys
		}
	}
}

func list(r *rig) {
	if keys := r.keysOf("", 10); len(keys) != 0 {
		r.Errorf("an empty store lists %q", keys)
	}
	all := keySet()
	for i := range all {
		r.put(all[(i*7)%len(all)], []byte("x"))
	}
	for _, prefix := range []string{"", "a", "a/", "a/b", "a/b/", "a-", "aa", "nothing", "a/b/c/d", "z"} {
		var want []string
		for _, key := range all {
			if strings.HasPrefix(key, prefix) {
				want = append(want, key)
			}
		}
		for _, limit := range []int{1, 2, 3, 100} {
			if got := r.keysOf(prefix, limit); !slices.Equal(got, want) {
				r.Errorf("prefix %q in pages of %d: %q, want %q", prefix, limit, got, want)
			}
		}
	}
	if page, err := r.store.List(r.Context(), "", "", 0); err != nil || len(page) != len(all) || page[0].Size != 1 || page[0].ModTime.IsZero() {
		r.Errorf("a list without limit: %d objects, %v", len(page), err)
	}
}

func remove(r *rig) {
	for _, key := range keySet() {
		r.put(key, []byte("x"))
	}
	if n, err := r.store.DeletePrefix(r.Context(), "a/b"); err != nil || n != 5 {
		r.Errorf("delete of a prefix removed %d, %v; want 5", n, err)
	}
	want := slices.DeleteFunc(keySet(), func(k string) bool { return strings.HasPrefix(k, "a/b") })
	if got := r.keysOf("", 1000); !slices.Equal(got, want) {
		r.Errorf("left over: %q, want %q", got, want)
	}
	if n, err := r.store.DeletePrefix(r.Context(), "a/b"); err != nil || n != 0 {
		r.Errorf("again: %d, %v", n, err)
	}
	for range 2 {
		if err := r.store.Delete(r.Context(), "a"); err != nil {
			r.Error(err)
		}
	}
	r.absent("a")
	r.is("aa", []byte("x"))
}
