package account

import (
	"context"

	"github.com/barrage-live/barrage/actors/revocation"
	"github.com/barrage-live/barrage/cluster"
	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/id"
	"github.com/barrage-live/barrage/storage/table"
)

// KindName addresses the accounts of a node.
const KindName = "account"

// Deps is what the kind needs.
type Deps struct {
	Table   *table.Store
	Revoker revocation.Revoker
	Config  Config
}

// Kind makes accounts. The key is the user id; an activation without a stored document answers no_account until it is created.
func Kind(d Deps) cluster.Kind {
	s := store{d.Table, d.Revoker, d.Config.claimTTL()}
	return cluster.Kind{
		Name:  KindName,
		Idle:  d.Config.Idle,
		State: func(key string) (table.Table, string) { return accounts(), key },
		Activate: func(ctx context.Context, a cluster.Activation) (cluster.Actor, error) {
			user, err := id.ParseNumber[id.User](a.Key)
			if err != nil {
				return nil, ErrNoAccount
			}
			var doc document
			var version table.Version
			if a.Exists {
				if doc, version, err = s.load(ctx, user); err != nil {
					return nil, err
				}
			}
			return &actor{store: s, version: version, state: state{exists: version != 0, doc: doc}}, nil
		},
	}
}

// actor is the shell: it feeds commands to the core and performs the effects.
type actor struct {
	state   state
	store   store
	version table.Version // of the stored document; 0 while there is none
	effects []effect
}

// Receive performs one command.
func (a *actor) Receive(t *cluster.Turn, msg any) {
	a.effects = a.state.apply(t.Now(), msg, a.effects[:0])
	a.perform(t, a.effects)
}

func (a *actor) perform(t *cluster.Turn, effects []effect) {
	for i, e := range effects {
		switch e := e.(type) {
		case reply:
			t.Reply(e.value)
		case refuse:
			t.Fail(e.err)
		case persist:
			a.persist(t, e, effects[i+1:])
			return
		}
	}
	if !a.state.exists {
		t.Stop() // asking for accounts that do not exist must not fill the node with them
	}
}

// persist writes and then performs the rest. A write of unknown outcome ends the activation: the truth is in the table.
func (a *actor) persist(t *cluster.Turn, p persist, rest []effect) {
	fence, version := t.Fence(), a.version
	t.Await(func(ctx context.Context) (any, error) {
		if p.first {
			return a.store.create(ctx, fence, p.doc)
		}
		return a.store.change(ctx, fence, p, version)
	}, func(t *cluster.Turn, v any, err error) {
		if err != nil {
			t.Fail(fault.From(err))
			t.Stop()
			return
		}
		a.version = v.(table.Version)
		a.perform(t, rest)
	})
}
