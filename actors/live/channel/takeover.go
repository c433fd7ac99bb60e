package channel

import (
	"time"

	"github.com/barrage-live/barrage/internal/fault"
)

const (
	// maxTakeovers is how many publishers of a channel may throw out another within takeoverSpan. One whose
	// connection breaks and comes back before the old one is noticed does so once or twice; two encoders with
	// one key do it for ever, because each comes back when it is thrown out.
	maxTakeovers = 3
	takeoverSpan = 30 * time.Second
	// firstCalm is how long the next one is refused then, and maxCalm the most: the wait doubles with each
	// loop, until there was none for forgetCalm.
	firstCalm  = 30 * time.Second
	maxCalm    = 8 * time.Minute
	forgetCalm = 10 * time.Minute
)

// limit bounds how often something may happen: check refuses one more if there were too many, note counts
// one.
type limit interface {
	check(now time.Time) error
	note(now time.Time)
}

// slide puts a time in the place of the oldest, which is the first.
func slide(times []time.Time, now time.Time) {
	copy(times, times[1:])
	times[len(times)-1] = now
}

// takeovers are those of a channel lately.
type takeovers struct {
	last  [maxTakeovers]time.Time // the oldest first
	loops int                     // how often there were too many
	until time.Time               // to when nobody is thrown out
}

// note implements limit.
func (o *takeovers) note(now time.Time) { slide(o.last[:], now) }

// check refuses one more if there were too many. Whoever publishes stays then, and one that is gone without
// a word is noticed in some seconds. A refusal is remembered, also of one that only asked: an ingest asks
// before it begins, and would otherwise be let in as soon as the last takeovers are takeoverSpan ago.
func (o *takeovers) check(now time.Time) error {
	switch {
	case now.Before(o.until):
		return errLoop(o.until.Sub(now))
	case now.Sub(o.until) > forgetCalm:
		o.loops = 0
	}
	if o.last[0].IsZero() || now.Sub(o.last[0]) >= takeoverSpan {
		return nil
	}
	calm := min(firstCalm<<o.loops, maxCalm)
	*o = takeovers{loops: min(o.loops+1, maxTakeovers+1), until: now.Add(calm)}
	return errLoop(calm)
}

// loop reports whether encoders throw each other out.
func (o *takeovers) loop(now time.Time) bool { return now.Before(o.until) }

func errLoop(wait time.Duration) *fault.Error {
	return fault.Newf(fault.Conflict, "takeover_loop",
		"another encoder publishes to this channel, and each throws the other out: stop one of them, or wait %d s",
		(wait+time.Second-1)/time.Second).After(wait)
}
