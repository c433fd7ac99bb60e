package localcache

import (
	"time"

	"github.com/barrage-live/barrage/storage/cache/driver"
)

// pieces is how many parts a window is counted in. One more is kept, so that the sum covers at least a
// whole window and the limit is never exceeded; the price is that an event counts up to an eighth of a
// window too long.
const pieces = 8

// window counts events of the recent past in a ring of pieces. It is a value: time comes in as an argument.
type window struct {
	piece  time.Duration // length of one
	newest int64         // number of the piece that is being counted
	counts [pieces + 1]int64
}

// allow counts an event at now, or says when one would be allowed.
func (w *window) allow(now time.Duration, rate driver.Rate) (ok bool, retryAfter time.Duration) {
	w.advance(now, max(1, (rate.Window+pieces-1)/pieces))
	sum := w.sum()
	if sum < rate.Limit {
		w.counts[w.newest%int64(len(w.counts))]++
		return true, 0
	}
	// Find the piece n with whose end enough is forgotten. It falls out when n+pieces+1 begins, which is at
	// n+1 pieces of time, because numbering begins above pieces.
	for n := w.newest - pieces; ; n++ {
		sum -= w.counts[n%int64(len(w.counts))]
		if sum < rate.Limit {
			return false, time.Duration(n+1)*w.piece - now
		}
	}
}

func (w *window) sum() (sum int64) {
	for _, n := range w.counts {
		sum += n
	}
	return sum
}

// advance makes the piece of now the newest and forgets those that fell out. When the length of pieces
// changes, all that was counted counts as if it were now.
func (w *window) advance(now, piece time.Duration) {
	// Numbering begins above pieces, so that no piece before the first has a negative number.
	number := int64(now/piece) + pieces
	if w.piece != piece {
		sum := w.sum()
		*w = window{piece: piece, newest: number}
		w.counts[number%int64(len(w.counts))] = sum
		return
	}
	for forget := min(number-w.newest, int64(len(w.counts))); forget > 0; forget-- {
		w.counts[(number-forget+1)%int64(len(w.counts))] = 0
	}
	w.newest = max(w.newest, number)
}
