package quota

import (
	"sync"
	"time"
)

// Rate is what a bucket grows by, and holds.
type Rate struct{ PerSecond, Burst float64 }

// Times is a rate for so many.
func (r Rate) Times(n int) Rate { return Rate{r.PerSecond * float64(n), r.Burst * float64(n)} }

// Bucket is a token bucket. The zero value is full. Its times count from any fixed moment. It is not safe
// for concurrent use.
type Bucket struct {
	spent float64 // tokens taken and not yet grown back
	at    time.Duration
}

// Take takes cost tokens and reports whether they were there; a cost above the burst never is.
func (b *Bucket) Take(now time.Duration, r Rate, cost float64) bool {
	b.grow(now, r)
	if b.spent+cost > r.Burst {
		return false
	}
	b.spent += cost
	return true
}

// Charge takes cost tokens that may not be there: what is missing has to grow first. The debt is at most
// one more burst. A negative cost gives tokens back, up to a full bucket.
func (b *Bucket) Charge(now time.Duration, r Rate, cost float64) {
	b.grow(now, r)
	b.spent = max(0, min(b.spent+cost, 2*r.Burst))
}

// Full reports whether nothing is missing.
func (b *Bucket) Full(now time.Duration, r Rate) bool {
	return b.spent <= (now-b.at).Seconds()*r.PerSecond
}

func (b *Bucket) grow(now time.Duration, r Rate) {
	b.spent = max(0, b.spent-(now-b.at).Seconds()*r.PerSecond)
	b.at = now
}

// Demand names a bucket of Rates and the rate it has.
type Demand[K comparable] struct {
	Key  K
	Rate Rate
}

// Rates are buckets by key. When as many keys as it was made for are busy, those that come new share one
// bucket.
type Rates[K comparable] struct {
	most int

	mu struct {
		sync.Mutex
		buckets map[K]*rated
		others  rated
		swept   time.Duration // the last time that keys were forgotten; 0: never
	}
}

type rated struct {
	Bucket
	rate Rate
}

// NewRates remembers at most so many keys.
func NewRates[K comparable](most int) *Rates[K] {
	r := &Rates[K]{most: most}
	r.mu.buckets = map[K]*rated{}
	return r
}

// Take takes cost tokens from every bucket that is named, or from none if one of them has too few, and
// reports whether it did.
func (r *Rates[K]) Take(now time.Duration, cost float64, from ...Demand[K]) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, d := range from {
		b := r.bucket(now, d)
		if b.grow(now, d.Rate); b.spent+cost > d.Rate.Burst {
			return false
		}
	}
	for _, d := range from {
		r.bucket(now, d).spent += cost
	}
	return true
}

// Charge takes cost tokens from every bucket that is named, as Bucket.Charge does.
func (r *Rates[K]) Charge(now time.Duration, cost float64, from ...Demand[K]) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, d := range from {
		r.bucket(now, d).Charge(now, d.Rate, cost)
	}
}

// bucket finds or makes a bucket. The lock is held.
func (r *Rates[K]) bucket(now time.Duration, d Demand[K]) *rated {
	if b, ok := r.mu.buckets[d.Key]; ok {
		b.rate = d.Rate
		return b
	}
	if len(r.mu.buckets) >= r.most {
		r.sweep(now)
	}
	if len(r.mu.buckets) >= r.most {
		return &r.mu.others
	}
	b := &rated{Bucket{at: now}, d.Rate}
	r.mu.buckets[d.Key] = b
	return b
}

// sweep forgets the keys whose buckets are full again, at most once a second.
func (r *Rates[K]) sweep(now time.Duration) {
	if r.mu.swept != 0 && now-r.mu.swept < time.Second {
		return
	}
	r.mu.swept = now
	for key, b := range r.mu.buckets {
		if b.Full(now, b.rate) {
			delete(r.mu.buckets, key)
		}
	}
}
