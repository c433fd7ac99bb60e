package segmenter

import (
	"time"

	"github.com/barrage-live/barrage/internal/fault"
)

// Reasons for which a publication is given up.
var (
	errTimestamps = fault.New(fault.Exhausted, "bad_timestamps",
		"the timestamps jump too often or do not go with the time; send in real time, or restart the encoder")
	errConfigs = fault.New(fault.Exhausted, "config_changes",
		"the settings of the pictures change too often; restart the encoder")
)

const (
	// allowance is what a publication may cost in a minute, and what it may save up: a unit that cannot be
	// used costs one, a break breakCost.
	allowance = 1000
	breakCost = 50
)

// budget bounds what a publication may break. Everything that is the publisher's fault is paid of it, and
// between two breaks, whatever their reason, lies a time in which what would need another is dropped. It goes
// by arrival: timestamps are what it must not believe.
type budget struct {
	spent  float64
	at     time.Time // when spent held
	apart  time.Duration
	broken time.Time // the last break
	err    error     // set when more was spent than is there
}

func (b *budget) restart() { *b = budget{apart: b.apart} }

// pay takes a fault of the publisher at a time of arrival.
func (b *budget) pay(now time.Time, cost float64, reason error) {
	b.spent = max(0, b.spent-now.Sub(b.at).Minutes()*allowance) + cost
	b.at = now
	if b.spent > allowance {
		b.giveUp(reason)
	}
}

// giveUp says why nothing that comes is taken any more.
func (b *budget) giveUp(reason error) {
	if b.err == nil {
		b.err = reason
	}
}

// mayBreak reports whether the last break is long enough ago.
func (b *budget) mayBreak(now time.Time) bool { return now.Sub(b.broken) >= b.apart }
