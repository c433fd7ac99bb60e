package table

import (
	"bytes"
	"context"
	"errors"
	"time"

	"github.com/barrage-live/barrage/internal/fault"
)

// The first byte of a stored claim; the owner follows.
const (
	claimTaken     = 't'
	claimConfirmed = 'c'
)

// ErrClaimed says that the name belongs to somebody else, or the claim on it has expired.
var ErrClaimed = fault.New(fault.Conflict, "claimed", "the name belongs to somebody else")

// ErrContested says that somebody else is about to have the name, and may yet lose it.
var ErrContested = fault.New(fault.Unavailable, "name_contested", "somebody else is about to have the name").After(time.Second)

// Claim gives names to owners, each name to one at a time: a row in a partition of a shared table, named as
// the partition. A name is taken for a while, then, when that which it names is stored, confirmed for ever.
// A crash in between leaves a claim that expires.
type Claim struct {
	Store *Store
	Table Table
	Key   []byte
	// TTL is how long a name stays taken without being confirmed.
	TTL time.Duration
}

// Take takes a name for an owner until TTL from now. The owner itself may take it again, and a name that it
// has confirmed stays confirmed. Somebody else's name is refused with ErrClaimed.
func (c Claim) Take(ctx context.Context, name string, owner []byte) error {
	_, err := c.take(ctx, name, owner)
	return err
}

// take is Take, and gives the version of the claim that it wrote, 0 if the name was confirmed already.
func (c Claim) take(ctx context.Context, name string, owner []byte) (Version, error) {
	value := append([]byte{claimTaken}, owner...)
	version, err := c.write(ctx, name, Expiring(PutIfAbsent(c.Key, value), c.TTL))
	if !errors.Is(err, ErrClaimed) {
		return version, err
	}
	version, confirmed, err := c.own(ctx, name, owner)
	if err != nil || confirmed {
		return 0, lost(err)
	}
	return c.write(ctx, name, Expiring(PutIfVersion(c.Key, value, version), c.TTL))
}

// Confirm makes a taken name the owner's for ever. If it has expired or is somebody else's, it is refused
// with ErrClaimed.
func (c Claim) Confirm(ctx context.Context, name string, owner []byte) error {
	version, confirmed, err := c.own(ctx, name, owner)
	if err != nil || confirmed {
		return lost(err)
	}
	_, err = c.write(ctx, name, PutIfVersion(c.Key, append([]byte{claimConfirmed}, owner...), version))
	return err
}

// Release gives a name back, taken or confirmed. A name that is nobody's is left alone, somebody else's
// refused with ErrClaimed.
func (c Claim) Release(ctx context.Context, name string, owner []byte) error {
	version, _, err := c.own(ctx, name, owner)
	if errors.Is(err, ErrNoRow) {
		return nil
	}
	if err != nil {
		return err
	}
	_, err = c.write(ctx, name, DeleteIfVersion(c.Key, version))
	return err
}

// During takes a name, does the work and confirms the name. If the work fails for sure, which is any
// refusal but fault.Timeout and fault.Internal, the name is released at once; after an outcome that is not
// known it expires, unless the owner takes it again. What is released is the claim that this call has
// taken: one that the owner has taken again meanwhile, or confirmed, belongs to another try, which may have
// succeeded. If the work is done and the name cannot be confirmed, that is fault.Timeout outcome_unknown,
// whatever the reason, so that a During around this one keeps its name for what is there.
func (c Claim) During(ctx context.Context, name string, owner []byte, work func(ctx context.Context) error) error {
	taken, err := c.take(ctx, name, owner)
	if err != nil {
		return err
	}
	if err := work(ctx); err != nil {
		if k := fault.KindOf(err); k != fault.Timeout && k != fault.Internal && taken != 0 {
			_, _ = c.write(ctx, name, DeleteIfVersion(c.Key, taken)) // it expires by itself
		}
		return err
	}
	if err := c.Confirm(ctx, name, owner); err != nil {
		return fault.Wrap(fault.Timeout, "outcome_unknown", "the work is done, the name that belongs to it is not confirmed", err)
	}
	return nil
}

// Held is a name and who is to have it.
type Held struct {
	Claim Claim
	Name  string
	Owner []byte
	// Refusal is what DuringAll fails with when the name is somebody else's; nil: ErrClaimed.
	Refusal error
}

