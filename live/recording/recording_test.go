package recording_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/google/go-cmp/cmp"

	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/id"
	"github.com/barrage-live/barrage/internal/media/index"
	"github.com/barrage-live/barrage/internal/position"
	"github.com/barrage-live/barrage/live/recording"
	"github.com/barrage-live/barrage/live/recording/recordingtest"
	"github.com/barrage-live/barrage/storage/blob"
	"github.com/barrage-live/barrage/storage/blob/faultblob"
	"github.com/barrage-live/barrage/storage/blob/fileblob"
	"github.com/barrage-live/barrage/storage/table"
	"github.com/barrage-live/barrage/storage/table/faulttable"
	"github.com/barrage-live/barrage/storage/table/pebbletable/pebbletest"
)

const (
	ch = id.Channel("77")
	b1 = id.Broadcast("11111111111111111111111111111111")
)

func start() time.Time { return time.Date(2026, time.March, 4, 5, 6, 7, 8, time.UTC) }

func later() position.Fence { return position.Fence{Epoch: 1, Activation: 2} }

// body is what segment n holds, and header what its init segment does.
func body(n int) []byte { return bytes.Repeat(fmt.Appendf(nil, "segment %d ", n), 100+n) }

func header(n int) []byte { return fmt.Appendf(nil, "init segment %d", n) }

// piece is segment n, of two seconds; every seventh segment needs another init segment.
func piece(n int) recording.Piece {
	init := n / 7
	return recording.Piece{
		Segment: index.Segment{
			Sequence: uint64(n), Init: uint32(init), Discontinuity: n > 0 && n%7 == 0, Independent: true,
			Media: time.Duration(n) * 2 * time.Second, Duration: 2 * time.Second,
		},
		Body: body(n), Init: index.Init{Number: uint32(init), Codecs: []string{"avc1.64001f"}, Width: 640, Height: 360}, InitBody: header(init),
		Target: 4 * time.Second, Peak: 1000, FPS: 30,
	}
}

func keep(t *testing.T, w *recording.Writer, from, to int) {
	t.Helper()
	for n := from; n < to; n++ {
		if err := w.Keep(t.Context(), piece(n)); err != nil {
			t.Fatalf("segment %d: %v", n, err)
		}
	}
}

// whole checks that a recording has all of the first n segments but the gaps, and reads them.
func whole(t *testing.T, s *recording.Store, n int, gaps ...int) *recording.Recording {
	t.Helper()
	r, err := s.Load(t.Context(), b1)
	if err != nil {
		t.Fatal(err)
	}
	gap := map[int]bool{}
	for _, g := range gaps {
		gap[g] = true
	}
	if len(r.Segments) != n {
		t.Fatalf("%d segments, want %d", len(r.Segments), n)
	}
	var bytes int64
	for i, seg := range r.Segments {
		want := piece(i).Segment
		want.Gap, want.Place = gap[i], seg.Place
		if seg != want {
			t.Errorf("segment %d: %+v, want %+v", i, seg, want)
		}
		bytes += seg.Place.Length
		if !gap[i] {
			reads(t, body(i), func() (*recording.Media, error) { return s.Segment(t.Context(), ch, b1, uint64(i)) })
		} else if _, err := s.Segment(t.Context(), ch, b1, uint64(i)); !errors.Is(err, recording.ErrNone) {
			t.Errorf("gap %d: %v, want ErrNone", i, err)
		}
	}
	for _, i := range r.Inits {
		reads(t, header(int(i.Number)), func() (*recording.Media, error) { return s.Init(t.Context(), ch, b1, i.Number) })
	}
	h := r.Header
	if h.Next < uint64(n) || h.Duration != time.Duration(n)*2*time.Second || h.Bytes != bytes || h.Peak != 1000 || !h.Start.Equal(start()) {
		t.Errorf("header: %+v with %d bytes", h, bytes)
	}
	return r
}

func reads(t *testing.T, want []byte, open func() (*recording.Media, error)) {
	t.Helper()
	m, err := open()
	if err != nil {
		t.Error(err)
		return
	}
	defer func() { _ = m.Close() }()
	if got, err := io.ReadAll(m); err != nil || !bytes.Equal(got, want) {
		t.Errorf("read %d bytes, %v; want %d", len(got), err, len(want))
	}
	if _, err := m.Seek(3, io.SeekStart); err != nil {
		t.Error(err)
	}
	if got, err := io.ReadAll(io.LimitReader(m, 5)); err != nil || !bytes.Equal(got, want[3:8]) {
		t.Errorf("a part: %q, %v", got, err)
	}
}

