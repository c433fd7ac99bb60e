package room

import "github.com/barrage-live/barrage/cluster"

// keepSlots is how many slots of askers stay allocated when nobody is held.
const keepSlots = 256

// askers keeps the duties to answer, numbered so that the core can name them. Its size follows the commands
// in progress, which the core and the mailbox bound.
type askers struct {
	slots []asker
	free  []waiter
}

type asker struct {
	reply  cluster.Reply
	isPost bool
	held   bool
}

func (a *askers) hold(r cluster.Reply, isPost bool) waiter {
	if n := len(a.free); n > 0 {
		w := a.free[n-1]
		a.free = a.free[:n-1]
		a.slots[w-1] = asker{r, isPost, true}
		return w
	}
	a.slots = append(a.slots, asker{r, isPost, true})
	return waiter(len(a.slots))
}

// release gives the duty back; a waiter is released once.
func (a *askers) release(w waiter) (reply cluster.Reply, isPost bool) {
	slot := &a.slots[w-1]
	reply, isPost = slot.reply, slot.isPost
	*slot = asker{}
	a.free = append(a.free, w)
	if len(a.free) == len(a.slots) && len(a.slots) > keepSlots {
		*a = askers{} // after a storm
	}
	return reply, isPost
}

// refuseAll answers everyone who is still held.
func (a *askers) refuseAll(err error) {
	for i, slot := range a.slots {
		if slot.held {
			a.release(waiter(i + 1))
			slot.reply.Fail(err)
		}
	}
}
