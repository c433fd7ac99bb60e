package account

import (
	"context"

	"github.com/barrage-live/barrage/actors/document"
	"github.com/barrage-live/barrage/actors/identity/revocation"
	"github.com/barrage-live/barrage/cluster"
	"github.com/barrage-live/barrage/internal/id"
	"github.com/barrage-live/barrage/storage/outbox"
	"github.com/barrage-live/barrage/storage/table"
)

// KindName addresses the accounts of a node.
const KindName = "account"

// Deps is what the kind needs.
type Deps struct {
	Table   *table.Store
	Log     outbox.Log // nil: nobody is told
	Undone  *outbox.Undone
	Revoker revocation.Revoker
	// Shut ends what an account that is shut out has elsewhere: its logins and stream keys. It may be
	// repeated. Nil: there is nothing.
	Shut   func(ctx context.Context, s ShutOut) error
	Config Config
}

// ShutOut is what a shut-out ends. It may be carried out late: when the account was let in again long ago, or
// by an activation that has a successor. So it carries versions, and nothing of a later time is ended.
type ShutOut struct {
	User id.User
	// Logins ends logins that were opened with a lower version (Account.Logins).
	Logins uint64
	// Rights ends stream keys that were made under a lower version (Account.RightsVersion).
	Rights uint64
}

// Kind makes accounts. The key is the user id; an activation without a stored document answers no_account
// until it is created.
func Kind(d Deps) cluster.Kind {
	s := store{d.Table, d.Revoker, d.Shut, d.Config.claimTTL()}
	return document.Kind[stored, state, *state]{
		Name: KindName, Idle: d.Config.Idle, Messages: messages(), Tables: d.Table, Table: accounts(), Log: d.Log,
		Undone: d.Undone, Around: s.around, Settle: s.settle,
		Core: func() state { return state{} },
		Parse: func(key string) error {
			if _, err := id.ParseNumber[id.User](key); err != nil {
				return ErrNoAccount
			}
			return nil
		},
	}.Cluster()
}
