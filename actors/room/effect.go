package room

import (
	"time"

	"github.com/barrage-live/barrage/internal/id"
	"github.com/barrage-live/barrage/internal/position"
)

// waiter names someone who waits for an answer; zero is nobody.
type waiter uint32

// The commands. Those up to look are asked from outside, the rest are the shell's.
type (
	createRoom struct {
		Channel id.Channel
		Owner   id.User
	}
	post struct {
		Author Author
		Draft  Draft
	}
	attach struct {
		Node       id.Node
		Attachment uint64
	}
	detach struct {
		Node       id.Node
		Attachment uint64
	}
	report struct {
		Node       id.Node
		Attachment uint64
		Viewers    int
	}
	resume  struct{ Since position.Position }
	history struct {
		Before position.Position
		Limit  int
	}
	configure Adjustment
	mute      struct {
		User  id.User
		Until time.Time
		By    id.User
	}
	unmute  struct{ User id.User }
	mutes   struct{}
	setLive struct {
		Broadcast id.Broadcast
		Start     time.Time
	}
	setOffline struct{}
	about      struct{}
	look       struct{}

	// appended tells how the append in flight ended.
	appended struct{ Err error }
	// saved tells how the write of a change ended.
	saved struct{ Err error }
	// found brings the rows of a query.
	found struct {
		Query query
		Rows  []Danmaku // in order
		Err   error
	}
	// tick says that the moment the core asked to be woken at has come.
	tick struct{}
	// closing says that the activation ends.
	closing struct{}
)

// The answers to commands that have more than one value.
type (
	posted struct {
		Position  position.Position
		Duplicate bool
	}
	page struct {
		Danmaku []Danmaku
		More    bool
	}
)

// verb says what the shell is to do with an effect.
type verb uint8

const (
	// doAnswer gives to the answer: posted for a post, else value.
	doAnswer verb = iota + 1
	// doRefuse gives to the error.
	doRefuse
	// doAppend writes rows behind the log, durably and all or none, then brings appended. One is out at a time, and
	// rows do not change until it is back.
	doAppend
	// doSave writes change durably while other commands wait, then brings saved.
	doSave
	// doRead reads the rows of query, then brings found.
	doRead
	// doDeliver sends batch to node.
	doDeliver
	// doWake brings tick at the moment; a later one replaces it.
	doWake
	// doStop ends the activation.
	doStop
)

// effect is what the core wants done. It is one flat struct so that a reused slice of them costs no allocation.
type effect struct {
	do     verb
	to     waiter
	posted posted
	value  any
	err    error
	rows   []Danmaku
	change *change
	query  query
	node   id.Node
	batch  *Batch
	at     time.Time
}

// change is what a command changes in the room's own rows. The card is written with every one of them.
type change struct {
	create bool
	card   record
	mute   *Mute
	unmute id.User
}

// record is the stored form of the card: with the broadcast that runs.
type record struct {
	Card
	broadcast id.Broadcast
	start     time.Time
}

// query asks the log for the rows from <= offset <= to, at most limit: from the front, or the last ones if newest.
type query struct {
	from, to position.Offset
	limit    int
	newest   bool
	// For a Recovery: the position asked from and the head then.
	since, head position.Position
	recovery    bool
}