// TestObjectsOfAMinute: ten minutes are ten objects, each of which begins with an init segment; what was kept
// can be read at once, and the same when the recording has ended.
func TestObjectsOfAMinute(t *testing.T) {
	s := recordingtest.New(t)
	w := recordingtest.Writer(s, ch, b1, start())
	for n := range 300 {
		keep(t, w, n, n+1)
		if n%50 == 0 {
			whole(t, s, n+1)
		}
	}
	if r := whole(t, s, 300); r.Header.State != index.Open || r.Header.Objects != 10 {
		t.Errorf("before the end: %+v", r.Header)
	}
	end := start().Add(10 * time.Minute)
	for range 2 {
		if err := w.End(t.Context(), end); err != nil {
			t.Fatal(err)
		}
	}
	r := whole(t, s, 300)
	if r.Header.State != index.Ended || !r.Header.End.Equal(end) {
		t.Errorf("at the end: %+v", r.Header)
	}
	first := map[uint32]index.Segment{}
	for _, seg := range r.Segments {
		if _, seen := first[seg.Place.Object]; !seen {
			first[seg.Place.Object] = seg
		}
	}
	for object, seg := range first {
		if want := int64(len(header(int(seg.Init)))); seg.Place.Offset != want {
			t.Errorf("the first segment of object %d lies at %d, want %d, behind its init segment", object, seg.Place.Offset, want)
		}
	}
	if err := s.Recover(t.Context(), later(), b1); err != nil {
		t.Fatal(err)
	}
	if again := whole(t, s, 300); !cmp.Equal(r, again) {
		t.Error("recovering what has ended changed it")
	}
}

func TestNothingIsRecordedOfNothing(t *testing.T) {
	s := recordingtest.New(t)
	w := recordingtest.Writer(s, ch, b1, start())
	if err := w.End(t.Context(), start()); err != nil {
		t.Fatal(err)
	}
	for what, err := range map[string]error{
		"header": func() error { _, err := s.Header(t.Context(), b1); return err }(),
		"rows":   func() error { _, err := s.Load(t.Context(), b1); return err }(),
		"bytes":  func() error { _, err := s.Segment(t.Context(), ch, b1, 0); return err }(),
	} {
		if !errors.Is(err, recording.ErrNone) {
			t.Errorf("%s: %v, want ErrNone", what, err)
		}
	}
	if err := s.Recover(t.Context(), later(), b1); err != nil {
		t.Error(err)
	}
	if err := s.Remove(t.Context(), later(), ch, b1); err != nil {
		t.Error(err)
	}
}

func TestPaused(t *testing.T) {
	s := recordingtest.New(t)
	w := recordingtest.Writer(s, ch, b1, start())
	keep(t, w, 0, 2)
	s.Pause(true)
	if err := w.Keep(t.Context(), piece(2)); !errors.Is(err, recording.ErrPaused) || !w.Paused() {
		t.Errorf("got %v", err)
	}
	s.Pause(false)
	keep(t, w, 2, 4)
	whole(t, s, 4)
}

// disk is a store whose disk and tables outlive the process, and lose what was not synced with the power.
type disk struct {
	fs     *vfs.MemFS
	tables *table.Store
}

func newDisk(t *testing.T) *disk {
	t.Helper()
	return &disk{vfs.NewCrashableMem(), pebbletest.Open(t)}
}

func (d *disk) open(t *testing.T) *recording.Store {
	t.Helper()
	driver, err := fileblob.Open(fileblob.Config{Dir: "/b", FS: d.fs})
	if err != nil {
		t.Fatal(err)
	}
	blobs := blob.New(driver)
	t.Cleanup(func() { _ = blobs.Close() })
	return recording.New(d.tables, blobs, slog.New(slog.DiscardHandler))
}

