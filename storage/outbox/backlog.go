package outbox

import (
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Backlog is what the actors of a node have left to do, as metrics. It is safe for concurrent use; a nil
// Backlog counts nothing.
type Backlog struct {
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

// NewBacklog registers the metrics of this package with r.
func NewBacklog(r prometheus.Registerer) *Backlog {
	desc := func(name, help string) *prometheus.Desc { return prometheus.NewDesc(name, help, []string{"kind"}, nil) }
	b := &Backlog{
		events: desc("barrage_outbox_staged_events", "Events that actors of this node have stored and not yet appended to the log, by kind."),
		actors: desc("barrage_outbox_waiting_actors", "Actors of this node that have events to append or something to write beside their document, by kind."),
		oldest: desc("barrage_outbox_oldest_seconds", "For how long one of these actors has had something left to do without a break, by kind; 0: none has."),
		marked: desc("barrage_outbox_marked_actors", "Actors anywhere that would be woken after a crash, by kind, as of the last minute: those that have something left, have just changed, or are live."),
		kinds:  map[string]struct{}{}, left: map[*Entry]waiting{}, marks: map[string]int{},
	}
	r.MustRegister(b)
	return b
}

// Entry is an activation in a Backlog.
type Entry struct {
	backlog *Backlog
	kind    string
}

// Enter begins an entry, which counts nothing yet.
func (b *Backlog) Enter(kind string) *Entry {
	if b != nil {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.kinds[kind] = struct{}{}
	}
	return &Entry{b, kind}
}

// Set says how many events wait at a moment, and whether something else does. Nothing is left of an entry
// where nothing waits.
func (e *Entry) Set(now time.Time, events int, more bool) {
	b := e.backlog
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if events == 0 && !more {
		delete(b.left, e)
		return
	}
	w, waits := b.left[e]
	if !waits {
		w.since = now
	}
	w.events = events
	b.left[e] = w
}

// Marked says how many actors of each kind are marked.
func (b *Backlog) Marked(actors map[string]int) {
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.marks = actors
	for kind := range actors {
		b.kinds[kind] = struct{}{}
	}
}

// Describe implements prometheus.Collector.
func (b *Backlog) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{b.events, b.actors, b.oldest, b.marked} {
		to <- d
	}
}

// Collect implements prometheus.Collector.
func (b *Backlog) Collect(to chan<- prometheus.Metric) {
	type sum struct {
		events, actors int
		oldest         time.Duration
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	now, sums := time.Now(), map[string]sum{}
	for e, w := range b.left {
		s := sums[e.kind]
		s.events, s.actors, s.oldest = s.events+w.events, s.actors+1, max(s.oldest, now.Sub(w.since))
		sums[e.kind] = s
	}
	for kind := range b.kinds {
		s := sums[kind]
		for d, v := range map[*prometheus.Desc]float64{
			b.events: float64(s.events), b.actors: float64(s.actors), b.oldest: s.oldest.Seconds(), b.marked: float64(b.marks[kind]),
		} {
			to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, kind)
		}
	}
}
