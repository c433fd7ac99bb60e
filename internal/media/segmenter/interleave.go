package segmenter

import "time"

const (
	// lagStep is how exactly the interleave is known, maxLag how much later than the pictures sound may come
	// and still be awaited.
	lagStep = 50 * time.Millisecond
	maxLag  = time.Second
	// lagWindow is the time over which it is learned.
	lagWindow = 15 * time.Second
)

// lags counts, in steps of lagStep, how much later than the pictures sound came.
type lags [maxLag/lagStep + 1]int

// interleave learns how late the sound of a publication comes, so that nobody waits for sound longer than its
// publisher needs: all but the latest hundredth of the last one to two windows.
type interleave struct {
	now, before lags
	turned      time.Time
}

// add takes how far the pictures were ahead when sound arrived.
func (l *interleave) add(arrival time.Time, lag time.Duration) {
	if arrival.Sub(l.turned) > lagWindow {
		l.before, l.now, l.turned = l.now, lags{}, arrival
	}
	l.now[min(max(lag, 0), maxLag)/lagStep]++
}

// wait is how long sound should be awaited. Of a publication that has sent none yet anything is expected.
func (l *interleave) wait() time.Duration {
	all := 0
	for i := range l.now {
		all += l.now[i] + l.before[i]
	}
	if all == 0 {
		return maxLag
	}
	late, i := 0, len(l.now)
	for late*100 <= all {
		i--
		late += l.now[i] + l.before[i]
	}
	return min(maxLag, max(audioWait, time.Duration(i+1)*lagStep))
}
