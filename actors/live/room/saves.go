package room

import "github.com/barrage-live/barrage/internal/fifo"

// maxSaves bounds the commands that wait for the write of a change.
const maxSaves = 64

// saves writes changes of the room's own rows, one at a time. Memory shows a change once it is durable.
// Meanwhile the room goes on, and commands that change something wait for their turn.
type saves struct {
	change  *change // being written, or of unknown outcome; nil for none
	to      waiter
	doubt   doubt
	waiting fifo.Queue[asked]
}

type asked struct {
	by  waiter
	cmd any
}

// hold has a command wait while a change is being written, and reports whether it did, or refused it.
func (s *state) hold(w waiter, cmd any) bool {
	switch v := &s.saves; {
	case v.change == nil:
		return false
	case v.doubt.exists:
		s.refuse(w, errDoubt.After(retryDoubt))
	case v.waiting.Len() >= maxSaves:
		s.refuse(w, errBusy.After(s.interval()))
	default:
		v.waiting.Push(asked{w, cmd})
	}
	return true
}

// save writes a change; its asker is answered once it is durable.
func (s *state) save(w waiter, c change) {
	s.saves.change, s.saves.to = &c, w
	s.emit(effect{do: doSave, change: &c})
}

// saved takes the outcome of the write of a change.
func (s *state) saved(now instant, err error) {
	v := &s.saves
	if err == nil {
		c, w := v.change, v.to
		v.change, v.to, v.doubt = nil, 0, doubt{}
		s.changeTo(now, *c)
		s.answerTo(w, nil)
		s.schedule(now)
		s.flush(now) // which may have waited for the bucket
		s.saveNext(now)
		return
	}
	how, told := outcome(err)
	s.refuse(v.to, told)
	v.to = 0
	switch {
	case how == overtaken, how == unknown && v.change.create:
		s.fail(errMoved)
	case how == notDone && !v.doubt.exists:
		v.change = nil
		if !s.exists { // nothing has come of the room, and nothing is lost
			s.fail(errMoved)
			return
		}
		if s.waitsForBucket() {
			s.refuseRows(s.queue.withdraw(), told)
		}
		s.saveNext(now)
	default:
		if s.waitsForBucket() {
			s.refuseRows(s.queue.withdraw(), errDoubt.After(retryDoubt))
		}
		for v.waiting.Len() > 0 {
			s.refuse(v.waiting.Pop().by, errDoubt.After(retryDoubt))
		}
		s.emit(effect{do: doRetry, value: retrySave{}, after: v.doubt.next(now)})
	}
}

// saveNext performs the commands that waited, up to the next that writes.
func (s *state) saveNext(now instant) {
	for s.saves.change == nil && s.saves.waiting.Len() > 0 {
		next := s.saves.waiting.Pop()
		s.govern(now, next.by, next.cmd)
	}
}

func (s *state) retrySave() { s.emit(effect{do: doSettleSave, change: s.saves.change}) }

// failSaves refuses the commands that wait. The asker of the write that is out still learns how it ends, if
// it ends in time.
func (s *state) failSaves() {
	for s.saves.waiting.Len() > 0 {
		s.refuse(s.saves.waiting.Pop().by, errMoved)
	}
}

// lateSaved tells an asker how its write ended although the activation has been given up.
func (s *state) lateSaved(err error) {
	if err == nil {
		s.answerTo(s.saves.to, nil)
	} else {
		_, told := outcome(err)
		s.refuse(s.saves.to, told)
	}
	s.saves.to = 0
}
