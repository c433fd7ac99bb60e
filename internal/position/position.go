// Package position names places in a room's log.
//
// A Position is Epoch plus Offset. The offset counts danmaku from 1 and grows by exactly one; it goes on
// over a change of owner, because the new owner continues where the fenced log ended. The epoch is that of
// the lease under which the row was written: a row of a lower epoch can never follow one of a higher epoch.
// Together they let a reader prove that it missed nothing, and let a room say honestly that it cannot prove
// it.
package position

import (
	"cmp"
	"strconv"
	"strings"

	"github.com/barrage-live/barrage/internal/fault"
)

// Epoch numbers the leases of an owner; it grows with every change of ownership, so also with every restart.
// Zero means "no epoch".
type Epoch uint64

// Fence says who may write to a partition: the activation, within the epoch, that owns it. Fences are
// ordered by epoch, then activation, and none is given twice. The zero value is "never fenced".
type Fence struct {
	Epoch      Epoch
	Activation uint64
}

// Compare orders fences: a higher one shuts the lower ones out.
func (f Fence) Compare(g Fence) int {
	if c := cmp.Compare(f.Epoch, g.Epoch); c != 0 {
		return c
	}
	return cmp.Compare(f.Activation, g.Activation)
}

// IsZero reports whether f is no fence.
func (f Fence) IsZero() bool { return f == Fence{} }

// Offset numbers the danmaku of a room from 1. Zero is the place before the first.
type Offset uint64

// Position is a place in a room's log. The zero value is the place before everything.
type Position struct {
	Epoch  Epoch
	Offset Offset
}

// Compare orders positions as the log does: by offset, then by epoch.
func (p Position) Compare(q Position) int {
	if c := cmp.Compare(p.Offset, q.Offset); c != 0 {
		return c
	}
	return cmp.Compare(p.Epoch, q.Epoch)
}

// IsZero reports whether p is the place before everything.
func (p Position) IsZero() bool { return p == Position{} }

// String is "epoch-offset" in decimal, the form used in JSON, URLs and logs.
func (p Position) String() string {
	return strconv.FormatUint(uint64(p.Epoch), 10) + "-" + strconv.FormatUint(uint64(p.Offset), 10)
}

// Parse reads the form String writes; anything else is fault.Invalid.
func Parse(s string) (Position, error) {
	e, o, ok := strings.Cut(s, "-")
	if ok && len(s) <= 41 {
		epoch, errE := strconv.ParseUint(e, 10, 64)
		offset, errO := strconv.ParseUint(o, 10, 64)
		p := Position{Epoch(epoch), Offset(offset)}
		if errE == nil && errO == nil && p.String() == s {
			return p, nil
		}
	}
	return Position{}, fault.New(fault.Invalid, "bad_position", "a position is two decimals joined by a hyphen")
}
