package recording_test

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/media/index"
	"github.com/barrage-live/barrage/live/recording"
	"github.com/barrage-live/barrage/live/recording/recordingtest"
	"github.com/barrage-live/barrage/storage/blob"
	"github.com/barrage-live/barrage/storage/blob/blobtest"
	"github.com/barrage-live/barrage/storage/table"
	"github.com/barrage-live/barrage/storage/table/faulttable"
	"github.com/barrage-live/barrage/storage/table/pebbletable/pebbletest"
)

// cuts is how many parts a segment has in these tests.
const cuts = 4

// part is part i of segment n, of half a second.
func part(n, i int) recording.Part {
	p := recording.Part{Piece: piece(n), Index: i}
	p.Duration /= cuts
	all := p.Body
	size := len(all) / cuts
	if p.Body = all[i*size : (i+1)*size]; i == cuts-1 {
		p.Body = all[i*size:]
	}
	return p
}

// fill appends the first parts of a segment; errors are for Keep to deal with.
func fill(t *testing.T, w *recording.Writer, n, parts int) (err error) {
	t.Helper()
	for i := range parts {
		err = errors.Join(err, w.Append(t.Context(), part(n, i)))
	}
	return err
}

// keepParts records segments as a packager does, part by part.
func keepParts(t *testing.T, w *recording.Writer, from, to int) {
	t.Helper()
	for n := from; n < to; n++ {
		if err := fill(t, w, n, cuts); err != nil {
			t.Fatal(err)
		}
		keep(t, w, n, n+1)
	}
}

// keys lists what lies in the object store.
func keys(t *testing.T, b *blob.Store) (objects, journals int, bytes int64) {
	t.Helper()
	for info, err := range b.List(t.Context(), "live/", "") {
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(info.Key, ".parts") {
			journals++
			continue
		}
		objects++
		bytes += info.Size
	}
	return objects, journals, bytes
}

// TestPartsAreWrittenOnce: recording in parts makes the same objects as without, and leaves nothing else.
func TestPartsAreWrittenOnce(t *testing.T) {
	blobs := blob.New(blobtest.NewBucket(0).Client())
	s := recording.New(pebbletest.Open(t), blobs, slog.New(slog.DiscardHandler))
	w := recordingtest.Writer(s, ch, b1, start())
	keepParts(t, w, 0, 100)
	whole(t, s, 100)
	if objects, journals, _ := keys(t, blobs); objects != 4 || journals != 1 {
		t.Errorf("%d objects and %d journals after 3 min 20 s", objects, journals)
	}
	if err := w.End(t.Context(), start()); err != nil {
		t.Fatal(err)
	}
	r := whole(t, s, 100)
	want := r.Header.Bytes
	for _, seg := range r.Segments { // an init segment for each of 15, and at the start of each object
		if seg.Sequence%7 == 0 || seg.Sequence%30 == 0 {
			want += int64(len(header(int(seg.Init))))
		}
	}
	if objects, journals, got := keys(t, blobs); objects != 4 || journals != 0 || got != want {
		t.Errorf("at the end %d objects of %d bytes, want 4 of %d; %d journals", objects, got, want, journals)
	}
}

// TestPartsSurviveTheProcess kills it after each number of parts, also of the first segment and of one that
// begins an object or needs another init segment: those that were appended are a segment of the same number
// and bytes.
func TestPartsSurviveTheProcess(t *testing.T) {
	for _, n := range []int{0, 1, 7, 29, 30, 31} {
		for parts := 1; parts <= cuts; parts++ {
			d := newDisk(t)
			w := recordingtest.Writer(d.open(t), ch, b1, start())
			keepParts(t, w, 0, n)
			if err := fill(t, w, n, parts); err != nil {
				t.Fatal(err)
			}
			var s *recording.Store
			for round := range uint64(2) { // the second finds what the first has made of it
				d.fs = d.fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 100, RNG: rand.New(rand.NewPCG(round, 1))})
				s = d.open(t)
				r, w, err := s.Resume(t.Context(), fence(round+2), b1)
				if err != nil {
					t.Fatal(err)
				}
				if r.Header.Next != uint64(n+1) || len(r.Segments) != n+1 {
					t.Fatalf("%d parts of segment %d: %+v", parts, n, r.Header)
				}
				holdsParts(t, s, r, n, parts)
				if round == 1 {
					keepParts(t, w, n+1, n+40)
					if err := w.End(t.Context(), start()); err != nil {
						t.Fatal(err)
					}
				}
			}
			r, err := s.Load(t.Context(), b1)
			if err != nil || len(r.Segments) != n+40 {
				t.Fatalf("%d segments, %v", len(r.Segments), err)
			}
			holdsParts(t, s, r, n, parts)
			for i := range r.Segments {
				if i != n {
					reads(t, body(i), func() (*recording.Media, error) { return s.Segment(t.Context(), ch, b1, uint64(i)) })
				}
			}
		}
	}
}

