package ownership

import "time"

const (
	// renewals is how often a lease is renewed in its life while all is well.
	renewals = 3
	// margin is the part of a lease's life in which it is not trusted any more: by the time another node
	// may own our shards, we have long stopped.
	margin = 5
	// attempts is how many attempts fit into the life of a lease, each of which may hang to its end.
	attempts = 10
	// retryAfter and retrySpread say when a failed attempt is followed by the next, so that nodes do not
	// all come at once.
	retryAfter  = 200 * time.Millisecond
	retrySpread = 300 * time.Millisecond
	// unlimited is the time of an attempt for a lease that does not end by time.
	unlimited = time.Second
	// maxFlying is how many attempts may be under way: a store that answers none is not asked without end.
	maxFlying = 3
	// patience is how long messages are held in doubt. After it whoever waits is told that nothing was done.
	patience = time.Second
)

// Action is what a Lease wants done.
type Action uint8

// The actions.
const (
	// Rest: nothing until the next event.
	Rest Action = iota
	// Renew asks the store to prolong the lease.
	Renew
	// Join asks the store for a new lease.
	Join
	// Expel refuses the messages that were held back.
	Expel
)

// Outcome is how an attempt ended.
type Outcome uint8

// The outcomes.
const (
	// Done: renewed, joined or granted.
	Done Outcome = iota
	// Failed: the store did not say.
	Failed
	// Gone: the lease is lost for certain.
	Gone
	// Foreign: the shard is another node's.
	Foreign
)

// String is the outcome in metrics and logs.
func (o Outcome) String() string { return [...]string{"done", "failed", "gone", "foreign"}[o] }

// Lease is a node's membership as the node sees it. The zero value has none.
type Lease struct {
	ttl    time.Duration
	until  time.Duration // trusted before this time; never ends if ttl is zero
	next   time.Duration // of the next attempt
	held   bool
	flying int
	// doubted is since when messages are held, expelled that they were refused.
	doubted  time.Duration
	inDoubt  bool
	expelled bool
}

// Joined begins a lease that was asked for at asked and lives for ttl, zero for ever.
func (l *Lease) Joined(asked, now, ttl time.Duration) {
	*l = Lease{ttl: ttl, held: true, flying: l.flying, inDoubt: l.inDoubt, doubted: l.doubted, expelled: l.expelled}
	l.trust(asked, now)
}

// trust counts the life of the lease from when it was asked for, which is not after it was granted. One
// that has ended by now all the same leaves the doubt as it is.
func (l *Lease) trust(asked, now time.Duration) {
	l.until = max(l.until, asked+l.ttl-l.ttl/margin)
	l.next = asked + l.ttl/renewals
	if l.ttl == 0 || now < l.until {
		l.inDoubt, l.expelled = false, false
	}
}

// Until is when the lease is not trusted any more; ok is false for one that does not end by time.
func (l *Lease) Until() (at time.Duration, ok bool) { return l.until, l.ttl > 0 }

// Trusted reports whether the node may act.
func (l *Lease) Trusted(now time.Duration) bool {
	return l.held && !l.inDoubt && (l.ttl == 0 || now < l.until)
}

// Doubt notes that the lease was not trusted at now. It reports whether that is news.
func (l *Lease) Doubt(now time.Duration) bool {
	if l.inDoubt {
		return false
	}
	l.doubted, l.inDoubt = now, true
	return true
}

// Limit is how long an attempt may take.
func (l *Lease) Limit() time.Duration {
	if l.ttl == 0 {
		return unlimited
	}
	return l.ttl / attempts
}

// Next says what is to be done when.
func (l *Lease) Next() (what Action, at time.Duration) {
	switch {
	case l.flying >= maxFlying, l.held && l.ttl == 0:
	case l.held:
		what, at = Renew, l.next
	default:
		what, at = Join, l.next
	}
	if l.inDoubt && !l.expelled && (what == Rest || l.doubted+patience < at) {
		what, at = Expel, l.doubted+patience
	}
	return what, at
}

// Expelled notes that the held messages were refused.
func (l *Lease) Expelled() { l.expelled = true }

// Began notes that an attempt begins. jitter is between 0 and 1.
func (l *Lease) Began(now time.Duration, jitter float64) {
	l.flying++
	l.next = now + l.Limit() + l.pause(jitter) // unless it ends before
}

// Ended notes how an attempt that was begun at asked has ended. A renewal that succeeds late counts from
// then all the same. It does not concern attempts for an earlier lease, which Forget counts.
func (l *Lease) Ended(asked, now time.Duration, o Outcome, jitter float64) {
	l.flying--
	switch o {
	case Done:
		if l.held {
			l.trust(asked, now)
		}
	case Gone:
		l.Lost(now)
	case Failed, Foreign:
		l.next = min(l.next, now+l.pause(jitter))
	}
}

// Forget notes the end of an attempt that tells nothing of the present lease.
func (l *Lease) Forget() { l.flying-- }

// Flying is how many attempts are under way.
func (l *Lease) Flying() int { return l.flying }

// Lost notes the proof that the lease is over: a new one is asked for at once.
func (l *Lease) Lost(now time.Duration) {
	l.Doubt(now)
	l.held, l.next = false, now
}

func (l *Lease) pause(jitter float64) time.Duration {
	pause := retryAfter + time.Duration(jitter*float64(retrySpread))
	if l.ttl > 0 {
		pause = min(pause, l.ttl/attempts)
	}
	return pause
}
