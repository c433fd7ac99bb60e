package pebbletable

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/barrage-live/barrage/storage/table"
)

// realLog gives the bytes of a log that the engine wrote with a sync after every record, and its number.
func realLog(tb testing.TB) ([]byte, uint32) {
	tb.Helper()
	fs := vfs.NewMem()
	d, err := Open(Config{Dir: "/d", FS: fs})
	if err != nil {
		tb.Fatal(err)
	}
	s := table.New(d)
	for i := range 1000 {
		op := table.Put(fmt.Appendf(nil, "key %d", i), bytes.Repeat([]byte{byte(i)}, i%120))
		if _, err := s.Write(tb.Context(), table.Batch{Table: table.Plain("t"), Partition: "p", Ops: []table.Op{op}}); err != nil {
			tb.Fatal(err)
		}
	}
	names, err := fs.List("/d")
	if err != nil {
		tb.Fatal(err)
	}
	var log string
	for _, name := range names {
		if strings.HasSuffix(name, ".log") {
			log = max(log, name)
		}
	}
	var number uint32
	if _, err := fmt.Sscanf(log, "%d.log", &number); err != nil {
		tb.Fatal(err)
	}
	content, err := readFile(fs, "/d/"+log)
	if err != nil {
		tb.Fatal(err)
	}
	if err := s.Close(); err != nil {
		tb.Fatal(err)
	}
	return content, number
}

// TestCheckLogFindsFlips flips bits all over a real log. Only at the end of a block, where Pebble itself
// looks on, and in the very last records, which no later one vouches for, may a flip go unnoticed.
func TestCheckLogFindsFlips(t *testing.T) {
	content, number := realLog(t)
	if end, broken := brokenAt(content, number); broken {
		if rest := bytes.Trim(content[end:], "\x00"); len(rest) > 0 {
			t.Fatalf("the parser and Pebble disagree at %d of %d", end, len(content))
		}
		content = content[:end]
	}
	if len(content) < 2*blockBytes {
		t.Fatalf("the log has %d bytes", len(content))
	}
	const unvouched = 3000
	for at := 0; at < len(content); at += 29 {
		content[at] ^= 1 << (at % 8)
		if err := checkLog(content, number); err == nil && at/blockBytes == (at+unvouched)/blockBytes && at < len(content)-unvouched {
			t.Errorf("a flip at %d of %d goes unnoticed", at, len(content))
		}
		content[at] ^= 1 << (at % 8)
	}
	for at := len(content); at > len(content)-3000; at -= 7 {
		if err := checkLog(content[:at], number); err != nil {
			t.Errorf("a log that ends early, as after a crash, is taken for damaged at %d: %v", at, err)
		}
	}
	if err := checkLog(content, number+1); err != nil {
		t.Errorf("what an older log left in a recycled file is taken for damage: %v", err)
	}
}

func FuzzCheckLog(f *testing.F) {
	content, number := realLog(f)
	f.Add(content[:1000], number)
	f.Add(content[:blockBytes+100], number)
	f.Add([]byte{}, uint32(0))
	f.Add(bytes.Repeat([]byte{0xff}, 100), uint32(1))
	f.Fuzz(func(t *testing.T, content []byte, number uint32) {
		at, broken := brokenAt(content, number)
		if broken && (at < 0 || at >= len(content)) {
			t.Errorf("broken at %d of %d", at, len(content))
		}
		if err := checkLog(content, number); err != nil && !broken {
			t.Errorf("damage without a break: %v", err)
		}
	})
}
