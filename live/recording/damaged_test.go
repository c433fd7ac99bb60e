package recording_test

import (
	"log/slog"
	"testing"

	"github.com/barrage-live/barrage/internal/media/index"
	"github.com/barrage-live/barrage/live/recording"
	"github.com/barrage-live/barrage/live/recording/recordingtest"
	"github.com/barrage-live/barrage/storage/blob"
	"github.com/barrage-live/barrage/storage/blob/blobtest"
	"github.com/barrage-live/barrage/storage/table"
	"github.com/barrage-live/barrage/storage/table/faulttable"
	"github.com/barrage-live/barrage/storage/table/pebbletable/pebbletest"
)

// TestADamagedSegmentRowIsAMissingSegment: the rest is recovered, and served.
func TestADamagedSegmentRowIsAMissingSegment(t *testing.T) {
	d, err := pebbletest.NewMem().Open()
	if err != nil {
		t.Fatal(err)
	}
	tables := table.New(faulttable.Damage(d, func(_, _ string, key []byte) bool {
		return string(key) == "s\x00\x00\x00\x00\x00\x00\x00\x02"
	}))
	t.Cleanup(func() { _ = tables.Close() })
	s := recording.New(tables, blob.New(blobtest.NewBucket(0).Client()), slog.New(slog.DiscardHandler))
	w := recordingtest.Writer(s, ch, b1, start())
	keep(t, w, 0, 5)
	w.Die()
	if err := s.Recover(t.Context(), later(), b1); err != nil {
		t.Fatal(err)
	}
	r, err := s.Load(t.Context(), b1)
	if err != nil || r.Header.State != index.Ended || len(r.Segments) != 4 {
		t.Fatalf("recovered: %+v, %v", r, err)
	}
	if _, found := r.Segment(2); found {
		t.Error("the damaged segment is there")
	}
	for _, n := range []int{0, 1, 3, 4} {
		reads(t, body(n), func() (*recording.Media, error) { return s.Segment(t.Context(), ch, b1, uint64(n)) })
	}
}
