package rtmp

import (
	"context"
	"net"
	"net/netip"
	"sync"

	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/quota"
	"github.com/barrage-live/barrage/live"
)

var errTooMany = fault.New(fault.Exhausted, "too_many_connections", "too many connections are open; try again later")

var errTooManyKeys = fault.New(fault.Exhausted, "too_many_requests",
	"too many wrong stream keys came from this address or its network; try again later")

// wrongKeys is how often an address may show a key that is none. Encoders try again every few seconds; who
// tries keys without end has a channel read for each.
func wrongKeys() quota.Rate { return quota.Rate{PerSecond: 1, Burst: 60} }

// admission counts connections. Those without a verified key have places of their own, and give way to those
// that come after them: whoever opens connections and says nothing keeps no publisher out, however many
// networks take part. Of those with a key, one for each key may not publish yet, and gives way to a newer one
// of that key: whoever has a key does not take all slots of publishers with it.
type admission struct {
	strangers     *quota.Yielding
	keys          *quota.Callers
	judged        *judged
	maxPublishers int

	mu struct {
		sync.Mutex
		publishers int
		coming     map[string]*place // by key, who does not publish yet
	}
}

func newAdmission(c Config) *admission {
	a := &admission{
		strangers: quota.NewYielding(c.MaxUnverified), keys: quota.NewCallers(wrongKeys(), nil),
		judged: newJudged(), maxPublishers: c.MaxConns,
	}
	a.mu.coming = map[string]*place{}
	return a
}

// place is what one connection takes up. Its owner is the connection's goroutine.
type place struct {
	of       *admission
	from     netip.Addr
	stranger *quota.Waiting
	end      func(cause error)
	verified bool
	key      string // verified, and under which it is among those who are coming
	slot     bool   // it counts among the publishers; one that was replaced does no longer
}

// enter takes the place of a connection without a key, or fails with quota.ErrFull or quota.ErrCrowded. end
// is called, from any goroutine and perhaps more than once, when the connection has to give way; it must not
// block.
func (a *admission) enter(remote net.Addr, end func(cause error)) (*place, error) {
	from, _ := netip.ParseAddrPort(remote.String()) // zero if it is none
	w, err := a.strangers.Take(from.Addr(), func() { end(quota.ErrGaveWay) })
	if err != nil {
		return nil, err
	}
	return &place{of: a, from: from.Addr(), stranger: w, end: end}, nil
}

// try asks whether a key is good, unless too many came from there that were not: errTooManyKeys. A key that
// was good when it was last shown is asked about whatever others at its address have shown; one that was
// wrong a moment ago is wrong, and costs its address nothing more: that is an encoder with a mistake in its
// settings. ctx is the connection's: an answer that it cuts off is paid for.
func (p *place) try(ctx context.Context, key string, ask func() error) error {
	a, d := p.of, digestOf(key)
	good, wrong := a.judged.look(d)
	if wrong != nil {
		return wrong
	}
	if !good && !a.keys.Take(p.from, 1) {
		return errTooManyKeys
	}
	err := ask()
	switch wrong := saysWrong(err); {
	case good && wrong: // it was good, and is no longer
		a.keys.Charge(p.from, 1)
	case !good && (err == nil || !wrong && ctx.Err() == nil): // the key is good, or nobody knows
		a.keys.Charge(p.from, -1)
	}
	a.judged.learn(d, err)
	return err
}

// verify moves the connection to the publishers, in place of another one of its key that does not publish
// yet. It fails with errTooMany and leaves it where it is, or with quota.ErrGaveWay when its place was needed
// a moment ago.
func (p *place) verify(key string) error {
	a := p.of
	a.mu.Lock()
	defer a.mu.Unlock()
	older := a.mu.coming[key]
	if older == nil && a.mu.publishers >= a.maxPublishers {
		return errTooMany
	}
	if !p.stranger.Give() {
		return quota.ErrGaveWay
	}
	p.verified, p.key, p.slot = true, key, true
	if older != nil {
		older.slot = false // it is this one's now
		older.end(live.ErrTakenOver)
	} else {
		a.mu.publishers++
	}
	a.mu.coming[key] = p
	return nil
}

// publishes says that the connection publishes: from now on only the Gate decides who takes its turn.
func (p *place) publishes() {
	p.of.mu.Lock()
	defer p.of.mu.Unlock()
	p.arrived()
}

// arrived takes the connection from those who are coming. The lock is held.
func (p *place) arrived() {
	if p.of.mu.coming[p.key] == p {
		delete(p.of.mu.coming, p.key)
	}
}

// leave gives the place back.
func (p *place) leave() {
	if !p.verified {
		p.stranger.Give()
		return
	}
	p.of.mu.Lock()
	defer p.of.mu.Unlock()
	p.arrived()
	if p.slot {
		p.of.mu.publishers--
	}
}
