package pebbletable

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"math/bits"
	"strconv"
	"strings"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// The framing of Pebble's logs (package record of Pebble): blocks of chunks that do not cross blocks. A
// chunk is a checksum of 4 bytes, a length of 2, an encoding of 1, from encoding 5 on the log's number in
// 4, from encoding 9 on in 8 the offset up to which the log was synced when the chunk was written; then the
// payload. Little-endian.
const (
	blockBytes      = 32 << 10
	legacyHeader    = 7
	numberedHeader  = 11
	syncedHeader    = 19
	firstNumbered   = 5
	firstSynced     = 9
	firstUnassigned = 13
)

// chunk is what a valid chunk says.
type chunk struct {
	size   int
	synced uint64
}

// parseChunk reads the chunk at the beginning of b, which must belong to the log of that number.
func parseChunk(b []byte, number uint32) (c chunk, ok bool) {
	if len(b) < legacyHeader {
		return c, false
	}
	length, encoding := int(binary.LittleEndian.Uint16(b[4:])), b[6]
	head := legacyHeader
	switch {
	case encoding == 0 || encoding >= firstUnassigned:
		return c, false
	case encoding >= firstSynced:
		head = syncedHeader
	case encoding >= firstNumbered:
		head = numberedHeader
	}
	c.size = head + length
	if c.size > len(b) || head >= numberedHeader && binary.LittleEndian.Uint32(b[7:]) != number {
		return c, false
	}
	if head == syncedHeader {
		c.synced = binary.LittleEndian.Uint64(b[11:])
	}
	sum := crc32.Checksum(b[6:c.size], castagnoli)
	return c, binary.LittleEndian.Uint32(b) == bits.RotateLeft32(sum, -15)+0xa282ead8
}

// checkLog looks for damage in a write-ahead log that Pebble would take for its end. Pebble looks for a
// proof of damage from the next block on only; up to a block of acknowledged writes could vanish without a
// word. The proof is a later chunk that says that the log was synced beyond the place where it breaks off.
func checkLog(content []byte, number uint32) error {
	at, broken := brokenAt(content, number)
	if !broken {
		return nil
	}
	block := content[:min(len(content), (at/blockBytes+1)*blockBytes)]
	for i := at + 1; i+legacyHeader <= len(block); i++ {
		if c, ok := parseChunk(block[i:], number); ok && c.synced > uint64(at) {
			return fmt.Errorf("synced at least to %d, damaged at %d", c.synced, at)
		}
	}
	return nil
}

// brokenAt is the offset of the first chunk that is not valid, if there is one.
func brokenAt(content []byte, number uint32) (int, bool) {
	for start := 0; start < len(content); start += blockBytes {
		block := content[start:min(len(content), start+blockBytes)]
		for at := 0; len(block)-at >= legacyHeader; {
			c, ok := parseChunk(block[at:], number)
			if !ok && len(block)-at < syncedHeader && len(bytes.Trim(block[at:], "\x00")) == 0 {
				break // no header fits behind the last chunk, so the block was filled up
			}
			if !ok {
				return start + at, true
			}
			at += c.size
		}
	}
	return 0, false
}

// checkLogs checks all logs of a directory.
func checkLogs(fs vfs.FS, dir string) error {
	names, err := fs.List(dir)
	if err != nil {
		return err
	}
	for _, name := range names {
		stem, isLog := strings.CutSuffix(name, ".log")
		number, err := strconv.ParseUint(stem, 10, 64)
		if !isLog || err != nil {
			continue
		}
		content, err := readFile(fs, fs.PathJoin(dir, name))
		if err != nil {
			return err
		}
		if err := checkLog(content, uint32(number)); err != nil {
			return corrupt(fmt.Errorf("%s: %w", name, err))
		}
	}
	return nil
}

func readFile(fs vfs.FS, name string) ([]byte, error) {
	f, err := fs.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // only read
	var b bytes.Buffer
	_, err = io.Copy(&b, f)
	return b.Bytes(), err
}
