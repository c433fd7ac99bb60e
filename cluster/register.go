package cluster

import (
	"sync"
	"time"
)

// address names an actor of this node.
type address struct {
	kind *kind
	key  string
}

// register finds the activations of a shard by address. It is safe for concurrent use.
type register struct {
	mu struct {
		sync.RWMutex
		active  map[address]*activation
		crashed map[address]*crashes
	}
}

func (r *register) init() {
	r.mu.active = map[address]*activation{}
	r.mu.crashed = map[address]*crashes{}
}

// find gives the activation of the address, nil if there is none.
func (r *register) find(at address) *activation {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.mu.active[at]
}

// add registers what fresh makes, unless there is an activation already, or the actor rests, or fresh
// refuses.
func (r *register) add(at address, now time.Time, fresh func() (*activation, error)) (a *activation, made bool, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if a := r.mu.active[at]; a != nil {
		return a, false, nil
	}
	if c := r.mu.crashed[at]; c != nil {
		if left := c.left(now); left > 0 {
			return nil, false, quarantined(left)
		}
	}
	if a, err = fresh(); err != nil {
		return nil, false, err
	}
	r.mu.active[at] = a
	return a, true, nil
}

// remove seals the mailbox of the activation and takes it off. Unless it must go, it stays if messages wait.
func (r *register) remove(a *activation, must bool) (waiting *envelope, ordered []any, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if must {
		waiting, ordered = a.box.seal()
	} else if ordered, ok = a.box.sealIfEmpty(); !ok {
		return nil, nil, false
	}
	delete(r.mu.active, address{a.kind, a.key})
	return waiting, ordered, true
}

// crash notes a panic of the actor and says how long it has to rest, zero or less for not at all.
func (r *register) crash(at address, now time.Time) time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	for other, c := range r.mu.crashed {
		if c.forgotten(now) {
			delete(r.mu.crashed, other)
		}
	}
	c := r.mu.crashed[at]
	if c == nil {
		c = &crashes{}
		r.mu.crashed[at] = c
	}
	c.add(now)
	return c.left(now)
}

// each calls f with every activation.
func (r *register) each(f func(a *activation)) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	for _, a := range r.mu.active {
		f(a)
	}
}

func (r *register) empty() bool {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return len(r.mu.active) == 0
}
