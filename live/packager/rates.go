package packager

import (
	"math"
	"time"
)

// rates measures what a multivariant playlist promises.
type rates struct {
	segments []rate // the newest that together last at most one and a half target durations, and all for the mean
	bits     float64
	length   time.Duration
	peak     float64 // bits per second
	pictures float64
	shown    time.Duration
}

type rate struct {
	bits     float64
	duration time.Duration
}

// peakSpan bounds the runs of segments whose rate counts as a peak (draft section 4.4.6.2: between 0.5 and
// 1.5 target durations; the target is four seconds).
const (
	peakMin = 2 * time.Second
	peakMax = 6 * time.Second
	// meanSpan is what the mean covers.
	meanSpan = 10 * time.Minute
)

func (r *rates) add(bytes int, d time.Duration) {
	if d <= 0 {
		return
	}
	r.segments = append(r.segments, rate{float64(bytes) * 8, d})
	r.bits += float64(bytes) * 8
	r.length += d
	for r.length-r.segments[0].duration > meanSpan {
		r.bits -= r.segments[0].bits
		r.length -= r.segments[0].duration
		r.segments = r.segments[1:]
	}
	var bits float64
	var span time.Duration
	for i := len(r.segments) - 1; i >= 0 && span+r.segments[i].duration <= peakMax; i-- {
		bits += r.segments[i].bits
		span += r.segments[i].duration
		if span >= peakMin {
			r.peak = max(r.peak, bits/span.Seconds())
		}
	}
}

// picture counts the pictures of a part for the frame rate; old ones fade.
func (r *rates) picture(n int, d time.Duration) {
	if r.shown > 8*time.Second {
		r.pictures /= 2
		r.shown /= 2
	}
	r.pictures += float64(n)
	r.shown += d
}

// average is the mean in bits per second, zero while nothing is known.
func (r *rates) average() float64 {
	if r.length <= 0 {
		return 0
	}
	return r.bits / r.length.Seconds()
}

// fps is the frame rate, rounded to a customary one when it is near it.
func (r *rates) fps() float64 {
	if r.shown <= 0 {
		return 0
	}
	f := r.pictures / r.shown.Seconds()
	for _, known := range [...]float64{24000.0 / 1001, 24, 25, 30000.0 / 1001, 30, 50, 60000.0 / 1001, 60} {
		if math.Abs(f-known) < known/2500 {
			return known
		}
	}
	return math.Round(f*1000) / 1000
}
