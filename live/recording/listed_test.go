package recording_test

import (
	"errors"
	"log/slog"
	"testing"

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

// TestWhatIsListedOutlivesTheProcess: the numbers of what is listed by now, of which no more may be recorded,
// are noted with a part, with a segment, and instead of either while nothing is recorded.
func TestWhatIsListedOutlivesTheProcess(t *testing.T) {
	listed := index.Listed{Next: 9, NextInit: 5}
	appended := func(t *testing.T, w *recording.Writer) error {
		p := part(1, 0)
		p.Listed = listed
		return w.Append(t.Context(), p)
	}
	kept := func(t *testing.T, w *recording.Writer) error {
		p := piece(1)
		p.Listed = listed
		return w.Keep(t.Context(), p)
	}
	for name, c := range map[string]struct {
		tell   func(t *testing.T, w *recording.Writer) error
		paused bool
	}{
		"with a part": {appended, false}, "with a segment": {kept, false}, "instead of a part": {appended, true}, "instead of a segment": {kept, true},
	} {
		t.Run(name, func(t *testing.T) {
			s := recordingtest.New(t)
			w := recordingtest.Writer(s, ch, b1, start())
			keep(t, w, 0, 1)
			s.Pause(c.paused)
			if err := c.tell(t, w); errors.Is(err, recording.ErrPaused) != c.paused || !c.paused && err != nil {
				t.Fatal(err)
			}
			w.Die()
			for n := range uint64(2) { // the second finds what the first has noted
				r, w, err := s.Resume(t.Context(), fence(n+2), b1)
				if err != nil {
					t.Fatal(err)
				}
				if r.Header.Listed != listed || r.NextInit() != listed.NextInit {
					t.Errorf("resumed: %+v, the next init segment is %d", r.Header.Listed, r.NextInit())
				}
				w.Die()
			}
		})
	}
}

// TestListedIsNotedOnce: while nothing is recorded, a segment costs one row, however many parts it has.
func TestListedIsNotedOnce(t *testing.T) {
	engine, err := pebbletest.NewMem().Open()
	if err != nil {
		t.Fatal(err)
	}
	writes := 0
	tables := table.New(faulttable.Wrap(engine, func(c faulttable.Call) (f faulttable.Fault) {
		if c.Kind == faulttable.Write {
			writes++
		}
		return f
	}))
	t.Cleanup(func() { _ = tables.Close() })
	s := recordingtest.On(tables)
	w := recordingtest.Writer(s, ch, b1, start())
	keepParts(t, w, 0, 1)
	s.Pause(true)
	writes = 0
	for n := 1; n < 11; n++ {
		if err := fill(t, w, n, cuts); !errors.Is(err, recording.ErrPaused) {
			t.Fatal(err)
		}
		if err := w.Keep(t.Context(), piece(n)); !errors.Is(err, recording.ErrPaused) {
			t.Fatal(err)
		}
	}
	if writes != 10 {
		t.Errorf("%d writes for 10 segments", writes)
	}
	w.Die()
}

// TestInitNumbersThatNobodyNoted: of a recording by a version that noted none, with rows that are damaged.
func TestInitNumbersThatNobodyNoted(t *testing.T) {
	for name, lost := range map[string]string{"the init segment": "i\x00\x00\x00\x01", "the one segment that needs it": "s\x00\x00\x00\x00\x00\x00\x00\x07"} {
		t.Run(name, func(t *testing.T) {
			engine, err := pebbletest.NewMem().Open()
			if err != nil {
				t.Fatal(err)
			}
			tables := table.New(faulttable.Damage(engine, func(_, _ string, key []byte) bool { return string(key) == lost }))
			t.Cleanup(func() { _ = tables.Close() })
			s := recordingtest.On(tables)
			w := recordingtest.Writer(s, ch, b1, start())
			keep(t, w, 0, 8)
			w.Die()
			h, err := s.Header(t.Context(), b1)
			if err != nil {
				t.Fatal(err)
			}
			h.NextInit = 0
			row, err := h.Encode()
			if err != nil {
				t.Fatal(err)
			}
			if _, err := tables.Write(t.Context(), table.Batch{
				Table: table.Owned("recording"), Partition: string(b1), Fence: fence(1), Ops: []table.Op{table.Put([]byte{'h'}, row)},
			}); err != nil {
				t.Fatal(err)
			}
			r, w, err := s.Resume(t.Context(), later(), b1)
			if err != nil {
				t.Fatal(err)
			}
			defer w.Die()
			if r.NextInit() != 2 || r.Header.NextInit != 2 {
				t.Errorf("the next init segment is %d, in the header %d, want 2", r.NextInit(), r.Header.NextInit)
			}
		})
	}
}

// TestTheQuotaOutlivesTheProcess: a broadcast that goes on has no more of it than before.
func TestTheQuotaOutlivesTheProcess(t *testing.T) {
	s := recordingtest.New(t)
	recording.NewKeeper(s, recording.Policy{Quota: int64(len(body(0)) + len(body(1)))}, &owner{store: s}, recording.NewMetrics(prometheus.NewRegistry()))
	w := recordingtest.Writer(s, ch, b1, start())
	keep(t, w, 0, 2)
	w.Die()
	_, w, err := s.Resume(t.Context(), later(), b1)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Die()
	if err := w.Keep(t.Context(), piece(2)); !errors.Is(err, recording.ErrPaused) {
		t.Errorf("a segment over the quota: %v", err)
	}
	whole(t, s, 2)
}

// TestManyObjectsBefore: what goes on begins an object behind those that there are, however many.
func TestManyObjectsBefore(t *testing.T) {
	blobs := blob.New(blobtest.NewBucket(0).Client())
	s := recording.New(pebbletest.Open(t), blobs, slog.New(slog.DiscardHandler))
	w := recordingtest.Writer(s, ch, b1, start())
	keep(t, w, 0, 600)
	w.Die()
	r, w, err := s.Resume(t.Context(), later(), b1)
	if err != nil {
		t.Fatal(err)
	}
	had := r.Header.Objects
	keep(t, w, 600, 601)
	if err := w.End(t.Context(), start()); err != nil {
		t.Fatal(err)
	}
	if r := whole(t, s, 601); r.Header.Objects != had+1 || had != 20 {
		t.Errorf("there were %d objects and are %d now", had, r.Header.Objects)
	}
}
