package recording_test

import (
	"io"
	"log/slog"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/live/recording"
	"github.com/barrage-live/barrage/live/recording/recordingtest"
	"github.com/barrage-live/barrage/storage/blob"
	"github.com/barrage-live/barrage/storage/blob/faultblob"
	"github.com/barrage-live/barrage/storage/blob/fileblob"
	"github.com/barrage-live/barrage/storage/table/pebbletable/pebbletest"
)

// TestTheDiskIsFullForAWhile, from the midst of a segment to that of another: what is recorded before and
// after is whole, in the same object, and what could not be written is refused by its name and a gap.
func TestTheDiskIsFullForAWhile(t *testing.T) {
	full := false
	d, err := fileblob.Open(fileblob.Config{Dir: "/b", FS: vfs.NewMem()})
	if err != nil {
		t.Fatal(err)
	}
	blobs := blob.New(faultblob.Wrap(d, func(c faultblob.Call) (f faultblob.Fault) {
		if full && c.Kind == faultblob.Grow {
			f.Before = fault.New(fault.Unavailable, "storage_full", "the disk is full")
		}
		return f
	}))
	t.Cleanup(func() { _ = blobs.Close() })
	s := recording.New(pebbletest.Open(t), blobs, slog.New(slog.DiscardHandler))
	w := recordingtest.Writer(s, ch, b1, start())
	var gaps []int
	for n := range 20 {
		for i := range cuts {
			full = n*cuts+i >= 5*cuts+2 && n*cuts+i < 8*cuts+2
			if err := w.Append(t.Context(), part(n, i)); err != nil && fault.CodeOf(err) != "storage_full" {
				t.Errorf("part %d of segment %d: %v", i, n, err)
			}
		}
		p := piece(n)
		err := w.Keep(t.Context(), p)
		if want := n >= 5 && n < 8; (fault.CodeOf(err) == "storage_full") != want || !want && err != nil {
			t.Errorf("segment %d: %v", n, err)
		}
		if err != nil {
			gaps = append(gaps, n)
			p.Gap = true
			if err := w.Keep(t.Context(), p); err != nil {
				t.Errorf("gap %d: %v", n, err)
			}
		}
	}
	if err := w.End(t.Context(), start()); err != nil {
		t.Fatal(err)
	}
	if r := whole(t, s, 20, gaps...); len(gaps) != 3 || r.Header.Objects != 1 {
		t.Errorf("gaps %v, %d objects", gaps, r.Header.Objects)
	}
}

// TestRemovedWhileItIsRead: who reads a segment reads it to its end or is refused, and gets no other bytes;
// who asks afterwards finds nothing, and the recording beside it stays.
func TestRemovedWhileItIsRead(t *testing.T) {
	s := newDisk(t).open(t)
	record(t, s, 0, 5, true)
	record(t, s, 1, 5, true)
	m, err := s.Segment(t.Context(), ch, numbered(0), 2)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = m.Close() }()
	head := make([]byte, 100)
	if _, err := io.ReadFull(m, head); err != nil {
		t.Fatal(err)
	}
	if err := s.Remove(t.Context(), later(), ch, numbered(0)); err != nil {
		t.Fatal(err)
	}
	rest, err := io.ReadAll(m)
	if got, want := string(head)+string(rest), string(body(2)); err == nil && got != want || got != want[:len(got)] {
		t.Errorf("read %d bytes, %v; want the %d that were recorded", len(got), err, len(want))
	}
	if _, err := s.Segment(t.Context(), ch, numbered(0), 2); err == nil {
		t.Error("what was removed is opened")
	}
	reads(t, body(2), func() (*recording.Media, error) { return s.Segment(t.Context(), ch, numbered(1), 2) })
}
