package room

import (
	"time"

	"github.com/barrage-live/barrage/internal/id"
	"github.com/barrage-live/barrage/internal/position"
)

// waiter names someone who waits for an answer; zero is nobody.
type waiter uint32

// instant is a moment as a core sees it. at measures: it counts from the beginning of the activation, and
// no change of a clock moves it. wall is what the clock shows: it is stored and told, and compared with
// stored moments only.
type instant struct {
	at   time.Duration
	wall time.Time
}

// of says when a stored moment is or was, by at, as the clock stands now. Moments that are very far away
// are brought nearer.
func (n instant) of(stored time.Time) time.Duration {
	const far = 100 * 365 * 24 * time.Hour
	return n.at + min(max(stored.Sub(n.wall), -far), far)
}

// shown is the wall clock as it is stored: in whole milliseconds, UTC.
func (n instant) shown() time.Time { return n.wall.UTC().Truncate(time.Millisecond) }

// The commands. Those up to getStatus are asked from outside, the rest are the shell's.
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
	unmute struct{ User id.User }
	mutes  struct{}
	// setLive and setOffline are said by an activation of the channel, which By is; an older one than has
	// spoken before is refused.
	setLive struct {
		By        position.Fence
		Broadcast id.Broadcast
		Start     time.Time
	}
	setOffline struct{ By position.Fence }
	getCard    struct{}
	getInfo    struct{}
	settle     struct{ Broadcast id.Broadcast }

	// appended tells how the append in flight ended, or the attempt to settle it.
	appended struct{ Err error }
	// saved tells how the write of a change ended, or the attempt to settle it.
	saved struct{ Err error }
	// retryAppend and retrySave say that it is time to try to settle a write of unknown outcome again.
	retryAppend struct{}
	retrySave   struct{}
	// rowsRead brings the rows of a query.
	rowsRead struct {
		Query query
		Rows  []Danmaku // in order
		More  bool      // there may be further ones in the range
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
	// doAppend writes rows to the end of the log, durably and all or none, then brings appended. One is out
	// at a time, and rows do not change until it is settled.
	doAppend
	// doSettleAppend finds out whether rows, of which an append has an unknown outcome, are in the log, and
	// writes them if they are not, then brings appended: nil if they are there now, the same unknown
	// outcome if that could not be learned.
	doSettleAppend
	// doSave writes change durably, then brings saved. One is out at a time.
	doSave
	// doSettleSave is to doSave what doSettleAppend is to doAppend.
	doSettleSave
	// doRead reads the rows of query, then brings rowsRead.
	doRead
	// doDeliver sends batch to node.
	doDeliver
	// doWake brings tick after a delay; a later one replaces it.
	doWake
	// doRetry brings the command in value after a delay.
	doRetry
	// doIndex does step, then brings stepped. One is out at a time.
	doIndex
	// doIndexWake brings indexDue after a delay.
	doIndexWake
	// doStop ends the activation.
	doStop
)

// effect is what the core wants done. It is one flat struct so that a reused slice of them costs no
// allocation.
type effect struct {
	do     verb
	to     waiter
	posted posted
	value  any
	err    error
	rows   []entry
	change *change
	query  query
	node   id.Node
	batch  *Batch
	after  time.Duration
	step   *indexStep
}

// change is what a command changes in the room's own rows. The card is written with every one of them.
type change struct {
	create bool
	card   record
	mute   *Mute
	unmute id.User
}

// record is the stored form of the card: with the broadcast that runs, and the open bucket of the log,
// which is the newest that may have rows.
type record struct {
	Card
	broadcast id.Broadcast
	start     time.Time
	saidBy    position.Fence // the activation of the channel that said so
	bucket    uint64
}

// query asks the log for the rows from <= offset <= to, at most limit: from the front, or the last ones if
// newest.
type query struct {
	from, to position.Offset
	limit    int
	newest   bool
	// For a Recovery: the position asked from and the head then.
	since, head position.Position
	recovery    bool
}
