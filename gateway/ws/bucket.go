package ws

import "time"

// bucket is a token bucket. The zero value is full at the first take.
type bucket struct {
	spent float64 // tokens taken and not yet grown back
	at    time.Duration
}

// take takes one token at now (a time since any fixed moment) and reports whether there was one.
func (b *bucket) take(now time.Duration, perSecond, burst float64) bool {
	b.spent = max(0, b.spent-(now-b.at).Seconds()*perSecond)
	b.at = now
	if b.spent+1 > burst {
		return false
	}
	b.spent++
	return true
}

// full reports whether nothing is missing at now.
func (b *bucket) full(now time.Duration, perSecond float64) bool {
	return b.spent <= (now-b.at).Seconds()*perSecond
}
