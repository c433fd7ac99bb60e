package hub

import "time"

// enqueue has a pass go over the subscribers of a room.
func (s *shard) enqueue(r *subscribers, since time.Time) {
	if r.queued {
		if !r.again || r.later.IsZero() {
			r.later = since
		}
		r.again = true
		return
	}
	r.queued, r.again, r.next, r.since = true, false, 0, since
	s.ready.Push(r)
}

// pass does one slice for the room whose turn it is.
func (s *shard) pass() {
	if s.ready.Len() == 0 {
		return
	}
	r := s.ready.Pop()
	begin := time.Now()
	if r.next == 0 {
		s.begin(r)
	}
	written, refused := 0, 0
	for ; r.next < len(r.list) && written+refused < slice; r.next++ {
		switch s.tell(r, &r.list[r.next]) {
		case told:
			written++
		case refusedIt:
			refused++
		case nothing:
		}
	}
	s.metrics.deliveries.Add(float64(written))
	s.metrics.refused.Add(float64(refused))
	s.metrics.writing.Add(time.Since(begin).Seconds())
	if r.next < len(r.list) {
		s.ready.Push(r)
		return
	}
	s.end(r)
}

// begin looks at what a room has to tell now: everything that came since the last pass goes out in this one.
func (s *shard) begin(r *subscribers) {
	v := r.feed.look()
	if before := r.steps.view.batches; before > 0 && v.batches > before+1 {
		s.metrics.merged.Add(float64(v.batches - before - 1))
	}
	r.again, r.later = false, time.Time{}
	r.steps.begin(v)
}

// end has another pass follow if something has changed, or did not fit.
func (s *shard) end(r *subscribers) {
	s.metrics.lag.Observe(time.Since(r.since).Seconds())
	r.queued, r.next = false, 0
	r.steps.done()
	r.lateSteps.done()
	r.lateRound = s.round - 1
	switch {
	case len(r.list) == 0:
		s.forget(r)
	case r.again:
		if r.later.IsZero() {
			r.later = time.Now()
		}
		s.enqueue(r, r.later)
	}
}

// outcome is what came of telling a subscriber.
type outcome uint8

const (
	nothing outcome = iota // there was nothing to tell, or it is late
	told
	refusedIt
)

// tell sends a subscriber its next step, unless it is late.
func (s *shard) tell(r *subscribers, sub *subscriber) outcome {
	if sub.late {
		return nothing
	}
	st := r.steps.next(sub.place(&r.steps.view))
	if st == nil {
		return nothing
	}
	if s.offer(sub, st, r.steps.view.version) != Taken {
		if !sub.late {
			return refusedIt
		}
		s.metrics.late.Inc()
		s.putOff(lateness{r, sub.member})
		return refusedIt
	}
	if st.to.Offset < r.steps.view.recent.head.Offset {
		r.again = true
	}
	return told
}

// place is where the subscriber is. That what a fresh one missed is not kept any more is no fault of its own.
func (sub *subscriber) place(v *view) place {
	late := sub.late && (!sub.fresh || sub.sentUpTo.Offset >= v.recent.base.Offset)
	return place{at: sub.sentUpTo, stale: sub.version < v.version, late: late, encoding: sub.member.encoding}
}

// offer offers a step, and moves the subscriber by it if it was taken. One that is closed needs nothing any
// more.
func (s *shard) offer(sub *subscriber, st *step, version uint64) Outcome {
	out := sub.member.socket.Offer(st.frames)
	switch out {
	case Later:
		sub.late, sub.fresh = true, false
	case Taken, Gone:
		sub.sentUpTo, sub.version = st.to, version
	}
	if out == Taken && st.missing > 0 {
		s.metrics.missing.WithLabelValues(st.why).Add(float64(st.missing))
	}
	return out
}
