package pebbletable

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/barrage-live/barrage/storage/table"
)

// TestADamagedRowIsLeftOutForWhoAsksForThat, and for nobody else; it is counted each time, and logged once.
func TestADamagedRowIsLeftOutForWhoAsksForThat(t *testing.T) {
	var log bytes.Buffer
	m := NewMetrics(prometheus.NewRegistry())
	d, err := Open(Config{Dir: "/t", FS: vfs.NewMem(), Log: slog.New(slog.NewTextHandler(&log, nil)), Metrics: m})
	if err != nil {
		t.Fatal(err)
	}
	s := table.New(d)
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	rows := table.Plain("t")
	for _, k := range []string{"a", "b", "c", "d"} {
		if _, err := s.Write(t.Context(), table.Batch{Table: rows, Partition: "p", Ops: []table.Op{table.Put([]byte(k), nil)}}); err != nil {
			t.Fatal(err)
		}
	}
	if err := d.db.Set(rowKey("t", "p", []byte("b")), []byte("damage"), pebble.Sync); err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.Scan(t.Context(), table.Range{Table: rows, Partition: "p"}); !errors.Is(err, table.ErrCorrupt) {
		t.Errorf("got %v", err)
	}
	for _, reverse := range []bool{false, true} {
		for _, limit := range []int{1, 2, 100} {
			got, damaged := "", ""
			r := table.Range{Table: rows, Partition: "p", Reverse: reverse, Limit: limit, Damaged: func(key []byte) { damaged += string(key) }}
			for page, err := range s.Pages(t.Context(), r) {
				if err != nil {
					t.Fatal(err)
				}
				for _, row := range page {
					got += string(row.Key)
				}
			}
			want := "acd"
			if reverse {
				want = "dca"
			}
			if got != want || damaged != "b" {
				t.Errorf("limit %d, reverse %v: %q, and %q is damaged", limit, reverse, got, damaged)
			}
		}
	}
	if n := testutil.ToFloat64(m.corrupt); n != 7 {
		t.Errorf("%v damages are counted", n)
	}
	if n := strings.Count(log.String(), "is damaged"); n != 1 {
		t.Errorf("it is logged %d times:\n%s", n, log.String())
	}
}
