package cluster

import "time"

const (
	crashLimit  = 3
	crashWindow = time.Minute
	minRest     = 5 * time.Second
	maxRest     = 5 * time.Minute
	// forgiven is how long after its last panic or rest an actor counts as sound.
	forgiven = 10 * time.Minute
)

// crashes remembers the panics of one actor over its activations: the third within a minute puts it to
// rest, each rest twice as long as the one before. Pure: the caller gives the time.
type crashes struct {
	recent []time.Time
	rest   time.Duration
	until  time.Time
}

// add counts a panic and reports whether the actor rests now.
func (c *crashes) add(now time.Time) bool {
	if c.forgotten(now) {
		*c = crashes{}
	}
	kept := c.recent[:0]
	for _, at := range c.recent {
		if now.Sub(at) < crashWindow {
			kept = append(kept, at)
		}
	}
	c.recent = append(kept, now)
	if len(c.recent) < crashLimit {
		return false
	}
	c.recent = nil
	c.rest = min(max(minRest, 2*c.rest), maxRest)
	c.until = now.Add(c.rest)
	return true
}

// left is how long the actor still rests; zero or less means that it works.
func (c *crashes) left(now time.Time) time.Duration { return c.until.Sub(now) }

// forgotten reports whether nothing is worth remembering any more.
func (c *crashes) forgotten(now time.Time) bool {
	last := c.until
	if n := len(c.recent); n > 0 && c.recent[n-1].After(last) {
		last = c.recent[n-1]
	}
	return now.Sub(last) >= forgiven
}
