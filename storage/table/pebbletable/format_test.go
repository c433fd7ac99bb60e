package pebbletable

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"pgregory.net/rapid"

	"github.com/barrage-live/barrage/internal/position"
	"github.com/barrage-live/barrage/storage/table"
	"github.com/barrage-live/barrage/storage/table/driver"
)

// TestGolden holds the code to the vectors in FORMAT.md, in their order.
func TestGolden(t *testing.T) {
	spec, err := os.ReadFile("FORMAT.md")
	if err != nil {
		t.Fatal(err)
	}
	row := rowKey("log", "room\x007", []byte("k"))
	owner := fenceKey("log", "room\x007")
	value := func(key []byte, h header, payload string) []byte {
		b := make([]byte, headerSize+len(payload))
		encode(b, key, h, []byte(payload))
		return b
	}
	const at = 1767225600123
	got := [][]byte{
		row, value(row, header{version: 258}, "hi"),
		value(row, header{version: 258, endMs: at}, ""),
		expiryKey(at, row),
		owner, value(owner, header{}, string(encodeFence(fence{Fence: position.Fence{Epoch: 5, Activation: 6}, bornMs: at}))),
	}
	vectors := regexp.MustCompile(`(?m)^    (?:key|value|reminder) +([0-9a-f ]+)$`).FindAllSubmatch(spec, -1)
	if len(vectors) != len(got) {
		t.Fatalf("FORMAT.md has %d vectors, want %d", len(vectors), len(got))
	}
	for i, v := range vectors {
		want, err := hex.DecodeString(strings.ReplaceAll(string(v[1]), " ", ""))
		if err != nil || !bytes.Equal(got[i], want) {
			t.Errorf("vector %d: encoded %x, FORMAT.md says %x, %v", i, got[i], want, err)
		}
	}
}

// TestKeysSortAsTheirParts compares encoded keys with what they stand for.
func TestKeysSortAsTheirParts(t *testing.T) {
	name := rapid.Map(rapid.SliceOfN(rapid.SampledFrom([]byte{0, 1, 2, 'a', 0xfe, 0xff}), 1, 5), func(b []byte) string { return string(b) })
	type parts struct{ table, partition, key string }
	draw := rapid.Custom(func(t *rapid.T) parts {
		return parts{name.Draw(t, "table"), name.Draw(t, "partition"), name.Draw(t, "key")}
	})
	rapid.Check(t, func(t *rapid.T) {
		a, b := draw.Draw(t, "a"), draw.Draw(t, "b")
		want := strings.Compare(a.table, b.table)
		if want == 0 {
			want = strings.Compare(a.partition, b.partition)
		}
		samePartition := want == 0
		if want == 0 {
			want = strings.Compare(a.key, b.key)
		}
		ka, kb := rowKey(a.table, a.partition, []byte(a.key)), rowKey(b.table, b.partition, []byte(b.key))
		if got := bytes.Compare(ka, kb); got != want {
			t.Fatalf("%q and %q compare as %d, want %d", a, b, got, want)
		}
		prefix := appendPartition(nil, spaceRow, a.table, a.partition)
		if inside := bytes.Compare(kb, prefix) >= 0 && bytes.Compare(kb, table.PrefixEnd(prefix)) < 0; inside != samePartition {
			t.Fatalf("%q lies in the partition of %q: %v", b, a, inside)
		}
		tab, partition, key, ok := parseRow(ka)
		if !ok || tab != a.table || partition != a.partition || string(key) != a.key {
			t.Fatalf("%q came back as %q %q %q, %v", a, tab, partition, key, ok)
		}
	})
}

func FuzzDecodeValue(f *testing.F) {
	key := rowKey("t", "p", []byte("k"))
	for _, payload := range []string{"", "hi"} {
		b := make([]byte, headerSize+len(payload))
		encode(b, key, header{version: 1, endMs: 5}, []byte(payload))
		f.Add(key, b)
	}
	f.Add([]byte{}, []byte{formatV1})
	f.Fuzz(func(t *testing.T, key, stored []byte) {
		h, payload, err := decode(key, stored)
		if err != nil {
			if !errors.Is(err, table.ErrCorrupt) {
				t.Errorf("refused with %v", err)
			}
			return
		}
		again := make([]byte, headerSize+len(payload))
		encode(again, key, h, payload)
		if !bytes.Equal(again, stored) {
			t.Errorf("%x became %x", stored, again)
		}
	})
}

// TestEveryFlippedBitIsFound flips each bit of a stored value.
func TestEveryFlippedBitIsFound(t *testing.T) {
	key := rowKey("t", "p", []byte("k"))
	stored := make([]byte, headerSize+100)
	encode(stored, key, header{version: 7, endMs: 9}, bytes.Repeat([]byte("x"), 100))
	for bit := range len(stored) * 8 {
		stored[bit/8] ^= 1 << (bit % 8)
		if _, _, err := decode(key, stored); !errors.Is(err, table.ErrCorrupt) {
			t.Errorf("bit %d: %v", bit, err)
		}
		stored[bit/8] ^= 1 << (bit % 8)
	}
	if _, _, err := decode(append(key, 'x'), stored); !errors.Is(err, table.ErrCorrupt) {
		t.Errorf("under another key: %v", err)
	}
	for n := range stored {
		if _, _, err := decode(key, stored[:n]); !errors.Is(err, table.ErrCorrupt) {
			t.Errorf("cut to %d: %v", n, err)
		}
	}
}

