package fileblob

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"

	"github.com/barrage-live/barrage/storage/internal/durable"
)

// The format of a file; see FORMAT.md.
const (
	magic        = "BRGBLOB"
	version      = 0x01
	blockBytes   = 32 << 10 // what one checksum covers: as much as io.Copy reads at a time
	sumBytes     = crc32.Size
	trailerBytes = 128
	sizeAt       = len(magic) + 1
	typeAt       = sizeAt + 8 + 1
	checkAt      = trailerBytes - sumBytes
)

var errTrailer = errors.New("the trailer is damaged")

// blocks is how many blocks the content of an object has.
func blocks(size int64) int64 { return (size + blockBytes - 1) / blockBytes }

// fileSize is the size of the file of an object.
func fileSize(size int64) int64 { return size + blocks(size)*sumBytes + trailerBytes }

// contentSize is the size of the object in a file; what is no object's size gives that of the next smaller
// one, or less.
func contentSize(file int64) int64 {
	rest := file - trailerBytes
	return rest - (rest+blockBytes+sumBytes-1)/(blockBytes+sumBytes)*sumBytes
}

func sumOf(block []byte) uint32 { return crc32.Checksum(block, crc32.MakeTable(crc32.Castagnoli)) }

// appendTrailer appends the trailer of an object.
func appendTrailer(b []byte, key string, size int64, contentType string) []byte {
	at := len(b)
	b = binary.BigEndian.AppendUint64(append(append(b, magic...), version), uint64(size))
	b = append(append(b, byte(len(contentType))), contentType...)
	b = append(b, make([]byte, at+checkAt-len(b))...)
	return binary.BigEndian.AppendUint32(b, trailerSum(key, b[at:]))
}

// parseTrailer reads the trailer of the object that lies under key in a file of some size. It fails with
// durable.ErrNewer or with what makes it damage.
func parseTrailer(t []byte, key string, file int64) (size int64, contentType string, err error) {
	if len(t) != trailerBytes || !bytes.HasPrefix(t, []byte(magic)) || binary.BigEndian.Uint32(t[checkAt:]) != trailerSum(key, t[:checkAt]) {
		return 0, "", errTrailer
	}
	if t[len(magic)] != version {
		return 0, "", durable.ErrNewer
	}
	size = int64(binary.BigEndian.Uint64(t[sizeAt:]))
	n := int(t[typeAt-1])
	if size < 0 || size > file || fileSize(size) != file || n > checkAt-typeAt {
		return 0, "", errTrailer
	}
	return size, string(t[typeAt : typeAt+n]), nil
}

// trailerSum covers the key, so that a file which comes to lie under another key is noticed.
func trailerSum(key string, t []byte) uint32 {
	return crc32.Update(sumOf([]byte(key)), crc32.MakeTable(crc32.Castagnoli), t)
}