// holdsParts checks that a segment is made of its first parts.
func holdsParts(t *testing.T, s *recording.Store, r *recording.Recording, n, parts int) {
	t.Helper()
	var want []byte
	for i := range parts {
		want = append(want, part(n, i).Body...)
	}
	reads(t, want, func() (*recording.Media, error) { return s.Segment(t.Context(), ch, b1, uint64(n)) })
	seg, _ := r.Segment(uint64(n))
	expect := piece(n).Segment
	expect.Duration, expect.Place = time.Duration(parts)*500*time.Millisecond, seg.Place
	if seg != expect || seg.Gap {
		t.Errorf("%d parts of segment %d: %+v, want %+v", parts, n, seg, expect)
	}
	if _, found := r.Init(seg.Init); !found {
		t.Errorf("the init segment of segment %d is not there", n)
	}
	reads(t, header(int(seg.Init)), func() (*recording.Media, error) { return s.Init(t.Context(), ch, b1, seg.Init) })
}

// TestPartsAfterThePowerWent: what is left of a segment that was being filled begins with its first part
// and ends with a whole one; where the journal is left its number is taken, whatever is left of its bytes.
func TestPartsAfterThePowerWent(t *testing.T) {
	var some, none int
	for round := range uint64(40) {
		d := newDisk(t)
		w := recordingtest.Writer(d.open(t), ch, b1, start())
		keepParts(t, w, 0, 31)
		if err := fill(t, w, 31, 3); err != nil {
			t.Fatal(err)
		}
		rng := rand.New(rand.NewPCG(round, 7))
		d.fs = d.fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 30 + rng.IntN(70), RNG: rng})
		s := d.open(t)
		r, w, err := s.Resume(t.Context(), later(), b1)
		if err != nil {
			t.Fatal(err)
		}
		seg, found := r.Segment(31)
		if found != (r.Header.Next == 32) {
			t.Errorf("the segment is there: %v, and the next is %d", found, r.Header.Next)
		}
		if found && !seg.Gap {
			some++
			holdsParts(t, s, r, 31, int(seg.Duration/(500*time.Millisecond)))
		} else {
			none++
		}
		w.Die()
	}
	if some == 0 || none == 0 {
		t.Errorf("it was left in %d rounds and lost in %d, so that not both were shown", some, none)
	}
}

// TestAPartThatIsMissing: what was not appended from the first part on is recorded whole.
func TestAPartThatIsMissing(t *testing.T) {
	s := recordingtest.New(t)
	w := recordingtest.Writer(s, ch, b1, start())
	for n, parts := range [][]int{{0, 1, 2}, {1, 2, 3}, {0, 2, 3}, {0, 1, 3}, {}, {0, 0, 1, 2, 3}, {0, 1, 1, 2, 3}} {
		for _, i := range parts {
			if err := w.Append(t.Context(), part(n, i)); err != nil {
				t.Fatal(err)
			}
		}
		keep(t, w, n, n+1)
		whole(t, s, n+1)
	}
}