// TestRecoverAfterTheProcessDied: nothing that was kept is lost, wherever it dies.
func TestRecoverAfterTheProcessDied(t *testing.T) {
	for _, n := range []int{1, 29, 30, 31, 75} {
		d := newDisk(t)
		keep(t, recordingtest.Writer(d.open(t), ch, b1, start()), 0, n)
		d.fs = d.fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 100, RNG: rand.New(rand.NewPCG(1, 2))})
		s := d.open(t)
		if err := s.Recover(t.Context(), later(), b1); err != nil {
			t.Fatal(err)
		}
		if r := whole(t, s, n); r.Header.State != index.Ended || !r.Header.End.Equal(start().Add(time.Duration(n)*2*time.Second)) {
			t.Errorf("recovered: %+v", r.Header)
		}
		if list, _, err := s.List(t.Context(), ch, "", 10); err != nil || len(list) != 1 || list[0].Header.State != index.Ended {
			t.Errorf("listed: %+v, %v", list, err)
		}
	}
}

// TestRecoverAfterThePowerWent: what was final is whole, the rest is whole or a gap, and nothing is
// served that is not what was kept.
func TestRecoverAfterThePowerWent(t *testing.T) {
	lost := 0
	for round := range uint64(20) {
		d := newDisk(t)
		keep(t, recordingtest.Writer(d.open(t), ch, b1, start()), 0, 45)
		rng := rand.New(rand.NewPCG(round, 3))
		d.fs = d.fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: rng.IntN(101), RNG: rng})
		s := d.open(t)
		if err := s.Recover(t.Context(), later(), b1); err != nil {
			t.Fatal(err)
		}
		r, err := s.Load(t.Context(), b1)
		if err != nil {
			t.Fatal(err)
		}
		var gaps []int
		for i, seg := range r.Segments {
			if seg.Gap {
				gaps = append(gaps, i)
			}
		}
		if len(gaps) > 0 && gaps[0] < 30 {
			t.Errorf("segment %d of the object that was final is lost", gaps[0])
		}
		lost += len(gaps)
		for _, i := range r.Inits {
			if _, err := s.Init(t.Context(), ch, b1, i.Number); err != nil {
				t.Logf("init segment %d went with its segments", i.Number)
			}
		}
		for i := range r.Segments {
			if !r.Segments[i].Gap {
				reads(t, body(i), func() (*recording.Media, error) { return s.Segment(t.Context(), ch, b1, uint64(i)) })
			}
		}
	}
	if lost == 0 {
		t.Error("no round lost anything, so nothing was shown")
	}
}

// TestFaults fails tables and objects by chance; what was kept is there, what was not may be a gap or
// missing.
func TestFaults(t *testing.T) {
	for round := range uint64(20) {
		rng := rand.New(rand.NewPCG(round, 4))
		d, err := fileblob.Open(fileblob.Config{Dir: "/b", FS: vfs.NewMem()})
		if err != nil {
			t.Fatal(err)
		}
		down := fault.New(fault.Unavailable, "storage_failed", "the disk failed")
		quiet := false
		blobs := blob.New(faultblob.Wrap(d, func(faultblob.Call) (f faultblob.Fault) {
			switch n := rng.IntN(12); {
			case quiet:
			case n == 0:
				f.Before = down
			case n == 1:
				f.After = blob.ErrUnknown
			}
			return f
		}))
		engine, err := pebbletest.NewMem().Open()
		if err != nil {
			t.Fatal(err)
		}
		tables := table.New(faulttable.Wrap(engine, func(c faulttable.Call) faulttable.Fault {
			switch n := rng.IntN(12); {
			case quiet || c.Kind == faulttable.Scan || c.Kind == faulttable.Get:
			case n == 0:
				return faulttable.Refused(down)
			case n == 1:
				return faulttable.Unknown()
			}
			return faulttable.Fault{}
		}))
		s := recording.New(tables, blobs, slog.New(slog.DiscardHandler))
		w := recordingtest.Writer(s, ch, b1, start())
		kept := map[int]bool{}
		for n := range 100 {
			if round%2 == 1 {
				_ = fill(t, w, n, cuts)
			}
			kept[n] = w.Keep(t.Context(), piece(n)) == nil
		}
		if w.End(t.Context(), start()) != nil {
			w.Die()
			quiet = true
			if err := s.Recover(t.Context(), later(), b1); err != nil {
				t.Fatal(err)
			}
		}
		quiet = true
		r, err := s.Load(t.Context(), b1)
		if err != nil || r.Header.State != index.Ended {
			t.Fatalf("at the end: %v", err)
		}
		for n, ok := range kept {
			seg, found := r.Segment(uint64(n))
			if ok && (!found || seg.Gap) {
				t.Errorf("segment %d was kept and is not there", n)
			}
			if found && !seg.Gap {
				want := body(n)
				if !ok && seg.Sequence == r.Segments[len(r.Segments)-1].Sequence {
					want = want[:seg.Place.Length] // the parts that were there when it was given up
				}
				reads(t, want, func() (*recording.Media, error) { return s.Segment(t.Context(), ch, b1, uint64(n)) })
			}
		}
		for _, seg := range r.Segments {
			i, found := r.Init(seg.Init)
			if !found {
				t.Fatalf("segment %d needs an init segment that is not there", seg.Sequence)
			}
			reads(t, header(int(i.Number)), func() (*recording.Media, error) { return s.Init(t.Context(), ch, b1, i.Number) })
		}
		_ = tables.Close()
		_ = blobs.Close()
	}
}

