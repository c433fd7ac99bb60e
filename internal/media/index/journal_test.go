package index

import (
	"bytes"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// parts are those of a journal: two of a segment, and the first of the next one.
func parts() []Part {
	needs := Init{Number: 1, Place: Place{Object: 3, Length: 700, Sum: 0x01020304}, Codecs: []string{"avc1.64001f", "mp4a.40.2"}, Width: 1280, Height: 720}
	part := func(sequence uint64, index int, offset, length int64) Part {
		return Part{
			Segment: Segment{
				Sequence: sequence, Init: 1, Discontinuity: sequence == 8, Independent: true, Media: 16 * time.Second,
				Duration: 500 * time.Millisecond, Place: Place{Object: 3, Offset: offset, Length: length, Sum: 0xdeadbeef},
			},
			Index: index, Needs: needs, Listed: Listed{Next: sequence + 1},
		}
	}
	return []Part{part(8, 0, 700, 150_000), part(8, 1, 150_700, 140_000), part(9, 0, 290_700, 10)}
}

func journal(t interface {
	Helper()
	Fatal(args ...any)
}, parts []Part,
) (b []byte) {
	t.Helper()
	for i := range parts {
		var err error
		if b, err = parts[i].AppendRecord(b); err != nil {
			t.Fatal(err)
		}
	}
	return b
}

// TestGoldenJournal holds the records to bytes that were once written: the next version finds them after an
// update.
func TestGoldenJournal(t *testing.T) {
	goldenJournal(t, "journal.hex", parts())
	listed := parts()
	for i := range listed {
		listed[i].Listed.NextInit = 2
	}
	goldenJournal(t, "journal-listed.hex", listed)
}

func goldenJournal(t *testing.T, name string, parts []Part) {
	t.Helper()
	stored := golden(t, name, journal(t, parts))
	if got := Parts(stored); !cmp.Equal(got, parts) {
		t.Error(cmp.Diff(parts, got))
	}
}

// TestTornJournal cuts one at every byte: what is whole is read.
func TestTornJournal(t *testing.T) {
	all := parts()
	whole := journal(t, all)
	ends := []int{len(journal(t, all[:1])), len(journal(t, all[:2])), len(whole)}
	for n := range len(whole) + 1 {
		want := 0
		for want < 3 && ends[want] <= n {
			want++
		}
		for what, b := range map[string][]byte{"cut": whole[:n], "filled with zeros": append(bytes.Clone(whole[:n]), make([]byte, 100)...)} {
			if got := Parts(b); len(got) != want || want > 0 && !cmp.Equal(got, all[:want]) {
				t.Errorf("%s at %d: %d parts, want %d", what, n, len(got), want)
			}
		}
	}
}

func TestUnfinished(t *testing.T) {
	p := parts()
	elsewhere, later, other := p[1], p[1], p[1]
	elsewhere.Place.Offset++
	later.Index = 2
	other.Place.Object++
	for what, c := range map[string]struct {
		parts []Part
		from  uint64
		want  [][]Part
	}{
		"all":                     {p, 8, [][]Part{p[:2], p[2:]}},
		"what has a row":          {p, 9, [][]Part{p[2:]}},
		"nothing":                 {p, 10, nil},
		"no first part":           {p[1:], 0, [][]Part{p[2:]}},
		"not in a row":            {[]Part{p[0], elsewhere, p[2]}, 0, [][]Part{p[:1], p[2:]}},
		"one is missing":          {[]Part{p[0], later, p[2]}, 0, [][]Part{p[:1], p[2:]}},
		"in another object":       {[]Part{p[0], other, p[2]}, 0, [][]Part{p[:1], p[2:]}},
		"a segment that is older": {[]Part{p[2], p[0], p[1]}, 0, [][]Part{p[2:]}},
	} {
		if got := Unfinished(c.parts, c.from); !cmp.Equal(got, c.want) {
			t.Errorf("%s: %s", what, cmp.Diff(c.want, got))
		}
	}
}

func TestJoin(t *testing.T) {
	made := parts()[:2]
	want := made[0].Segment
	want.Duration, want.Place = time.Second, Place{Object: 3, Offset: 700, Length: 290_000, Sum: 5}
	if got := Join(made, made, 5); got != want {
		t.Errorf("all parts: %+v", got)
	}
	want.Duration, want.Place = 500*time.Millisecond, Place{Object: 3, Offset: 700, Length: 150_000, Sum: 6}
	if got := Join(made[:1], made, 6); got != want {
		t.Errorf("the first part: %+v", got)
	}
	want.Duration, want.Place, want.Gap = time.Second, Place{}, true
	if got := Join(nil, made, 0); got != want {
		t.Errorf("no part: %+v", got)
	}
}

func FuzzJournal(f *testing.F) {
	f.Add(journal(f, parts()), uint64(0))
	f.Add(journal(f, parts()[1:]), uint64(9))
	f.Fuzz(func(t *testing.T, b []byte, from uint64) {
		read := Parts(b)
		if again := journal(t, read); len(read) > 0 && !cmp.Equal(Parts(again), read) {
			t.Fatal("what was read is not read again")
		}
		last := uint64(0)
		for i, s := range Unfinished(read, from) {
			if s[0].Sequence < from || i > 0 && s[0].Sequence <= last {
				t.Fatalf("segment %d is not unfinished", s[0].Sequence)
			}
			last = s[0].Sequence
			seg := Join(s, s, 1)
			row, err := seg.Encode()
			if err != nil {
				t.Fatal(err)
			}
			if back, err := DecodeSegment(seg.Sequence, row); err != nil || back != seg {
				t.Fatalf("%+v came back as %+v, %v", seg, back, err)
			}
		}
	})
}

// TestSumsAdd: the checksum of parts in a row is that of the whole.
func TestSumsAdd(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := rapid.SliceOf(rapid.Byte()).Draw(t, "a"), rapid.SliceOf(rapid.Byte()).Draw(t, "b")
		if AddSum(SumOf(a), b) != SumOf(append(bytes.Clone(a), b...)) {
			t.Fatal("it is not")
		}
	})
}
