package pebbletable

import (
	"encoding/binary"
	"hash/crc32"
	"time"

	"github.com/barrage-live/barrage/internal/position"
	"github.com/barrage-live/barrage/storage/table"
)

// The header of every stored value; see FORMAT.md.
const (
	formatV1   = 0x01
	headerSize = 1 + 8 + 8 + 4
	crcAt      = 1 + 8 + 8
	// fenceSize is the payload of a fence.
	fenceSize = 8 + 8 + 8
)

// header is what is stored in front of a payload.
type header struct {
	version table.Version
	endMs   int64 // unix ms; zero is never
}

// live reports whether what has this header exists at the time.
func (h header) live(nowMs int64) bool { return h.endMs == 0 || h.endMs > nowMs }

// castagnoli is never written. To ask for it at every sum costs more than the sum, because what guards its
// making shares a cache line with what other cores write.
var castagnoli = crc32.MakeTable(crc32.Castagnoli) //nolint:gochecknoglobals // see above

// encode fills dst, which must have room for header and payload, with the value stored under key.
func encode(dst, key []byte, h header, payload []byte) {
	copy(dst[headerSize:], payload)
	seal := begin(key, payload)
	seal.finish(dst, h)
}

// unsealed is a checksum that lacks the header: what can be summed before version and end of life are known.
type unsealed uint32

// begin sums key and payload. The key's length, with which the sum begins, keeps the two apart, so that a
// value cannot turn up under another key unnoticed.
func begin(key, payload []byte) unsealed {
	c := crc32.Update(uint32(len(key)), castagnoli, key)
	return unsealed(crc32.Update(c, castagnoli, payload))
}

// finish writes the header in front of the payload that begin has summed.
func (u unsealed) finish(dst []byte, h header) {
	dst[0] = formatV1
	binary.BigEndian.PutUint64(dst[1:], uint64(h.version))
	binary.BigEndian.PutUint64(dst[9:], uint64(h.endMs))
	binary.BigEndian.PutUint32(dst[crcAt:], crc32.Update(uint32(u), castagnoli, dst[:crcAt]))
}

// decode checks a stored value and gives its parts; the payload aliases stored. Damage is table.ErrCorrupt.
func decode(key, stored []byte) (header, []byte, error) {
	if len(stored) < headerSize || stored[0] != formatV1 {
		return header{}, nil, table.ErrCorrupt
	}
	payload := stored[headerSize:]
	sum := crc32.Update(uint32(begin(key, payload)), castagnoli, stored[:crcAt])
	if binary.BigEndian.Uint32(stored[crcAt:]) != sum {
		return header{}, nil, table.ErrCorrupt
	}
	h := header{
		version: table.Version(binary.BigEndian.Uint64(stored[1:])),
		endMs:   int64(binary.BigEndian.Uint64(stored[9:])),
	}
	if h.endMs < 0 {
		return header{}, nil, table.ErrCorrupt
	}
	return h, payload, nil
}

// endOf is when a row written now with the ttl ends, rounded up to the millisecond.
func endOf(now time.Time, ttl time.Duration) int64 {
	if ttl <= 0 {
		return 0
	}
	return max(1, now.Add(ttl+time.Millisecond-1).UnixMilli())
}

// fence is a stored fence. The zero value is that of a partition that was never fenced.
type fence struct {
	position.Fence
	bornMs int64 // when the partition was fenced first
	endMs  int64 // when the fence ends, because the partition was found empty; zero while it has rows
}

func encodeFence(f fence) []byte {
	b := binary.BigEndian.AppendUint64(make([]byte, 0, fenceSize), uint64(f.Epoch))
	b = binary.BigEndian.AppendUint64(b, f.Activation)
	return binary.BigEndian.AppendUint64(b, uint64(f.bornMs))
}

func decodeFence(h header, payload []byte) (fence, error) {
	if len(payload) != fenceSize {
		return fence{}, table.ErrCorrupt
	}
	return fence{
		Fence: position.Fence{
			Epoch:      position.Epoch(binary.BigEndian.Uint64(payload)),
			Activation: binary.BigEndian.Uint64(payload[8:]),
		},
		bornMs: int64(binary.BigEndian.Uint64(payload[16:])),
		endMs:  h.endMs,
	}, nil
}
