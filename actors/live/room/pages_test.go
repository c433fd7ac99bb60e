package room

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"github.com/barrage-live/barrage/internal/position"
	"github.com/barrage-live/barrage/storage/table"
)

// TestPagesOfTheLogAreBoundedInBytes reads the longest danmaku there are from the log: a page holds as many
// as fit, and says that there are more.
func TestPagesOfTheLogAreBoundedInBytes(t *testing.T) {
	const first, n = 1000, 200
	rows := make([]Danmaku, n)
	for i := range rows {
		rows[i] = Danmaku{Position: pos(first + uint64(i)), Key: "k", User: "2", Name: "N", Text: strings.Repeat("弹", MaxLength)}
	}
	weight := func(rows []Danmaku) (all int) {
		for i := range rows {
			all += rows[i].Weight()
		}
		return all
	}
	fits := func(what string, got []Danmaku) {
		t.Helper()
		if len(got) == 0 || weight(got) > MaxBatchBytes || weight(got)+rows[0].Weight() <= MaxBatchBytes {
			t.Errorf("%s has %d rows of %d bytes, %d may be", what, len(got), weight(got), MaxBatchBytes)
		}
	}
	p := lastPage(rows, false)
	if fits("a page of history", p.Danmaku); !p.More || p.Danmaku[len(p.Danmaku)-1].Position != rows[n-1].Position {
		t.Errorf("a page of history ends at %v, more: %v", p.Danmaku[len(p.Danmaku)-1].Position, p.More)
	}
	since, head := pos(first), pos(first+n+50)
	r := judged(query{since: since, to: first + n - 1, limit: n, head: head}, rows, false)
	if fits("a recovery", r.Danmaku); !r.Recovered || !r.More || r.Danmaku[0].Position != rows[1].Position || r.To != r.Danmaku[len(r.Danmaku)-1].Position {
		t.Errorf("a recovery from %v goes from %v to %v, more: %v", since, r.Danmaku[0].Position, r.To, r.More)
	}
	m := ring{maxCount: n, maxBytes: 1 << 30}
	for i := range rows {
		m.push(&rows[i], rows[i].Weight())
	}
	fits("a recovery from memory", m.page(first, first+n-1))
	newest, whole := m.upTo(first+n-1, n)
	if fits("a page from memory", newest); !whole {
		t.Error("a full page from memory is taken for a part of one")
	}
	// One that is larger than a page is a page.
	large := []Danmaku{{Position: pos(1), Text: strings.Repeat("x", MaxBatchBytes+1)}}
	if p := lastPage(large, false); len(p.Danmaku) != 1 || p.More {
		t.Errorf("one large row: %d, %v", len(p.Danmaku), p.More)
	}
	if r := judged(query{to: 1, head: position.Position{Epoch: 1, Offset: 1}}, large, false); len(r.Danmaku) != 1 {
		t.Errorf("a recovery of one large row: %d", len(r.Danmaku))
	}
}

// lastBatch is a store that keeps the last batch.
type lastBatch struct {
	Store
	last table.Batch
}

// Write implements Store.
func (s *lastBatch) Write(_ context.Context, b table.Batch) (table.Version, error) {
	s.last = b
	return 1, nil
}

// TestAnAppendAscends: the keys of an append ascend, so that the table need not look for repeated ones in a
// set of them all.
func TestAnAppendAscends(t *testing.T) {
	s := &lastBatch{}
	r := rows{store: s, room: "7", fence: position.Fence{Epoch: 1, Activation: 1}}
	entries := make([]entry, 300)
	for i := range entries {
		entries[i].Danmaku = Danmaku{Position: pos(200 + uint64(i)), Key: "k", User: "2", Name: "N", Text: "x"}
	}
	if err := r.append(t.Context(), entries); err != nil {
		t.Fatal(err)
	}
	if n := len(s.last.Ops); n != len(entries)+1 {
		t.Fatalf("%d rows", n)
	}
	for i := range s.last.Ops[1:] {
		if bytes.Compare(s.last.Ops[i].Key, s.last.Ops[i+1].Key) >= 0 {
			t.Fatalf("row %d: %x is followed by %x", i, s.last.Ops[i].Key, s.last.Ops[i+1].Key)
		}
	}
}
