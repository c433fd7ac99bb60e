package outbox

import (
	"context"
	"encoding/binary"
	"slices"
	"time"

	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/storage/eventlog"
	"github.com/barrage-live/barrage/storage/table"
)

const (
	reserved = 0x00
	formatV1 = 0x01
	// rowSize is the length of the key of a staged event.
	rowSize = 1 + 8
	// MaxStaged is how many events may be staged in one partition and not yet be in the log.
	MaxStaged = 256
	// MaxBytes is how many bytes.
	MaxBytes = 512 << 10
)

var (
	errFull   = fault.New(fault.Exhausted, "outbox_full", "what happened before is not told yet").After(time.Second)
	errFormat = fault.New(fault.Internal, "outbox_unreadable", "a staged event does not have its form")
	errEvent  = fault.New(fault.Invalid, "bad_staged_event", "a topic, a key or a payload is empty or too long")
)

// Event is a fact to be told.
type Event struct {
	Topic, Key string
	Payload    []byte
}

// Staged is an event that is stored and may not be in the log yet.
type Staged struct {
	Event
	// Seq is its number.
	Seq uint64
}

// Log is what Append needs of the event log; *eventlog.Log has it.
type Log interface {
	Append(ctx context.Context, topic, key string, events ...eventlog.Event) error
}

// Reserved reports whether a key of the partition is the outbox's.
func Reserved(key []byte) bool { return len(key) > 0 && key[0] == reserved }

// End is the smallest key above the outbox's.
func End() []byte { return []byte{reserved + 1} }

// Box is the outbox of one partition, as its owner knows it. One goroutine uses it at a time.
type Box struct {
	last    uint64   // the number that was given last
	pending []Staged // stored, in order, not known to be in the log
	bytes   int      // of pending
	// rows lie in the table from first up to but not including next; those before told are in the log.
	first, told uint64
}

// New makes the box of a partition that holds these rows of the outbox, all there are, in order.
func New(rows []table.Row) (*Box, error) {
	b := &Box{}
	for _, r := range rows {
		if len(r.Key) == 1 {
			if len(r.Value) != rowSize || r.Value[0] != formatV1 {
				return nil, errFormat
			}
			b.last = binary.BigEndian.Uint64(r.Value[1:])
			continue
		}
		e, err := decode(r)
		if err != nil {
			return nil, err
		}
		b.pending = append(b.pending, e)
		b.bytes += e.size()
	}
	b.first = b.last + 1
	if len(b.pending) > 0 {
		b.first = b.pending[0].Seq
	}
	b.told = b.first
	return b, nil
}

// Batch is what belongs into the write of a change.
type Batch struct {
	// Ops stage the events and remove what is in the log.
	Ops    []table.Op
	staged []Staged
	told   uint64
}

// Stage gives what to write together with a change of which the events tell. It uses up their numbers;
// after the write was durable, Stored must be called, and after an unknown outcome the box be made anew
// from what is stored.
func (b *Box) Stage(events ...Event) (Batch, error) {
	batch := Batch{told: b.told}
	size := b.bytes
	for _, e := range events {
		if e.Topic == "" || len(e.Topic) > eventlog.MaxTopic || e.Key == "" || len(e.Key) > eventlog.MaxKey || len(e.Payload) > eventlog.MaxPayload {
			return Batch{}, errEvent
		}
		b.last++
		s := Staged{e, b.last}
		size += s.size()
		batch.staged = append(batch.staged, s)
		batch.Ops = append(batch.Ops, table.Put(rowKey(s.Seq), encode(s)))
	}
	if len(events) > 0 {
		if len(b.pending)+len(events) > MaxStaged || size > MaxBytes {
			return Batch{}, errFull
		}
		batch.Ops = append(batch.Ops, table.Put([]byte{reserved}, binary.BigEndian.AppendUint64([]byte{formatV1}, b.last)))
	}
	if b.first < b.told {
		batch.Ops = append(batch.Ops, table.DeleteRange(rowKey(b.first), rowKey(b.told)))
	}
	return batch, nil
}

// Stored says that a batch is durable.
func (b *Box) Stored(batch Batch) {
	b.first = max(b.first, batch.told)
	for _, s := range batch.staged {
		b.pending = append(b.pending, s)
		b.bytes += s.size()
	}
}

// Pending are the events that are stored and not known to be in the log, in order. They do not change any
// more.
func (b *Box) Pending() []Staged { return slices.Clip(b.pending) }

// Told says that all pending events up to that number are in the log.
func (b *Box) Told(seq uint64) {
	for len(b.pending) > 0 && b.pending[0].Seq <= seq {
		b.bytes -= b.pending[0].size()
		b.pending = b.pending[1:]
	}
	b.told = max(b.told, seq+1)
}

// Clean reports whether nothing is pending and no row is left to be removed.
func (b *Box) Clean() bool { return len(b.pending) == 0 && b.first >= b.told }

// Append appends events of a source to the log, in order, and gives the number of the last one that is
// surely there, 0 for none.
func Append(ctx context.Context, log Log, source string, events []Staged) (told uint64, err error) {
	for len(events) > 0 {
		first, n, size := events[0], 0, 0
		var run []eventlog.Event
		for ; n < len(events) && n < eventlog.MaxEvents && events[n].Topic == first.Topic && events[n].Key == first.Key; n++ {
			e := eventlog.Event{ID: eventlog.ID{Source: source, Seq: events[n].Seq}, Payload: events[n].Payload}
			if size += eventlog.Weight(first.Key, e); size > eventlog.MaxBytes {
				break
			}
			run = append(run, e)
		}
		if err := log.Append(ctx, first.Topic, first.Key, run...); err != nil {
			return told, err
		}
		told, events = events[n-1].Seq, events[n:]
	}
	return told, nil
}

func rowKey(seq uint64) []byte { return binary.BigEndian.AppendUint64([]byte{reserved}, seq) }

func (s Staged) size() int { return rowSize + 4 + len(s.Topic) + len(s.Key) + len(s.Payload) }

func encode(s Staged) []byte {
	v := append(make([]byte, 0, s.size()), formatV1, byte(len(s.Topic)))
	v = append(v, s.Topic...)
	v = binary.BigEndian.AppendUint16(v, uint16(len(s.Key)))
	v = append(v, s.Key...)
	return append(v, s.Payload...)
}

func decode(r table.Row) (s Staged, err error) {
	v := r.Value
	if len(r.Key) != rowSize || len(v) < 2 || v[0] != formatV1 {
		return s, errFormat
	}
	topic := int(v[1])
	if v = v[2:]; len(v) < topic+2 {
		return s, errFormat
	}
	s.Seq, s.Topic, v = binary.BigEndian.Uint64(r.Key[1:]), string(v[:topic]), v[topic:]
	key := int(binary.BigEndian.Uint16(v))
	if v = v[2:]; len(v) < key {
		return s, errFormat
	}
	s.Key, s.Payload = string(v[:key]), v[key:]
	return s, nil
}