// TestARefusedRowCostsNoBytes: a segment whose row is refused is not appended once more when it is tried
// again, in parts or whole, and what was appended counts for the quota.
func TestARefusedRowCostsNoBytes(t *testing.T) {
	for _, parts := range []int{0, cuts} {
		refuse := false
		engine, err := pebbletest.NewMem().Open()
		if err != nil {
			t.Fatal(err)
		}
		down := fault.New(fault.Unavailable, "storage_failed", "the disk failed")
		tables := table.New(faulttable.Wrap(engine, func(c faulttable.Call) faulttable.Fault {
			if refuse && c.Kind == faulttable.Write {
				return faulttable.Refused(down)
			}
			return faulttable.Fault{}
		}))
		t.Cleanup(func() { _ = tables.Close() })
		blobs := blob.New(blobtest.NewBucket(0).Client())
		s := recording.New(tables, blobs, slog.New(slog.DiscardHandler))
		recording.NewKeeper(s, recording.Policy{Quota: int64(len(body(0)) + len(body(1)))}, &owner{store: s}, recording.NewMetrics(prometheus.NewRegistry()))
		w := recordingtest.Writer(s, ch, b1, start())
		keep(t, w, 0, 1)
		refuse = true
		if err := fill(t, w, 1, parts); err != nil {
			t.Fatal(err)
		}
		for range 5 {
			if err := w.Keep(t.Context(), piece(1)); !errors.Is(err, down) {
				t.Fatalf("with its row refused: %v", err)
			}
		}
		if _, _, got := keys(t, blobs); got != int64(len(header(0))+len(body(0))+len(body(1))) {
			t.Errorf("%d parts: there are %d bytes", parts, got)
		}
		if err := w.Keep(t.Context(), piece(2)); !errors.Is(err, recording.ErrPaused) {
			t.Errorf("%d parts: what was appended does not count: %v", parts, err)
		}
		refuse = false
		keep(t, w, 1, 2)
		whole(t, s, 2)
	}
}

// TestAnObjectNobodyKnowsOfIsRemoved: the process died before there was any row or record of what it had
// appended.
func TestAnObjectNobodyKnowsOfIsRemoved(t *testing.T) {
	blobs := blob.New(blobtest.NewBucket(0).Client())
	s := recording.New(pebbletest.Open(t), blobs, slog.New(slog.DiscardHandler))
	w := recordingtest.Writer(s, ch, b1, start())
	keep(t, w, 0, 3)
	w.Die()
	for _, name := range []string{"1.mp4", "2.mp4", "17.mp4", "5.parts"} {
		a, err := blobs.Append(t.Context(), "live/77/"+string(b1)+"/"+name, recording.ContentType)
		if err != nil {
			t.Fatal(err)
		}
		if err := a.Append(t.Context(), bytes.Repeat([]byte("x"), 100)); err != nil {
			t.Fatal(err)
		}
		a.Leave()
	}
	if err := s.Recover(t.Context(), later(), b1); err != nil {
		t.Fatal(err)
	}
	if objects, journals, _ := keys(t, blobs); objects != 1 || journals != 0 {
		t.Errorf("%d objects and %d journals are left", objects, journals)
	}
	whole(t, s, 3)
}

// TestDamagedJournal changes every byte of one: what it says then is never believed.
func TestDamagedJournal(t *testing.T) {
	bucket := blobtest.NewBucket(0)
	blobs := blob.New(bucket.Client())
	s := recording.New(pebbletest.Open(t), blobs, slog.New(slog.DiscardHandler))
	w := recordingtest.Writer(s, ch, b1, start())
	if err := fill(t, w, 0, 3); err != nil {
		t.Fatal(err)
	}
	w.Die()
	o, err := blobs.Open(t.Context(), "live/77/"+string(b1)+"/0.parts")
	if err != nil {
		t.Fatal(err)
	}
	journal, err := io.ReadAll(o)
	if err != nil {
		t.Fatal(err)
	}
	if n := len(index.Parts(journal)); n != 3 {
		t.Fatalf("%d parts", n)
	}
	for i := range journal {
		damaged := bytes.Clone(journal)
		damaged[i] ^= 0x10
		for k, p := range index.Parts(damaged) {
			if p.Index != k || p.Sequence != 0 || p.Place.Length != int64(len(part(0, k).Body)) {
				t.Fatalf("with byte %d damaged, part %d is %+v", i, k, p)
			}
		}
	}
}
