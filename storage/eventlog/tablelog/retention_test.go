package tablelog

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

// TestAge lets a head live through appends at random times, with a clock that is put back now and then, and
// checks what is kept.
func TestAge(t *testing.T) {
	const retention = 16 * time.Hour
	rapid.Check(t, func(t *rapid.T) {
		now := time.UnixMilli(1767225600123)
		latest := now
		var h head
		var back time.Duration   // of the latest time, at most
		var appended []time.Time // by offset, as the latest clock said
		for range rapid.IntRange(1, 200).Draw(t, "steps") {
			now = now.Add(time.Duration(rapid.IntRange(-3600, 4*3600).Draw(t, "pause")) * time.Second)
			if now.After(latest) {
				latest = now
			}
			back = max(back, latest.Sub(now))
			h.age(now, retention)
			for range rapid.IntRange(0, 3).Draw(t, "events") {
				appended = append(appended, latest)
				h.next++
			}
			for offset := h.first; offset < h.next; offset++ {
				// A mark is due a sixteenth after the last one, and made when the head is looked at, at
				// most 4 h later.
				if age := latest.Sub(appended[offset]); age > retention+retention/marksOf+4*time.Hour {
					t.Fatalf("an event of %v is kept", age)
				}
			}
			for offset := range h.first {
				// A clock that is put back makes a mark look older than it is, by as much.
				if age := latest.Sub(appended[offset]); age < retention-back {
					t.Fatalf("an event of %v is gone", age)
				}
			}
			if len(h.marks) > marksOf+2 {
				t.Fatalf("%d marks", len(h.marks))
			}
			if again, err := decodeHead(h.encode()); err != nil || again.first != h.first || again.next != h.next {
				t.Fatalf("%+v became %+v, %v", h, again, err)
			}
		}
	})
}
