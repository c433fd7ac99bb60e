package quota

import (
	"container/list"
	"net/netip"
	"slices"
	"sync"

	"github.com/barrage-live/barrage/internal/fault"
)

// ErrGaveWay is the end of who had to give way.
var ErrGaveWay = fault.New(fault.Unavailable, "gave_way", "the place was needed before anything was shown for it").After(retryAfter)

// addressPart says what an address may hold: one part of so many of all places, and at least alike.
const addressPart = 8

// alike is how many places of a network are not held against it: networks with so many or fewer give way by
// age alone. Else the second encoder of a house would be the first to go when a thousand networks come.
const alike = 4

// Yielding are places of those who have not shown yet what they come for, which takes them a moment. One
// address may hold an eighth. A newcomer who finds all of them taken gets one nevertheless: who has waited
// longest in the network that holds most gives way, the widest network first, then the narrower ones in it.
//
// Thus a few networks, however many addresses they have, push out only themselves. Whose network holds four
// places or fewer is pushed out only by n/4 networks that come together, n being the number of places, and
// only when more than n/t newcomers come a second, t being the time it takes to show what one comes for.
type Yielding struct {
	total int

	mu struct {
		sync.Mutex
		waiting *list.List // of *Waiting, who came first before all others
		going   int        // who gave way and is not gone yet
		holders holders
	}
}

// Waiting is a place of Yielding.
type Waiting struct {
	of     *Yielding
	around [Levels]*holder // the widest network first, the address last
	yield  func()
	at     *list.Element // nil: gave way
	gone   bool
}

// NewYielding makes so many places that nobody holds. Beside those who hold them, as many that gave way may
// not be gone yet.
func NewYielding(total int) *Yielding {
	y := &Yielding{total: max(total, 1)}
	y.mu.waiting = list.New()
	y.mu.holders = holders{}
	return y
}

// Take gives a newcomer a place: ErrCrowded when its address has an eighth of all, ErrFull when as many as
// there are places gave way and are not gone yet. yield is called when the place has to be given up, by
// somebody else's Take: it must not block. Callers without a known address count as one.
func (y *Yielding) Take(addr netip.Addr, yield func()) (*Waiting, error) {
	w, out, err := y.take(addr, yield)
	if out != nil {
		out.yield()
	}
	return w, err
}

func (y *Yielding) take(addr netip.Addr, yield func()) (w, out *Waiting, err error) {
	var levels [Levels]netip.Prefix
	around := Around(&levels, addr)
	y.mu.Lock()
	defer y.mu.Unlock()
	if y.mu.holders.held(around[0]) >= max(y.total/addressPart, alike) {
		return nil, nil, ErrCrowded
	}
	full := y.mu.waiting.Len() >= y.total
	if full && y.mu.going >= y.total {
		return nil, nil, ErrFull
	}
	w = &Waiting{of: y, yield: yield}
	h := y.mu.holders.hold(around)
	for i := range w.around {
		w.around[Levels-1-i] = h
		if h.around != nil {
			h = h.around
		}
	}
	if full { // the newcomer counts for its networks already, and does not give way itself
		out = y.longest()
		y.mu.waiting.Remove(out.at)
		y.mu.holders.release(out.around[Levels-1])
		out.at = nil
		y.mu.going++
	}
	w.at = y.mu.waiting.PushBack(w)
	return w, out, nil
}

// longest is who has to give way. The lock is held. It looks at all of them: they are a thousand or so.
func (y *Yielding) longest() *Waiting {
	var most [Levels]int
	var longest *Waiting
	for e := y.mu.waiting.Front(); e != nil; e = e.Next() {
		w, _ := e.Value.(*Waiting) // nothing else is in the list
		var held [Levels]int
		for i, h := range w.around {
			held[i] = max(h.held, alike)
		}
		if slices.Compare(held[:], most[:]) > 0 {
			most, longest = held, w
		}
	}
	return longest
}

// Give gives the place back, and reports whether it was the caller's to the end. Who gave way says with it
// that it is gone. To give it again changes nothing.
func (w *Waiting) Give() bool {
	y := w.of
	y.mu.Lock()
	defer y.mu.Unlock()
	kept := w.at != nil
	switch {
	case w.gone:
	case kept:
		y.mu.waiting.Remove(w.at)
		y.mu.holders.release(w.around[Levels-1])
	default:
		y.mu.going--
	}
	w.gone = true
	return kept
}

// Open is how many are there: those who hold a place, and those who gave way and are not gone.
func (y *Yielding) Open() int {
	y.mu.Lock()
	defer y.mu.Unlock()
	return y.mu.waiting.Len() + y.mu.going
}
