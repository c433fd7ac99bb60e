package auth

import (
	"context"
	"errors"
	"net/netip"
	"time"

	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/quota"
)

// Source is for whom a password is hashed.
type Source struct {
	// Addr is where the request comes from; the zero Addr if unknown.
	Addr netip.Addr
	// Familiar says that the account was logged in to from there before.
	Familiar bool
}

type sourceKey struct{}

// WithSource says for whom a Hasher works under ctx. All who do not say it count as one stranger.
func WithSource(ctx context.Context, s Source) context.Context {
	return context.WithValue(ctx, sourceKey{}, s)
}

const (
	// keptPart of the places in the line are kept for familiar sources.
	keptPart = 4
	// sharePart is which part of the free places an address or a network may hold. A class that logs in at
	// the same moment behind one address needs some; three greedy networks leave two fifths of them.
	sharePart = 3
	// leastPlaces is how many places one address may hold however few are free.
	leastPlaces = 2
)

var (
	errLineFull    = fault.New(fault.Exhausted, "hash_pool_full", "too many logins at once").After(time.Second)
	errLineCrowded = fault.New(fault.Exhausted, "hash_pool_full", "too many logins at once from this address or its network").After(time.Second)
)

// line is who hashes and who waits for it. One address and its networks get a share of what is free only,
// so that who asks a hundred times at once waits for the own requests and not everybody else; some places
// are kept for those who have been here before, whoever has taken the others.
type line struct {
	slots      chan struct{} // who hashes
	open, kept *quota.Places // who is in the line, those that hash among them
}

func newLine(slots, waiting int) line {
	kept := waiting / keptPart
	return line{
		slots: make(chan struct{}, slots),
		open:  quota.NewPlaces(quota.Config{Total: slots + waiting - kept, Part: sharePart, Least: leastPlaces}),
		kept:  quota.NewPlaces(quota.Config{Total: kept, Part: sharePart, Least: leastPlaces}),
	}
}

// enter takes a slot for the source of ctx, waiting in the line until ctx ends. The place is for leave.
func (l line) enter(ctx context.Context) (quota.Place, error) {
	s, _ := ctx.Value(sourceKey{}).(Source)
	place, err := l.open.Take(s.Addr)
	if err != nil && s.Familiar {
		place, err = l.kept.Take(s.Addr)
	}
	switch {
	case errors.Is(err, quota.ErrFull):
		return place, errLineFull
	case err != nil:
		return place, errLineCrowded
	}
	select {
	case l.slots <- struct{}{}:
		return place, nil
	case <-ctx.Done():
		place.Give()
		return place, fault.From(ctx.Err())
	}
}

// leave gives back what enter took.
func (l line) leave(p quota.Place) {
	<-l.slots
	p.Give()
}
