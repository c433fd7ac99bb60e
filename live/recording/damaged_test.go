package recording_test

import (
	"encoding/binary"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/barrage-live/barrage/internal/media/index"
	"github.com/barrage-live/barrage/live/recording"
	"github.com/barrage-live/barrage/live/recording/recordingtest"
	"github.com/barrage-live/barrage/storage/blob"
	"github.com/barrage-live/barrage/storage/blob/blobtest"
	"github.com/barrage-live/barrage/storage/table"
	"github.com/barrage-live/barrage/storage/table/faulttable"
	"github.com/barrage-live/barrage/storage/table/pebbletable/pebbletest"
)

// damagedStore is a store of which one row is damaged.
func damagedStore(t *testing.T, row string) (*recording.Store, *blob.Store, *table.Store) {
	t.Helper()
	d, err := pebbletest.NewMem().Open()
	if err != nil {
		t.Fatal(err)
	}
	tables := table.New(faulttable.Damage(d, func(table, _ string, key []byte) bool {
		return table == "recording" && string(key) == row
	}))
	t.Cleanup(func() { _ = tables.Close() })
	blobs := blob.New(blobtest.NewBucket(0).Client())
	return recording.New(tables, blobs, slog.New(slog.DiscardHandler)), blobs, tables
}

// TestADamagedSegmentRowIsAMissingSegment: the rest is recovered, and served.
func TestADamagedSegmentRowIsAMissingSegment(t *testing.T) {
	s, _, _ := damagedStore(t, "s\x00\x00\x00\x00\x00\x00\x00\x02")
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

// TestADamagedInitRowMakesGaps of the segments that need it, and of no others; a broadcast that goes on
// does not use its number.
func TestADamagedInitRowMakesGaps(t *testing.T) {
	s, _, _ := damagedStore(t, "i\x00\x00\x00\x01")
	w := recordingtest.Writer(s, ch, b1, start())
	keep(t, w, 0, 14)
	w.Die()
	r, w, err := s.Resume(t.Context(), later(), b1)
	if err != nil || len(r.Segments) != 14 || r.NextInit() != 2 {
		t.Fatalf("resumed: %+v, %v", r, err)
	}
	for n, seg := range r.Segments {
		if seg.Gap != (n >= 7) {
			t.Errorf("segment %d is a gap: %v", n, seg.Gap)
		}
	}
	w.Die()
}

// TestADamagedHeaderCanBeRemoved, by its channel; a Keeper does it when its policy says so, and counts its
// bytes.
func TestADamagedHeaderCanBeRemoved(t *testing.T) {
	for name, c := range map[string]struct {
		policy recording.Policy
		now    time.Duration
		gone   bool
	}{
		"by hand":      {recording.Policy{}, 0, false},
		"kept":         {recording.Policy{Quota: 1 << 20, Retention: 100 * 365 * 24 * time.Hour}, time.Hour, false},
		"by quota":     {recording.Policy{Quota: 100}, time.Hour, true},
		"by retention": {recording.Policy{Retention: time.Hour}, 50 * 365 * 24 * time.Hour, true},
	} {
		t.Run(name, func(t *testing.T) {
			s, blobs, _ := damagedStore(t, "h")
			w := recordingtest.Writer(s, ch, numbered(0), start())
			keep(t, w, 0, 3)
			w.Die()
			k := recording.NewKeeper(s, c.policy, &owner{store: s}, recording.NewMetrics(prometheus.NewRegistry()))
			if err := k.Tidy(t.Context(), start().Add(c.now)); err != nil {
				t.Fatal(err)
			}
			if objects, _, _ := keys(t, blobs); (objects == 0) != c.gone {
				t.Fatalf("%d objects are left", objects)
			}
			if err := s.Remove(t.Context(), later(), "78", numbered(0)); !c.gone && !errors.Is(err, recording.ErrNone) {
				t.Errorf("of another channel: %v", err)
			}
			for range 2 {
				if err := s.Remove(t.Context(), later(), ch, numbered(0)); err != nil {
					t.Fatal(err)
				}
			}
			if objects, _, _ := keys(t, blobs); objects != 0 {
				t.Errorf("%d objects are left", objects)
			}
			if _, err := s.Header(t.Context(), numbered(0)); !errors.Is(err, recording.ErrNone) {
				t.Errorf("its header: %v", err)
			}
		})
	}
}

// TestWhatNeverBeganIsRemoved: a process died when it had listed a recording and before it wrote its header.
func TestWhatNeverBeganIsRemoved(t *testing.T) {
	s, blobs, tables := damagedStore(t, "")
	row := append(binary.BigEndian.AppendUint64(nil, uint64(start().UnixMilli())), numbered(0)...)
	if _, err := tables.Write(t.Context(), table.Batch{
		Table: table.Plain("recording_list"), Partition: string(ch), Ops: []table.Op{table.Put(row, nil)},
	}); err != nil {
		t.Fatal(err)
	}
	a, err := blobs.Append(t.Context(), "live/77/"+string(numbered(0))+"/0.mp4", recording.ContentType)
	if err != nil {
		t.Fatal(err)
	}
	a.Leave()
	k := recording.NewKeeper(s, recording.Policy{}, &owner{store: s}, recording.NewMetrics(prometheus.NewRegistry()))
	for _, c := range []struct {
		after time.Duration
		want  int
	}{{time.Minute, 1}, {2 * time.Hour, 0}} {
		if err := k.Tidy(t.Context(), start().Add(c.after)); err != nil {
			t.Fatal(err)
		}
		if objects, _, _ := keys(t, blobs); objects != c.want {
			t.Errorf("after %v there are %d objects, want %d", c.after, objects, c.want)
		}
	}
}
