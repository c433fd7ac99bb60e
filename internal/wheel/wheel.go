// Package wheel keeps very many timers cheaply: a hierarchical timing wheel of 64-slot levels.
//
// A Wheel owns nothing but the lists of its timers: no goroutine, no clock, no lock. Whoever holds it tells
// it the time and delivers what came due. A Clock does both, with one goroutine for any number of timers:
// the actors' of a node, the connections' of a gateway. Timers are intrusive, so that arming one allocates
// nothing.
//
// Promises: Add and Cancel take constant time. A timer never comes due early and at most one grain late.
// Timers come out in the order of their ticks, those of one tick in the order in which they were added.
// There is nothing that can fail.
//
//	level 0   64 slots of 1 grain       the present block of 64 ticks
//	level 1   64 slots of 64 grains     the present block of 4096 ticks; a slot spills into level 0 when its time comes
//	...       11 levels hold every 64-bit tick
package wheel

import (
	"math/bits"
	"time"
)

const (
	slotBits = 6
	slots    = 1 << slotBits
	levels   = 11
)

// Timer is one entry of a Wheel. The zero value is unarmed; set Value and pass it to Add. It must not be
// copied or moved to another Wheel while armed.
type Timer[T any] struct {
	// Value is what Advance hands out when the timer comes due.
	Value      T
	next, prev *Timer[T]
	tick       uint64
	level      uint8
	slot       uint8
	armed      bool
}

type list[T any] struct{ head, tail *Timer[T] }

// Wheel holds armed timers. It is not safe for concurrent use.
type Wheel[T any] struct {
	origin time.Time
	grain  time.Duration
	now    uint64 // ticks that have passed
	armed  int
	// occupied has a bit for every slot that is not empty.
	occupied [levels]uint64
	lists    [levels][slots]list[T]
}

// New makes a wheel whose ticks are grain long and count from origin. A grain below a microsecond counts as
// one.
func New[T any](origin time.Time, grain time.Duration) *Wheel[T] {
	return &Wheel[T]{origin: origin, grain: max(grain, time.Microsecond)}
}

// Len is the number of armed timers.
func (w *Wheel[T]) Len() int { return w.armed }

// Add arms t for the first tick at or after at; a time that has passed means the next tick. An armed timer
// is moved.
func (w *Wheel[T]) Add(t *Timer[T], at time.Time) {
	w.Cancel(t)
	t.tick = max(w.ceil(at), w.now+1)
	t.armed = true
	w.armed++
	w.place(t)
}

// Cancel disarms t and reports whether it was armed.
func (w *Wheel[T]) Cancel(t *Timer[T]) bool {
	if !t.armed {
		return false
	}
	l := &w.lists[t.level][t.slot]
	if t.prev == nil {
		l.head = t.next
	} else {
		t.prev.next = t.next
	}
	if t.next == nil {
		l.tail = t.prev
	} else {
		t.next.prev = t.prev
	}
	if l.head == nil {
		w.occupied[t.level] &^= 1 << t.slot
	}
	t.next, t.prev, t.armed = nil, nil, false
	w.armed--
	return true
}

// Advance moves the wheel to now and appends the values of the timers that came due to dst, in order. The
// timers are disarmed. A time before the last one given changes nothing.
func (w *Wheel[T]) Advance(now time.Time, dst []T) []T {
	if now.Before(w.origin) {
		return dst
	}
	target := uint64(now.Sub(w.origin) / w.grain)
	for {
		tick, level, slot, ok := w.earliest()
		if !ok || tick > target {
			break
		}
		w.now = tick
		dst = w.spill(level, slot, dst)
	}
	w.now = max(w.now, target)
	return dst
}

// Next is a time at which Advance has something to do, not later than the first timer comes due; false
// without timers. It may be earlier by what a slot of a higher level spans, but then Advance makes progress
// towards it.
func (w *Wheel[T]) Next() (time.Time, bool) {
	tick, _, _, ok := w.earliest()
	if !ok {
		return time.Time{}, false
	}
	return w.origin.Add(time.Duration(tick) * w.grain), true
}

// ceil is the first tick at or after at.
func (w *Wheel[T]) ceil(at time.Time) uint64 {
	d := at.Sub(w.origin)
	if d <= 0 {
		return 0
	}
	ticks := d / w.grain
	if d%w.grain != 0 {
		ticks++
	}
	return uint64(ticks)
}

// place links an armed timer into the level of the highest digit in which its tick differs from the
// present. All earlier digits being equal, its slot lies after the present one of that level: nothing ever
// wraps around.
func (w *Wheel[T]) place(t *Timer[T]) {
	level := (63 - bits.LeadingZeros64((w.now^t.tick)|(slots-1))) / slotBits
	slot := (t.tick >> (slotBits * level)) & (slots - 1)
	t.level, t.slot = uint8(level), uint8(slot)
	l := &w.lists[level][slot]
	t.prev = l.tail
	if l.tail == nil {
		l.head = t
	} else {
		l.tail.next = t
	}
	l.tail = t
	w.occupied[level] |= 1 << slot
}

// earliest finds the first slot that is not empty and the tick at which it begins. Lower levels hold only
// the present block of the next higher one, so the first level that has something has the earliest.
func (w *Wheel[T]) earliest() (tick uint64, level, slot int, ok bool) {
	for level := range levels {
		if w.occupied[level] == 0 {
			continue
		}
		slot := bits.TrailingZeros64(w.occupied[level])
		shift := slotBits * level
		block := w.now >> shift &^ (slots - 1)
		return (block | uint64(slot)) << shift, level, slot, true
	}
	return 0, 0, 0, false
}

// spill empties a slot whose time has come: what is due goes to dst, the rest moves to lower levels.
func (w *Wheel[T]) spill(level, slot int, dst []T) []T {
	t := w.lists[level][slot].head
	w.lists[level][slot] = list[T]{}
	w.occupied[level] &^= 1 << slot
	for t != nil {
		next := t.next
		t.next, t.prev = nil, nil
		if t.tick <= w.now {
			t.armed = false
			w.armed--
			dst = append(dst, t.Value)
		} else {
			w.place(t)
		}
		t = next
	}
	return dst
}
