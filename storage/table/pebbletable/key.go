package pebbletable

import (
	"bytes"
	"encoding/binary"
)

// The spaces. They are the first byte of every key and must never be renumbered.
const (
	spaceMeta   = 0x01
	spaceRow    = 0x02
	spaceFence  = 0x03
	spaceExpiry = 0x04
)

// The escape of names: a zero byte is followed by escZero inside a name and by escEnd at its end. Because
// escEnd is the smaller, a name sorts before every name it is a prefix of.
const (
	escByte = 0x00
	escEnd  = 0x01
	escZero = 0xff
)

// metaCeiling is the key of the version ceiling.
func metaCeiling() []byte { return []byte{spaceMeta, 'v'} }

// metaFormat is the key of the version of the row format.
func metaFormat() []byte { return []byte{spaceMeta, 'f'} }

// metaClock is the key of the mark of the clock.
func metaClock() []byte { return []byte{spaceMeta, 't'} }

// appendName appends an escaped, terminated name.
func appendName(dst []byte, name string) []byte {
	for i := range len(name) {
		dst = append(dst, name[i])
		if name[i] == escByte {
			dst = append(dst, escZero)
		}
	}
	return append(dst, escByte, escEnd)
}

// cutName takes one escaped name off the front of b.
func cutName(b []byte) (name string, rest []byte, ok bool) {
	var out []byte
	for {
		i := bytes.IndexByte(b, escByte)
		if i < 0 || i+1 >= len(b) {
			return "", nil, false
		}
		out = append(out, b[:i]...)
		mark := b[i+1]
		b = b[i+2:]
		switch mark {
		case escEnd:
			return string(out), b, true
		case escZero:
			out = append(out, escByte)
		default:
			return "", nil, false
		}
	}
}

// appendPartition appends the prefix that all rows of a partition have, and nothing else has.
func appendPartition(dst []byte, space byte, table, partition string) []byte {
	return appendName(appendName(append(dst, space), table), partition)
}

// rowKey is where a row lives.
func rowKey(table, partition string, key []byte) []byte {
	k := make([]byte, 0, len(table)+len(partition)+len(key)+8)
	return append(appendPartition(k, spaceRow, table, partition), key...)
}

// fenceKey is where a partition's fence lives.
func fenceKey(table, partition string) []byte {
	return appendPartition(make([]byte, 0, len(table)+len(partition)+8), spaceFence, table, partition)
}

// reminderSize is how much longer the key of a reminder is than the key it reminds of.
const reminderSize = 1 + 8

// expiryKey is the reminder to look at a row or a fence at a time.
func expiryKey(atMs int64, of []byte) []byte {
	k := make([]byte, 0, reminderSize+len(of))
	k = binary.BigEndian.AppendUint64(append(k, spaceExpiry), uint64(atMs))
	return append(k, of...)
}

// parseExpiry splits a reminder; ok is false if k is none.
func parseExpiry(k []byte) (atMs int64, of []byte, ok bool) {
	if len(k) <= reminderSize || k[0] != spaceExpiry || k[reminderSize] != spaceRow && k[reminderSize] != spaceFence {
		return 0, nil, false
	}
	return int64(binary.BigEndian.Uint64(k[1:reminderSize])), k[reminderSize:], true
}

// parseRow splits a row's key; ok is false if k is none.
func parseRow(k []byte) (table, partition string, key []byte, ok bool) {
	if len(k) == 0 || k[0] != spaceRow {
		return "", "", nil, false
	}
	table, rest, ok := cutName(k[1:])
	if !ok {
		return "", "", nil, false
	}
	partition, rest, ok = cutName(rest)
	return table, partition, rest, ok
}
