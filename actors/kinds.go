// Package actors is the census: the written-out list of every kind of actor that lives on a node.
//
// It owns no state. The composition root builds Deps, gives Kinds to cluster.Start, and then calls Bridge.Connect, before any
// listener opens. A new kind is one folder beside this file and one entry in Kinds.
//
// It promises nothing but the list and fails in no way of its own; how each kind behaves is said by its package.
package actors

import (
	"github.com/barrage-live/barrage/actors/account"
	"github.com/barrage-live/barrage/actors/channel"
	"github.com/barrage-live/barrage/actors/packager"
	"github.com/barrage-live/barrage/actors/room"
	"github.com/barrage-live/barrage/actors/session"
	"github.com/barrage-live/barrage/cluster"
)

// Deps is what the kinds need.
type Deps struct {
	Account account.Deps
	Session session.Deps
	// Channel's Rooms and Packager may be left nil; then the Bridge is put in.
	Channel  channel.Deps
	Room     room.Deps
	Packager packager.Deps
	Bridge   *Bridge
}

// Kinds lists every kind of actor.
func Kinds(d Deps) []cluster.Kind {
	if d.Channel.Rooms == nil {
		d.Channel.Rooms = d.Bridge
	}
	if d.Channel.Packager == nil {
		d.Channel.Packager = d.Bridge
	}
	return []cluster.Kind{
		account.Kind(d.Account),
		session.Kind(d.Session),
		channel.Kind(d.Channel),
		room.Kind(d.Room),
		packager.Kind(d.Packager),
	}
}

// Bridge is how channels reach the other actors of their node. A node must know its kinds before it starts, and a client
// needs the started node, so the bridge is made first and connected after. It must be connected before the first message.
type Bridge struct {
	channel.Rooms
	channel.Packager
}

// Connect points the bridge at the actors of n.
func (b *Bridge) Connect(n *cluster.Node) {
	b.Rooms, b.Packager = room.NewClient(n), packager.NewClient(n)
}
