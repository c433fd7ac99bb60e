package tablelog

import (
	"encoding/binary"
	"time"

	"github.com/barrage-live/barrage/storage/eventlog/driver"
	"github.com/barrage-live/barrage/storage/table"
)

// The format of rows; see FORMAT.md.
const (
	eventMark = 'e'
	idMark    = 'i'
	formatV1  = 0x01
)

func eventKey(at uint64) []byte { return binary.BigEndian.AppendUint64([]byte{eventMark}, at) }

func idKey(id string) []byte { return append([]byte{idMark}, id...) }

func offset(at uint64) []byte { return binary.BigEndian.AppendUint64(nil, at) }

// encodeEvent makes the value of an event's row.
func encodeEvent(e driver.Entry, at time.Time) []byte {
	b := make([]byte, 0, 1+8+2*binary.MaxVarintLen16+len(e.Key)+len(e.ID)+len(e.Payload))
	b = binary.BigEndian.AppendUint64(append(b, formatV1), uint64(at.UnixMilli()))
	b = append(binary.AppendUvarint(b, uint64(len(e.Key))), e.Key...)
	b = append(binary.AppendUvarint(b, uint64(len(e.ID))), e.ID...)
	return append(b, e.Payload...)
}

// decodeEvent reads the value of an event's row, without its offset; anything else is table.ErrCorrupt. The payload
// aliases b.
func decodeEvent(b []byte) (driver.Event, error) {
	if len(b) < 9 || b[0] != formatV1 {
		return driver.Event{}, table.ErrCorrupt
	}
	at := int64(binary.BigEndian.Uint64(b[1:9]))
	key, rest, ok := cutString(b[9:])
	if !ok {
		return driver.Event{}, table.ErrCorrupt
	}
	id, rest, ok := cutString(rest)
	if !ok {
		return driver.Event{}, table.ErrCorrupt
	}
	return driver.Event{Entry: driver.Entry{Key: key, ID: id, Payload: rest}, Time: time.UnixMilli(at).UTC()}, nil
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