// DuringAll is During over several names: the work is done while all of them are taken, in their order. Who
// claims several gives them in an order that others give them in too. A name that is somebody else's is
// refused with its Refusal, and the work is not done.
func DuringAll(ctx context.Context, names []Held, work func(ctx context.Context) error) error {
	if len(names) == 0 {
		return work(ctx)
	}
	first, had := names[0], false
	err := first.Claim.During(ctx, first.Name, first.Owner, func(ctx context.Context) error {
		had = true
		return DuringAll(ctx, names[1:], work)
	})
	if !had && first.Refusal != nil && errors.Is(err, ErrClaimed) {
		return first.Refusal
	}
	return err
}

// KeepAll confirms the names of something that is there already, and takes those before whose claims have
// expired. If somebody else has confirmed one of them, it gives all of them up and refuses with ErrClaimed:
// what is known by a part of its names keeps others from it and cannot be found by the rest. If somebody
// has taken one without confirming it yet, it refuses with ErrContested. After that, and after any other
// error, it may be repeated, and what it has is kept until then.
func KeepAll(ctx context.Context, names []Held) error {
	err := keep(ctx, names)
	if !errors.Is(err, ErrClaimed) {
		return err
	}
	for _, n := range names {
		owner, confirmed, err := n.Claim.Look(ctx, n.Name)
		switch {
		case err != nil && !errors.Is(err, ErrNoRow):
			return err
		case err == nil && confirmed && !bytes.Equal(owner, n.Owner):
			return giveUp(ctx, names)
		}
	}
	return ErrContested
}

// keep takes the names in their order, and confirms them when all are taken.
func keep(ctx context.Context, names []Held) error {
	for _, n := range names {
		if err := n.Claim.Take(ctx, n.Name, n.Owner); err != nil {
			return err
		}
	}
	for _, n := range names {
		if err := n.Claim.Confirm(ctx, n.Name, n.Owner); err != nil {
			return err
		}
	}
	return nil
}

// giveUp releases what of the names is their owner's.
func giveUp(ctx context.Context, names []Held) error {
	for _, n := range names {
		if err := n.Claim.Release(ctx, n.Name, n.Owner); err != nil && !errors.Is(err, ErrClaimed) {
			return err
		}
	}
	return ErrClaimed
}

// Owner is whose a name is, taken or confirmed; ErrNoRow if it is nobody's.
func (c Claim) Owner(ctx context.Context, name string) ([]byte, error) {
	owner, _, err := c.Look(ctx, name)
	return owner, err
}

// Look is Owner, and says whether the name is confirmed. One that is not may be of what is being made, of
// what was never made, or of what was made and has not heard of it.
func (c Claim) Look(ctx context.Context, name string) (owner []byte, confirmed bool, err error) {
	row, err := c.Store.Get(ctx, c.Table, name, c.Key)
	if err != nil {
		return nil, false, err
	}
	if len(row.Value) == 0 {
		return nil, false, fault.New(fault.Internal, "claim_unreadable", "a stored claim cannot be read")
	}
	return row.Value[1:], row.Value[0] == claimConfirmed, nil
}

// own is the version of the owner's claim, and whether it is confirmed: ErrNoRow if there is none,
// ErrClaimed if it is not the owner's.
func (c Claim) own(ctx context.Context, name string, owner []byte) (Version, bool, error) {
	row, err := c.Store.Get(ctx, c.Table, name, c.Key)
	if err != nil {
		return 0, false, err
	}
	if len(row.Value) == 0 || !bytes.Equal(row.Value[1:], owner) {
		return 0, false, ErrClaimed
	}
	return row.Version, row.Value[0] == claimConfirmed, nil
}

func (c Claim) write(ctx context.Context, name string, op Op) (Version, error) {
	version, err := c.Store.Write(ctx, Batch{Table: c.Table, Partition: name, Ops: []Op{op}})
	if errors.Is(err, ErrConflict) {
		err = ErrClaimed
	}
	return version, err
}

// lost makes a claim that has gone one that is not the owner's.
func lost(err error) error {
	if errors.Is(err, ErrNoRow) {
		return ErrClaimed
	}
	return err
}
