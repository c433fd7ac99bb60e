package tablelog

import "time"

// marksOf is how many marks a retention is divided into; so much older than the retention an event may
// become.
const marksOf = 16

// age removes from the log what has outlived the retention, and marks the present; the head may be changed
// afterwards by appending only. It reports whether anything changed.
//
// Events are removed by offset and all together, not each when its time has come, so that the head can say
// what is gone.
func (h *head) age(now time.Time, retention time.Duration) (changed bool) {
	now = now.Truncate(time.Millisecond)
	if n := len(h.marks); n > 0 && now.Before(h.marks[n-1].at) {
		now = h.marks[n-1].at // the clock was put back
	}
	old := now.Add(-retention)
	keep := 0 // the number of the last mark that is old enough to cut at
	for i, m := range h.marks {
		if !m.at.After(old) {
			keep = i
			if m.offset > h.first {
				h.first, changed = m.offset, true
			}
		}
	}
	h.marks = h.marks[keep:]
	n := len(h.marks)
	if n == 0 && h.next > h.first || n > 0 && h.next > h.marks[n-1].offset && !h.marks[n-1].at.Add(retention/marksOf).After(now) {
		h.marks = append(h.marks, mark{now, h.next})
		changed = true
	}
	return changed
}
