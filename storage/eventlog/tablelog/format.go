package tablelog

import (
	"encoding/binary"
	"hash/fnv"
	"time"

	"github.com/barrage-live/barrage/storage/eventlog/driver"
	"github.com/barrage-live/barrage/storage/table"
)

// The format of rows; see FORMAT.md.
const (
	eventMark = 'e'
	headMark  = 'h'
	formatV1  = 0x01
	markBytes = 16
)

func eventKey(at uint64) []byte { return binary.BigEndian.AppendUint64([]byte{eventMark}, at) }

// head is what is known of a partition as a whole.
type head struct {
	first, next uint64 // the offsets of the oldest event that is kept and of the next one
	marks       []mark // oldest first
}

// mark says that everything below an offset had been appended by a time.
type mark struct {
	at     time.Time // to the millisecond
	offset uint64
}

func (h *head) encode() []byte {
	b := binary.BigEndian.AppendUint64([]byte{formatV1}, h.first)
	b = binary.BigEndian.AppendUint64(b, h.next)
	for _, m := range h.marks {
		b = binary.BigEndian.AppendUint64(b, uint64(m.at.UnixMilli()))
		b = binary.BigEndian.AppendUint64(b, m.offset)
	}
	return b
}

// decodeHead reads the value of a head's row; anything else is table.ErrCorrupt.
func decodeHead(b []byte) (head, error) {
	if len(b) < 17 || b[0] != formatV1 || len(b[17:])%markBytes != 0 {
		return head{}, table.ErrCorrupt
	}
	h := head{first: binary.BigEndian.Uint64(b[1:9]), next: binary.BigEndian.Uint64(b[9:17])}
	last := h.first
	for b = b[17:]; len(b) > 0; b = b[markBytes:] {
		m := mark{time.UnixMilli(int64(binary.BigEndian.Uint64(b[:8]))).UTC(), binary.BigEndian.Uint64(b[8:16])}
		if m.offset < last {
			return head{}, table.ErrCorrupt
		}
		last = m.offset
		h.marks = append(h.marks, m)
	}
	if last > h.next {
		return head{}, table.ErrCorrupt
	}
	return h, nil
}

// encodeEvent makes the value of an event's row.
func encodeEvent(key string, e driver.Event, at time.Time) []byte {
	b := make([]byte, 0, 1+8+8+2*binary.MaxVarintLen16+len(key)+len(e.ID.Source)+len(e.Payload))
	b = binary.BigEndian.AppendUint64(append(b, formatV1), uint64(at.UnixMilli()))
	b = binary.BigEndian.AppendUint64(b, e.ID.Seq)
	b = append(binary.AppendUvarint(b, uint64(len(key))), key...)
	b = append(binary.AppendUvarint(b, uint64(len(e.ID.Source))), e.ID.Source...)
	return append(b, e.Payload...)
}

// decodeEvent reads the value of an event's row, without its offset; anything else is table.ErrCorrupt. The
// payload aliases b.
func decodeEvent(b []byte) (driver.Record, error) {
	if len(b) < 17 || b[0] != formatV1 {
		return driver.Record{}, table.ErrCorrupt
	}
	r := driver.Record{Time: time.UnixMilli(int64(binary.BigEndian.Uint64(b[1:9]))).UTC()}
	r.ID.Seq = binary.BigEndian.Uint64(b[9:17])
	var keyed, sourced bool
	r.Key, b, keyed = cutString(b[17:])
	r.ID.Source, r.Payload, sourced = cutString(b)
	if !keyed || !sourced {
		return driver.Record{}, table.ErrCorrupt
	}
	return r, nil
}

// decodeRow reads an event's row.
func decodeRow(row table.Row) (driver.Record, error) {
	if len(row.Key) != 9 || row.Key[0] != eventMark {
		return driver.Record{}, table.ErrCorrupt
	}
	r, err := decodeEvent(row.Value)
	r.Offset = binary.BigEndian.Uint64(row.Key[1:])
	return r, err
}

// cutString takes a string with its length off the front of b.
func cutString(b []byte) (s string, rest []byte, ok bool) {
	n, used := binary.Uvarint(b)
	if used <= 0 || n > uint64(len(b)-used) {
		return "", nil, false
	}
	end := used + int(n)
	return string(b[used:end]), b[end:], true
}

// partitionOf is where a key lies.
func partitionOf(key string, n int) int {
	h := fnv.New32a()
	_, _ = h.Write([]byte(key))
	return int(h.Sum32() % uint32(n))
}
