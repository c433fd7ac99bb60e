package channel

import (
	"time"

	"github.com/barrage-live/barrage/internal/fault"
)

// maxReopenings is how often a broadcast that waits for its publisher may go on within reopenSpan. Each time
// costs a segment and a discontinuity in the playlist of every viewer. A bad line breaks some times in a
// minute, because it takes seconds until it is noticed, and as long to connect again.
const (
	maxReopenings = 20
	reopenSpan    = time.Minute
)

// reopenings are when the broadcasts of a channel went on lately, the oldest first.
type reopenings [maxReopenings]time.Time

// check refuses one more if there were too many, until the oldest is reopenSpan ago.
func (r *reopenings) check(now time.Time) error {
	wait := reopenSpan - now.Sub(r[0])
	if r[0].IsZero() || wait <= 0 {
		return nil
	}
	return fault.Newf(fault.Conflict, "reconnect_loop",
		"the publisher has come and gone %d times within a minute: see to its line, and come back in %d s",
		maxReopenings, (wait+time.Second-1)/time.Second).After(wait)
}

// note implements limit.
func (r *reopenings) note(now time.Time) { slide(r[:], now) }
