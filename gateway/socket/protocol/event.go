package protocol

import (
	"time"

	"github.com/barrage-live/barrage/actors/live/room"
	"github.com/barrage-live/barrage/gateway/socket/frame"
	"github.com/barrage-live/barrage/internal/auth"
	"github.com/barrage-live/barrage/internal/id"
	"github.com/barrage-live/barrage/internal/position"
	"github.com/barrage-live/barrage/internal/wire/wirepb"
)

// Event is something that happened to a connection.
type Event interface{ event() }

// The events. Ask is that of the effect whose answer they are; an answer that nobody waits for any more is
// passed over.
type (
	// Opened comes first.
	Opened struct{}
	// Received is a client frame of so many bytes, or the refusal of wire.Decode with the frame if it gave
	// one.
	Received struct {
		Frame *wirepb.ClientFrame
		Bytes int
		Err   error
	}
	// Verified answers Verify.
	Verified struct {
		Ask uint64
		Who auth.Identity
		Err error
	}
	// Entered answers Enter.
	Entered struct {
		Ask   uint64
		Entry Entry
		Err   error
	}
	// Posted answers Post.
	Posted struct {
		Ask       uint64
		Position  position.Position
		Duplicate bool
		Err       error
	}
	// Read answers ReadHistory.
	Read struct {
		Ask  uint64
		Rows frame.Rows
		More bool
		Err  error
	}
	// Expired says that the moment of the last ExpireAt has come.
	Expired struct{}
	// Revoked says that the token of the connection is refused from now on; Err is what the client is told.
	Revoked struct{ Err error }
	// Evicted says that the hub took the connection out of a room; Err is what the client is told.
	Evicted struct {
		Room id.Room
		Err  error
	}
	// Draining says that the node goes away within Within.
	Draining struct{ Within time.Duration }
	// Drained says that this connection's time is over once what it asked for is answered.
	Drained struct{}
	// Ending says that nothing more comes from the client, and how the connection is closed once what it
	// asked for is answered.
	Ending struct {
		Code   int
		Reason string
	}
)

// Entry is what a client learns on entering a room.
type Entry struct {
	// Rows are in order and lie up to Head.
	Rows frame.Rows
	// Recovered says that Rows are everything between the client's position and Head; Reason says why not.
	Recovered bool
	Reason    string
	// More says that there is more after Head to recover: the client has to ask again, and is not in the
	// room yet.
	More bool
	// Head is the newest position covered: batches go on after it.
	Head position.Position
	Info room.Info
	// Version is that of Info on this node.
	Version uint64
}

// Effect is something the shell has to do.
type Effect interface{ effect() }

// The effects. Those with an Ask are questions: the shell answers each with one event that carries the same
// Ask, whenever it knows.
type (
	// Send sends a frame, which lists Rows.
	Send struct {
		Frame *wirepb.ServerFrame
		Rows  frame.Rows
	}
	// Verify checks an access token; Verified is the answer.
	Verify struct {
		Ask   uint64
		Token string
	}
	// ExpireAt asks for Expired at a moment; it replaces the one asked for before.
	ExpireAt struct{ At time.Time }
	// Enter counts the connection into a room and asks for what it missed; Entered is the answer. No batch
	// comes before Release.
	Enter struct {
		Ask  uint64
		Room id.Room
		// Since is the client's position, if Resuming.
		Since    position.Position
		Resuming bool
		// History is how many of the newest danmaku are wanted otherwise.
		History int
	}
	// Release sends Frame, if any, which lists Rows and tells the state of a version, and then what follows
	// Head.
	Release struct {
		Room    id.Room
		Head    position.Position
		Version uint64
		Frame   *wirepb.ServerFrame
		Rows    frame.Rows
	}
	// Leave takes the connection out of a room and sends Frame, if any, which lists Rows, after the last
	// batch.
	Leave struct {
		Room  id.Room
		Frame *wirepb.ServerFrame
		Rows  frame.Rows
	}
	// Post posts a danmaku; Posted is the answer.
	Post struct {
		Ask    uint64
		Room   id.Room
		Author room.Author
		Draft  room.Draft
	}
	// ReadHistory reads a page; Read is the answer.
	ReadHistory struct {
		Ask    uint64
		Room   id.Room
		Before position.Position
		Limit  int
	}
	// Close ends the connection.
	Close struct {
		Code   int
		Reason string
	}
)

func (Opened) event()   {}
func (Received) event() {}
func (Verified) event() {}
func (Entered) event()  {}
func (Posted) event()   {}
func (Read) event()     {}
func (Expired) event()  {}
func (Revoked) event()  {}
func (Evicted) event()  {}
func (Draining) event() {}
func (Drained) event()  {}
func (Ending) event()   {}

func (Send) effect()        {}
func (Verify) effect()      {}
func (ExpireAt) effect()    {}
func (Enter) effect()       {}
func (Release) effect()     {}
func (Leave) effect()       {}
func (Post) effect()        {}
func (ReadHistory) effect() {}
func (Close) effect()       {}
