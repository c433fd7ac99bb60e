package hub

// putOff has a connection looked at again after a while.
func (s *shard) putOff(l lateness) {
	if s.late.Len() == 0 && s.due == 0 {
		s.timer.Reset(lateAgain)
	}
	s.late.Push(l)
}

// retry looks at a slice of those that took nothing.
func (s *shard) retry() {
	n := min(s.due, slice)
	for range n {
		s.catchUp(s.late.Pop())
	}
	if s.due -= n; s.due == 0 && n > 0 && s.late.Len() > 0 {
		s.timer.Reset(lateAgain)
	}
}

// catchUp sends a late subscriber what it takes of what it missed.
func (s *shard) catchUp(l lateness) {
	r := l.room
	i, in := r.at[l.member]
	if !in || !r.list[i].late || r.list[i].round == s.round { // it has left, and may have come back
		s.metrics.late.Dec()
		return
	}
	sub := &r.list[i]
	sub.round = s.round
	if r.lateRound != s.round {
		r.lateRound = s.round
		r.lateSteps.begin(r.feed.look())
	}
	for range lateSteps {
		if s.abreast(r, sub) {
			sub.late, sub.fresh = false, false
			s.metrics.late.Dec()
			return
		}
		st := r.lateSteps.next(sub.place(&r.lateSteps.view))
		if s.offer(sub, st, r.lateSteps.view.version) == Later {
			break
		}
		s.metrics.deliveries.Inc()
	}
	s.putOff(l)
}

// abreast reports whether a late subscriber has all that the passes have told: what comes later the next
// pass tells it as well.
func (s *shard) abreast(r *subscribers, sub *subscriber) bool {
	has := func(v *view) bool {
		return sub.sentUpTo.Offset >= v.recent.head.Offset && sub.version >= v.version
	}
	if has(&r.lateSteps.view) && !has(&r.steps.view) {
		r.lateSteps.begin(r.feed.look())
	}
	return has(&r.lateSteps.view)
}
