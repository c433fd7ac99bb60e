package history

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// maxShown is how many violations of one invariant a Report describes; all are counted.
const maxShown = 20

// Violation is one broken promise.
type Violation struct {
	Invariant string // "I1"
	Room      string
	Detail    string
}

// Report is what Check found.
type Report struct {
	// Violations are described up to a bound for each invariant; Broken counts all of them.
	Violations []Violation
	Broken     map[string]int
	// What the history held, so that an empty one is not mistaken for a good one.
	Rooms, Posts, Acked, Unknown, Refused, Received, Gaps int
	// Recovered and Unrecovered are the resumes that asked from a position.
	Recovered, Unrecovered int
}

// Good reports whether no promise was broken.
func (r Report) Good() bool { return len(r.Broken) == 0 }

// String tells the figures and the violations, a line each.
func (r Report) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "rooms %d, posts %d: acked %d, unknown %d, refused %d; received %d, gaps %d; resumes: recovered %d, not %d\n",
		r.Rooms, r.Posts, r.Acked, r.Unknown, r.Refused, r.Received, r.Gaps, r.Recovered, r.Unrecovered)
	for _, i := range slices.Sorted(maps.Keys(r.Broken)) {
		fmt.Fprintf(&b, "%s broken %d times\n", i, r.Broken[i])
	}
	for _, v := range r.Violations {
		fmt.Fprintf(&b, "%s room %s: %s\n", v.Invariant, v.Room, v.Detail)
	}
	return b.String()
}

// Check judges a history, whose records must be in the order Merge gives.
func Check(records []Record) Report {
	c := &checker{
		report:  Report{Broken: map[string]int{}},
		posts:   map[post]*life{},
		places:  map[seat]occupant{},
		rooms:   map[string]*book{},
		readers: map[reader]*cursor{},
	}
	for _, r := range records {
		c.learn(r)
	}
	c.finish()
	for _, r := range records {
		c.follow(r)
	}
	return c.report
}

// checker holds what the scans have learnt.
type checker struct {
	report  Report
	posts   map[post]*life
	places  map[seat]occupant
	rooms   map[string]*book
	readers map[reader]*cursor
}

func (c *checker) broken(invariant, room, format string, args ...any) {
	c.report.Broken[invariant]++
	if c.report.Broken[invariant] <= maxShown {
		c.report.Violations = append(c.report.Violations, Violation{invariant, room, fmt.Sprintf(format, args...)})
	}
}

func (c *checker) room(name string) *book {
	b := c.rooms[name]
	if b == nil {
		b = &book{sources: map[string]*source{}}
		c.rooms[name] = b
	}
	return b
}

func (p Place) String() string { return fmt.Sprintf("%d-%d", p.Epoch, p.Offset) }

func (p post) String() string { return p.user + "/" + p.key }