func FuzzParseKey(f *testing.F) {
	f.Add(rowKey("t", "p\x00q", []byte("k")))
	f.Add(expiryKey(1, rowKey("t", "p", []byte("k"))))
	f.Add([]byte{spaceRow, 'a', escByte})
	f.Fuzz(func(t *testing.T, k []byte) {
		if at, row, ok := parseExpiry(k); ok && !bytes.Equal(expiryKey(at, row), k) {
			t.Errorf("reminder %x changed", k)
		}
		if tab, partition, key, ok := parseRow(k); ok && !bytes.Equal(rowKey(tab, partition, key), k) {
			t.Errorf("row %x changed", k)
		}
	})
}

// TestPreparedIsEncoded holds what a caller prepares and the committer fills to the plain encoding.
func TestPreparedIsEncoded(t *testing.T) {
	d, err := Open(Config{Dir: "/d", FS: vfs.NewMem()})
	if err != nil {
		t.Fatal(err)
	}
	now := time.UnixMilli(1767225600123)
	ops := []driver.Op{
		table.Put([]byte("a"), []byte("hi")), table.Expiring(table.Put(bytes.Repeat([]byte("k"), 300), bytes.Repeat([]byte("v"), 5000)), time.Hour),
		table.Delete([]byte("gone")), table.Expiring(table.Put([]byte("z"), nil), time.Second),
	}
	p := d.prepare(appendPartition(nil, spaceRow, "log", "room"), ops)
	p.fill(258, now)
	want := d.db.NewBatch()
	for _, op := range ops {
		key := rowKey("log", "room", op.Key)
		if op.Do == driver.Delete {
			_ = want.Delete(key, nil)
			continue
		}
		put(want, key, header{258, endOf(now, op.TTL)}, op.Value)
		if op.TTL != 0 {
			remind(want, now.Add(op.TTL), key)
		}
	}
	if !bytes.Equal(p.pb.Repr(), want.Repr()) {
		t.Errorf("prepared %x, want %x", p.pb.Repr(), want.Repr())
	}
	if err := errors.Join(p.pb.Close(), want.Close(), d.Close()); err != nil {
		t.Error(err)
	}
}

// TestNewerFormats opens what a newer version has written: it is refused by name and left as it is.
func TestNewerFormats(t *testing.T) {
	fs := vfs.NewMem()
	open := func() (*Driver, error) { return Open(Config{Dir: "/d", FS: fs}) }
	d, err := open()
	if err != nil {
		t.Fatal(err)
	}
	if got := d.db.FormatMajorVersion(); got != pebbleFormat {
		t.Errorf("the files have format %d, want %d", got, pebbleFormat)
	}
	pb := d.db.NewBatch()
	put(pb, metaFormat(), header{version: ourFormat + 1}, nil)
	if err := errors.Join(d.db.Apply(pb, pebble.Sync), d.Close()); err != nil {
		t.Fatal(err)
	}
	refused := func(what string) {
		t.Helper()
		if _, err := open(); !errors.Is(err, ErrNewer) {
			t.Errorf("%s: open: %v, want ErrNewer", what, err)
		}
		if _, err := Verify(t.Context(), Config{Dir: "/d", FS: fs}); !errors.Is(err, ErrNewer) {
			t.Errorf("%s: verify: %v, want ErrNewer", what, err)
		}
	}
	refused("a newer row format")
	marker := fmt.Sprintf("/d/marker.format-version.999999.%03d", pebbleFormat+1)
	f, err := fs.Create(marker, vfs.WriteCategoryUnspecified)
	if err == nil {
		err = f.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	refused("a newer format of files")
}

// TestRowsWithoutFormat opens rows that nobody says the format of.
func TestRowsWithoutFormat(t *testing.T) {
	fs := vfs.NewMem()
	for round, want := range []error{nil, nil, table.ErrCorrupt} {
		d, err := Open(Config{Dir: "/d", FS: fs})
		if !errors.Is(err, want) || (want == nil) != (err == nil) {
			t.Fatalf("open %d: %v, want %v", round, err, want)
		}
		if err != nil {
			break
		}
		pb := d.db.NewBatch()
		err = pb.Delete(metaFormat(), nil)
		if round == 1 { // in the first round there are no rows, as after a crash while the directory was made
			key := rowKey("t", "p", []byte("k"))
			put(pb, key, header{version: 1}, nil)
		}
		if err := errors.Join(err, d.db.Apply(pb, pebble.Sync), d.Close()); err != nil {
			t.Fatal(err)
		}
	}
}

func FuzzParseSeal(f *testing.F) {
	f.Add(formatSeal(nil))
	f.Add(formatSeal(map[string]sealed{"MANIFEST-000001": {12, 0xdeadbeef}, "000002.log": {0, 0}}))
	f.Add([]byte(sealHead + "\nx -1 00000000\nend 00000000\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		files, err := parseSeal(text)
		if err == nil && !bytes.Equal(formatSeal(files), text) {
			t.Errorf("%q changed", text)
		}
		if err != nil && !errors.Is(err, table.ErrCorrupt) {
			t.Errorf("refused with %v", err)
		}
	})
}
