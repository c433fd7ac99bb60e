package outbox

import (
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Undone is what the actors of a node have left to do, as metrics. It is safe for concurrent use; a nil
// Undone counts nothing.
type Undone struct {
	events, actors, oldest, marked *prometheus.Desc

	mu    sync.Mutex
	kinds map[string]struct{} // all that were ever heard of, so that none is shown as gone
	left  map[*Entry]waiting  // of those that have something left
	marks map[string]int      // as they were read last
}

type waiting struct {
	events int
	since  time.Time
}

// NewUndone registers the metrics of this package with r.
func NewUndone(r prometheus.Registerer) *Undone {
	desc := func(name, help string) *prometheus.Desc { return prometheus.NewDesc(name, help, []string{"kind"}, nil) }
	u := &Undone{
		events: desc("barrage_outbox_staged_events", "Events that actors of this node have stored and not yet appended to the log, by kind."),
		actors: desc("barrage_outbox_waiting_actors", "Actors of this node that have events to append or something to write beside their document, by kind."),
		oldest: desc("barrage_outbox_oldest_seconds", "For how long one of these actors has had something left to do without a break, by kind; 0: none has."),
		marked: desc("barrage_outbox_marked_actors", "Actors anywhere that would be woken after a crash, by kind, as of the last minute: those that have something left, have just changed, or are live."),
		kinds:  map[string]struct{}{}, left: map[*Entry]waiting{}, marks: map[string]int{},
	}
	r.MustRegister(u)
	return u
}

// Entry is an activation in an Undone.
type Entry struct {
	undone *Undone
	kind   string
}

// Enter begins an entry, which counts nothing yet.
func (u *Undone) Enter(kind string) *Entry {
	if u != nil {
		u.mu.Lock()
		defer u.mu.Unlock()
		u.kinds[kind] = struct{}{}
	}
	return &Entry{u, kind}
}

// Set says how many events wait at a moment, and whether something else does. Nothing is left of an entry
// where nothing waits.
func (e *Entry) Set(now time.Time, events int, more bool) {
	u := e.undone
	if u == nil {
		return
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if events == 0 && !more {
		delete(u.left, e)
		return
	}
	w, waits := u.left[e]
	if !waits {
		w.since = now
	}
	w.events = events
	u.left[e] = w
}

// Marked says how many actors of each kind are marked.
func (u *Undone) Marked(actors map[string]int) {
	if u == nil {
		return
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	u.marks = actors
	for kind := range actors {
		u.kinds[kind] = struct{}{}
	}
}

// Describe implements prometheus.Collector.
func (u *Undone) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{u.events, u.actors, u.oldest, u.marked} {
		to <- d
	}
}

// Collect implements prometheus.Collector.
func (u *Undone) Collect(to chan<- prometheus.Metric) {
	type sum struct {
		events, actors int
		oldest         time.Duration
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	now, sums := time.Now(), map[string]sum{}
	for e, w := range u.left {
		s := sums[e.kind]
		s.events, s.actors, s.oldest = s.events+w.events, s.actors+1, max(s.oldest, now.Sub(w.since))
		sums[e.kind] = s
	}
	for kind := range u.kinds {
		s := sums[kind]
		for d, v := range map[*prometheus.Desc]float64{
			u.events: float64(s.events), u.actors: float64(s.actors), u.oldest: s.oldest.Seconds(), u.marked: float64(u.marks[kind]),
		} {
			to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, kind)
		}
	}
}
