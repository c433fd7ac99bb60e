package wire

import (
	"math"
	"time"

	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/position"
	"github.com/barrage-live/barrage/internal/wire/wirepb"
)

// Refusal is the error frame for err that answers the client frame id; 0 if it answers none.
func Refusal(id uint64, err error) *wirepb.ServerFrame {
	f := fault.From(err)
	return &wirepb.ServerFrame{Id: id, Body: &wirepb.ServerFrame_Error{Error: &wirepb.Error{
		Kind:         f.Kind.String(),
		Code:         f.Code,
		Message:      f.Message,
		RetryAfterMs: milliseconds(f.RetryAfter),
		Field:        f.Field,
	}}}
}

// milliseconds rounds up, so that a client never comes back too early.
func milliseconds(d time.Duration) uint32 {
	if d <= 0 {
		return 0
	}
	return uint32(min(math.MaxUint32, (d+time.Millisecond-1)/time.Millisecond))
}

// FromPosition is the wire form of a position; nil for the place before everything.
func FromPosition(p position.Position) *wirepb.Position {
	return PutPosition(&wirepb.Position{}, p)
}

// PutPosition is FromPosition in memory that is there already.
func PutPosition(dst *wirepb.Position, p position.Position) *wirepb.Position {
	if p.IsZero() {
		return nil
	}
	dst.Epoch, dst.Offset = uint64(p.Epoch), uint64(p.Offset)
	return dst
}

// ToPosition reads the wire form; absent is the place before everything.
func ToPosition(p *wirepb.Position) position.Position {
	return position.Position{Epoch: position.Epoch(p.GetEpoch()), Offset: position.Offset(p.GetOffset())}
}
