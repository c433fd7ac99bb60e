package index

import (
	"encoding/binary"
	"hash/crc32"
	"math"
	"time"

	pb "github.com/barrage-live/barrage/internal/media/index/indexpb"
)

// Part is what a journal knows of one part of a segment.
type Part struct {
	// Segment is that of the part; its Duration and Place are those of the part.
	Segment

	// Index counts the parts of the segment from 0.
	Index int
	// Needs is the init segment that the segment needs.
	Needs Init
	// Listed is what had been listed by then.
	Listed Listed
}

const (
	// MaxJournal is the size of a journal, in bytes.
	MaxJournal = 1 << 20
	// journalHead is what stands before a record: its length in 4 bytes, and its CRC-32C.
	journalHead = 8
	maxParts    = 1 << 20 // of a segment
)

// SumOf is the checksum of a Place: CRC-32C (RFC 3720 appendix B.4).
func SumOf(b []byte) uint32 { return AddSum(0, b) }

// AddSum is the checksum of bytes that follow those of another one.
func AddSum(sum uint32, b []byte) uint32 {
	return crc32.Update(sum, crc32.MakeTable(crc32.Castagnoli), b)
}

// AppendRecord appends the record of a part to a journal.
func (p *Part) AppendRecord(dst []byte) ([]byte, error) {
	record, err := marshal(&pb.Part{
		Sequence: p.Sequence, Index: uint32(p.Index), Segment: p.Segment.proto(), Init: p.Needs.proto(), Next: p.Listed.Next,
		NextInit: p.Listed.NextInit,
	})
	if err != nil {
		return dst, err
	}
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(record)))
	dst = binary.BigEndian.AppendUint32(dst, SumOf(record))
	return append(dst, record...), nil
}

// Parts reads a journal up to the end, or to what cannot be read: behind it nothing is certain.
func Parts(journal []byte) (parts []Part) {
	for len(journal) >= journalHead {
		n := binary.BigEndian.Uint32(journal)
		if n > MaxRow || int(n) > len(journal)-journalHead {
			break
		}
		record := journal[journalHead : journalHead+n]
		if SumOf(record) != binary.BigEndian.Uint32(journal[4:]) {
			break
		}
		p, err := decodePart(record)
		if err != nil {
			break
		}
		parts = append(parts, p)
		journal = journal[journalHead+n:]
	}
	return parts
}

func decodePart(record []byte) (Part, error) {
	var m pb.Part
	if err := unmarshal(record, &m); err != nil {
		return Part{}, err
	}
	s, err := toSegment(m.GetSequence(), m.GetSegment())
	if err != nil {
		return Part{}, err
	}
	i, err := toInit(s.Init, m.GetInit())
	if err != nil {
		return Part{}, err
	}
	if s.Gap || m.GetIndex() > maxParts || m.GetSequence() > math.MaxInt64 || m.GetNext() > math.MaxInt64 {
		return Part{}, bad("it is no part")
	}
	return Part{s, int(m.GetIndex()), i, Listed{m.GetNext(), m.GetNextInit()}}, nil
}

// Unfinished gives what a journal knows of the segments from a sequence number on that have begun with their
// first part: their parts in order, as far as they lie in a row.
func Unfinished(parts []Part, from uint64) (segments [][]Part) {
	for _, p := range parts {
		n := len(segments)
		switch {
		case p.Sequence < from:
		case p.Index == 0 && (n == 0 || segments[n-1][0].Sequence < p.Sequence):
			segments = append(segments, []Part{p})
		case n > 0 && follows(segments[n-1], &p):
			segments[n-1] = append(segments[n-1], p)
		}
	}
	return segments
}

// follows reports whether a part is the next one of a segment, in the same object right behind the others.
func follows(segment []Part, p *Part) bool {
	last := segment[len(segment)-1]
	return p.Sequence == last.Sequence && p.Index == len(segment) && p.Init == last.Init &&
		p.Place.Object == last.Place.Object && p.Place.Offset == last.Place.Offset+last.Place.Length
}

// Join makes a segment of its parts; without any sound part of those that were made it is a gap.
func Join(sound []Part, made []Part, sum uint32) Segment {
	s := made[0].Segment
	s.Place, s.Gap = Place{}, len(sound) == 0
	of := sound
	if s.Gap {
		of = made
	}
	s.Duration = 0
	for i := range of {
		s.Duration += of[i].Duration
		if !s.Gap {
			s.Place.Length += of[i].Place.Length
		}
	}
	s.Duration = min(s.Duration, time.Hour)
	if !s.Gap {
		s.Place.Object, s.Place.Offset, s.Place.Sum = sound[0].Place.Object, sound[0].Place.Offset, sum
	}
	return s
}
