package pebbletable

import (
	"encoding/binary"
	"hash/crc32"
	"time"

	"github.com/barrage-live/barrage/storage/table"
)

// The header of every stored value; see FORMAT.md.
const (
	formatV1   = 0x01
	headerSize = 1 + 8 + 8 + 4
	crcAt      = 1 + 8 + 8
)

// header is what is stored in front of a payload. A fence stores its epoch as the version.
type header struct {
	version  uint64
	expiryMs int64 // unix ms; zero is never
}

// live reports whether a row with this header exists at the time.
func (h header) live(nowMs int64) bool { return h.expiryMs == 0 || h.expiryMs > nowMs }

func castagnoli() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) }

// encode fills dst, which must have room for header and payload, with the value stored under key.
func encode(dst, key []byte, h header, payload []byte) {
	dst[0] = formatV1
	binary.BigEndian.PutUint64(dst[1:], h.version)
	binary.BigEndian.PutUint64(dst[9:], uint64(h.expiryMs))
	copy(dst[headerSize:], payload)
	binary.BigEndian.PutUint32(dst[crcAt:], checksum(key, dst[:crcAt], payload))
}

// decode checks a stored value and gives its parts; the payload aliases stored. Damage is table.ErrCorrupt.
func decode(key, stored []byte) (header, []byte, error) {
	if len(stored) < headerSize || stored[0] != formatV1 {
		return header{}, nil, table.ErrCorrupt
	}
	payload := stored[headerSize:]
	if binary.BigEndian.Uint32(stored[crcAt:]) != checksum(key, stored[:crcAt], payload) {
		return header{}, nil, table.ErrCorrupt
	}
	h := header{
		version:  binary.BigEndian.Uint64(stored[1:]),
		expiryMs: int64(binary.BigEndian.Uint64(stored[9:])),
	}
	if h.expiryMs < 0 {
		return header{}, nil, table.ErrCorrupt
	}
	return h, payload, nil
}

// checksum covers the key too, so that a value cannot turn up under another key unnoticed.
func checksum(key, head, payload []byte) uint32 {
	c := crc32.Update(0, castagnoli(), key)
	c = crc32.Update(c, castagnoli(), head)
	return crc32.Update(c, castagnoli(), payload)
}

// expiryOf is when a row written now with the ttl ends, rounded up to the millisecond.
func expiryOf(now time.Time, ttl time.Duration) int64 {
	if ttl <= 0 {
		return 0
	}
	return max(1, now.Add(ttl+time.Millisecond-1).UnixMilli())
}
