package pebbletable

import (
	"encoding/binary"
	"slices"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"github.com/barrage-live/barrage/storage/table"
	"github.com/barrage-live/barrage/storage/table/driver"
)

// prepared is a batch whose keys and values have been copied, laid out and summed in the caller's
// goroutine. The committer decides it and adds what only it knows: the version and the ends of life.
// Nothing in it refers to the caller's bytes.
type prepared struct {
	conditions []condition
	ranges     []span
	pb         *pebble.Batch
	holes      []hole
}

// condition is what a row must be for the batch to happen.
type condition struct {
	key     []byte // as stored
	absent  bool
	version table.Version
}

// span is a range of stored keys to be deleted.
type span struct{ from, to []byte }

// hole is a place in the prepared batch that the committer fills.
type hole struct {
	value    int // offset of the value in the batch
	seal     unsealed
	ttl      time.Duration
	reminder int // offset of the key of the reminder; zero if there is none
}

// prepare lays a batch out whose rows have the prefix. The engine refuses a batch only for reasons of its
// own state, which Apply reports.
func (e *engine) prepare(prefix []byte, ops []driver.Op) prepared {
	p := prepared{pb: e.db.NewBatch(), holes: make([]hole, 0, len(ops))}
	prefix = slices.Clip(prefix)
	for i := range ops {
		op := &ops[i]
		if op.If != driver.Always {
			p.conditions = append(p.conditions, condition{append(prefix, op.Key...), op.If == driver.IfAbsent, op.Version})
		}
		switch op.Do {
		case driver.Put:
			p.put(prefix, op)
		case driver.Delete:
			d := p.pb.DeleteDeferred(len(prefix) + len(op.Key))
			copy(d.Key[copy(d.Key, prefix):], op.Key)
			_ = d.Finish()
		case driver.DeleteRange:
			p.ranges = append(p.ranges, spanOf(prefix, op.Key, op.To))
		case driver.Check:
		}
	}
	return p
}

func (p *prepared) put(prefix []byte, op *driver.Op) {
	size := len(prefix) + len(op.Key)
	d := p.pb.SetDeferred(size, headerSize+len(op.Value))
	copy(d.Key[copy(d.Key, prefix):], op.Key)
	copy(d.Value[headerSize:], op.Value)
	// Summed over the copy: if the caller breaks the rules and changes its bytes meanwhile, the row is odd
	// but not damaged.
	h := hole{value: p.pb.Len() - len(d.Value), seal: begin(d.Key, d.Value[headerSize:]), ttl: op.TTL}
	_ = d.Finish()
	if op.TTL != 0 {
		d := p.pb.SetDeferred(reminderSize+size, 0)
		d.Key[0] = spaceExpiry
		copy(d.Key[reminderSize+copy(d.Key[reminderSize:], prefix):], op.Key)
		h.reminder = p.pb.Len() - 1 - len(d.Key) // the length of the empty value takes one byte
		_ = d.Finish()
	}
	p.holes = append(p.holes, h)
}

// fill adds the version and the ends of life, and the checksums over them. Repr is the batch itself, not a
// copy; only bytes that prepare left open are written, before anything is appended or applied.
func (p *prepared) fill(version table.Version, now time.Time) {
	repr := p.pb.Repr()
	for _, h := range p.holes {
		end := endOf(now, h.ttl)
		h.seal.finish(repr[h.value:], header{version, end})
		if h.reminder != 0 {
			binary.BigEndian.PutUint64(repr[h.reminder+1:], uint64(end))
		}
	}
}

// spanOf is the stored form of a range of a partition.
func spanOf(prefix, from, to []byte) span {
	s := span{append(slices.Clip(prefix), from...), table.PrefixEnd(prefix)}
	if to != nil {
		s.to = append(slices.Clip(prefix), to...)
	}
	return s
}
