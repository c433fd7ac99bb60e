// Package actors is the census: the written-out list of every kind of actor that lives on a node.
//
// It owns no state. The composition root makes a node, builds Deps, and gives Kinds to cluster.Node.Start
// before any listener opens. A new kind is one folder in its wing and one entry in Kinds.
//
// It promises nothing but the list and fails in no way of its own; how each kind behaves is said by its
// package.
package actors

import (
	"context"
	"errors"

	"github.com/barrage-live/barrage/actors/follower"
	"github.com/barrage-live/barrage/actors/identity/account"
	"github.com/barrage-live/barrage/actors/identity/accountlist"
	"github.com/barrage-live/barrage/actors/identity/session"
	"github.com/barrage-live/barrage/actors/live/channel"
	"github.com/barrage-live/barrage/actors/live/room"
	"github.com/barrage-live/barrage/cluster"
	"github.com/barrage-live/barrage/storage/eventlog"
	"github.com/barrage-live/barrage/storage/outbox"
	"github.com/barrage-live/barrage/storage/table"
)

// Deps is what the kinds need.
type Deps struct {
	Account account.Deps
	Session session.Deps
	// Channel's Rooms may be left nil; then they are the actors of the node.
	Channel channel.Deps
	Room    room.Deps
	// Events is the log in which actors tell what has happened; lists are made of it in Tables.
	Events    *eventlog.Log
	Tables    *table.Store
	Followers *follower.Metrics
	// Undone counts what is left to do; nil: nobody does.
	Undone *outbox.Undone
}

// Kinds lists every kind of actor. They reach each other through n, which has not started yet.
func Kinds(n *cluster.Node, d Deps) []cluster.Kind {
	if d.Channel.Rooms == nil {
		d.Channel.Rooms = room.NewClient(n)
	}
	d.Account.Undone, d.Session.Undone, d.Channel.Undone = d.Undone, d.Undone, d.Undone
	sessions, channels := session.NewClient(n, d.Session.Table, d.Session.Config), channel.NewClient(n, d.Channel.Table)
	d.Account.Shut = func(ctx context.Context, s account.ShutOut) error {
		_, err := sessions.RevokeAll(ctx, s.User, "", s.Logins)
		return errors.Join(err, channels.RevokeOwned(ctx, s.User, s.Rights))
	}
	d.Account.Log = follower.Appender{Log: d.Events, Node: n, Followers: followers(), Metrics: d.Followers}
	return []cluster.Kind{
		account.Kind(d.Account),
		accountlist.Kind(accountlist.Deps{Table: d.Tables, Log: d.Events, Metrics: d.Followers}),
		session.Kind(d.Session),
		channel.Kind(d.Channel),
		room.Kind(d.Room),
	}
}

// followers are who hears of the events of a topic.
func followers() map[string][]follower.Address {
	return map[string][]follower.Address{account.Topic: {accountlist.Address()}}
}