func TestAnotherOwnerEndsTheWriter(t *testing.T) {
	s := recordingtest.New(t)
	w := recordingtest.Writer(s, ch, b1, start())
	keep(t, w, 0, 3)
	w.Die()
	if err := s.Recover(t.Context(), later(), b1); err != nil {
		t.Fatal(err)
	}
	if err := w.Keep(t.Context(), piece(3)); !errors.Is(err, table.ErrFenced) {
		t.Errorf("the writer of an older fence: %v, want ErrFenced", err)
	}
	if err := w.End(t.Context(), start()); !errors.Is(err, table.ErrFenced) {
		t.Errorf("its end: %v, want ErrFenced", err)
	}
	whole(t, s, 3)
}

func TestRemove(t *testing.T) {
	s := recordingtest.New(t)
	w := recordingtest.Writer(s, ch, b1, start())
	keep(t, w, 0, 50)
	if err := w.End(t.Context(), start()); err != nil {
		t.Fatal(err)
	}
	if err := s.Remove(t.Context(), later(), "78", b1); !errors.Is(err, recording.ErrNone) {
		t.Errorf("of another channel: %v", err)
	}
	whole(t, s, 50)
	for range 2 {
		if err := s.Remove(t.Context(), later(), ch, b1); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Load(t.Context(), b1); !errors.Is(err, recording.ErrNone) {
		t.Errorf("what was removed: %v", err)
	}
	if _, err := s.Open(t.Context(), ch, b1, index.Place{Length: 1}); !errors.Is(err, recording.ErrNone) {
		t.Errorf("its bytes: %v", err)
	}
	if list, _, err := s.List(t.Context(), ch, "", 10); err != nil || len(list) != 0 {
		t.Errorf("listed: %+v, %v", list, err)
	}
}

func TestListInPages(t *testing.T) {
	s := recordingtest.New(t)
	const all = 25
	for n := range all {
		b := id.Broadcast(fmt.Sprintf("%032d", n))
		w := recordingtest.Writer(s, ch, b, start().Add(time.Duration(n)*time.Hour))
		keep(t, w, 0, 1)
		w.Die()
	}
	// What was begun and not recorded is in no list, and in no page's count.
	if err := s.Remove(context.WithoutCancel(t.Context()), later(), ch, id.Broadcast(fmt.Sprintf("%032d", 7))); err != nil {
		t.Fatal(err)
	}
	for _, limit := range []int{1, 3, 7, 24, 100} {
		var got []string
		cursor := ""
		for {
			page, next, err := s.List(t.Context(), ch, cursor, limit)
			if err != nil || len(page) > limit || next != "" && len(page) < limit {
				t.Fatalf("%d of %d, %q, %v", len(page), limit, next, err)
			}
			for _, e := range page {
				got = append(got, string(e.Broadcast))
			}
			if cursor = next; next == "" {
				break
			}
		}
		var want []string
		for n := all - 1; n >= 0; n-- {
			if n != 7 {
				want = append(want, fmt.Sprintf("%032d", n))
			}
		}
		if !cmp.Equal(got, want) {
			t.Errorf("in pages of %d: %s", limit, cmp.Diff(want, got))
		}
	}
	for _, bad := range []string{"x", "\xff\xff\xff\xff\xff\xff\xff\xffx"} {
		if _, _, err := s.List(t.Context(), ch, bad, 10); fault.CodeOf(err) != "bad_cursor" {
			t.Errorf("the cursor %q: %v", bad, err)
		}
	}
}
