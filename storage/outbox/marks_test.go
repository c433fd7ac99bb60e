package outbox_test

import (
	"bytes"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/barrage-live/barrage/internal/position"
	"github.com/barrage-live/barrage/storage/outbox"
	"github.com/barrage-live/barrage/storage/table"
	"github.com/barrage-live/barrage/storage/table/faulttable"
	"github.com/barrage-live/barrage/storage/table/pebbletable/pebbletest"
)

// TestMoreMarksThanAPage: however many are marked in one shard, all of them are woken.
func TestMoreMarksThanAPage(t *testing.T) {
	const owners, writers = 3000, 50 // whose keys are more than a page has bytes
	m := outbox.Marks{Tables: pebbletest.Open(t)}
	key := func(n int) string { return fmt.Sprintf("%06d%s", n, strings.Repeat("x", 400)) }
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for n := w; n < owners; n += writers {
				place := outbox.Place{Fence: position.Fence{Epoch: 1, Activation: 1}, N: 1}
				if err := m.Put(t.Context(), 7, outbox.Owner{Kind: "k", Key: key(n)}, place); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	got, err := everyone(t, m)
	if err != nil || len(got) != owners {
		t.Fatalf("%d of %d are named, %v", len(got), owners, err)
	}
	for n, o := range got {
		if o.Key != key(n) {
			t.Fatalf("owner %d is %.20s", n, o.Key)
		}
	}
}

// TestADamagedMarkIsNamed: who is marked is in its key.
func TestADamagedMarkIsNamed(t *testing.T) {
	d, err := pebbletest.NewMem().Open()
	if err != nil {
		t.Fatal(err)
	}
	tables := table.New(faulttable.Damage(d, func(_, _ string, key []byte) bool { return bytes.Contains(key, []byte("ann")) }))
	t.Cleanup(func() {
		if err := tables.Close(); err != nil {
			t.Error(err)
		}
	})
	m := outbox.Marks{Tables: tables}
	for _, key := range []string{"ann", "bea"} {
		if err := m.Put(t.Context(), 7, outbox.Owner{Kind: "k", Key: key}, outbox.Place{N: 1}); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := everyone(t, m); err != nil || len(got) != 2 {
		t.Errorf("%v are named, %v", got, err)
	}
}
