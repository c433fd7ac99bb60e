package fileblob

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/barrage-live/barrage/storage/blob"
	"github.com/barrage-live/barrage/storage/internal/durable"
)

// TestGoldenVector writes the object of FORMAT.md and compares the bytes of the file, and reads them back.
func TestGoldenVector(t *testing.T) {
	text, err := os.ReadFile("FORMAT.md")
	if err != nil {
		t.Fatal(err)
	}
	_, vector, _ := strings.Cut(string(text), "Golden vector")
	var lines string
	for _, found := range regexp.MustCompile(`(?m)^    ([0-9a-f]+)$`).FindAllStringSubmatch(vector, -1) {
		lines += found[1]
	}
	want, err := hex.DecodeString(lines)
	if err != nil {
		t.Fatal(err)
	}
	fs := vfs.NewMem()
	d, err := Open(Config{Dir: "/b", FS: fs})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.Put(t.Context(), "a/b.mp4", strings.NewReader("hello"), blob.PutOptions{Size: 5, ContentType: "video/mp4"}); err != nil {
		t.Fatal(err)
	}
	f, err := fs.Open("/b/objects/a/b.mp4")
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(f)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("the file is\n%x, %v\nwant\n%x", got, err, want)
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
	if err := d.Close(); err != nil {
		t.Error(err)
	}
}

// TestSizes holds the size of a file and of its content to each other around the bounds of blocks.
func TestSizes(t *testing.T) {
	last := int64(0)
	for _, size := range []int64{0, 1, blockBytes - 5, blockBytes - 1, blockBytes, blockBytes + 1, 3*blockBytes - 1, 3 * blockBytes, 1 << 40, 1<<40 + 1} {
		file := fileSize(size)
		if file <= last {
			t.Errorf("%d bytes take %d, fewer take %d", size, file, last)
		}
		if got := contentSize(file); got != size {
			t.Errorf("a file of %d bytes: content of %d, want %d", file, got, size)
		}
		last = file
	}
}

// TestForeignTrailer damages what a reader must not trust, with a checksum that fits.
func TestForeignTrailer(t *testing.T) {
	for name, change := range map[string]func(b []byte){
		"a newer version": func(b []byte) { b[7]++ },
		"a huge size":     func(b []byte) { b[8] = 0x7f },
		"a negative size": func(b []byte) { b[8] = 0xff },
		"a long type":     func(b []byte) { b[16] = 108 },
	} {
		trailer := appendTrailer(nil, "a.x", 5, "video/mp4")
		if _, _, err := parseTrailer(trailer, "a.x", fileSize(5)); err != nil {
			t.Fatalf("a good one: %v", err)
		}
		change(trailer)
		trailer = binary.BigEndian.AppendUint32(trailer[:checkAt], trailerSum("a.x", trailer[:checkAt]))
		_, _, err := parseTrailer(trailer, "a.x", fileSize(5))
		if newer := errors.Is(err, durable.ErrNewer); err == nil || newer != (name == "a newer version") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, _, err := parseTrailer(appendTrailer(nil, "a.x", 5, ""), "b.x", fileSize(5)); err == nil {
		t.Error("the trailer of another key was accepted")
	}
}
