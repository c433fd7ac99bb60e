package channel

import (
	"time"

	"github.com/barrage-live/barrage/internal/auth"
	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/id"
	"github.com/barrage-live/barrage/internal/media"
)

// The refusals of this package; bad_stream_key is auth.ErrStreamKey.
var (
	ErrNoChannel     = fault.New(fault.NotFound, "no_channel", "no such channel")
	ErrNoKey         = fault.New(fault.NotFound, "no_key", "no such stream key")
	ErrNameTaken     = fault.New(fault.Conflict, "name_taken", "this channel name is taken").In("name")
	ErrChannelExists = fault.New(fault.Conflict, "channel_exists", "the account has a channel already")
	ErrKeyRevoked    = fault.New(fault.Unauthenticated, "key_revoked", "the stream key was revoked or replaced")
	ErrTooManyKeys   = fault.New(fault.Exhausted, "too_many_keys", "too many stream keys at once; revoke one first")

	errIDTaken = fault.New(fault.Conflict, "id_taken", "the drawn channel id is in use")
)

// Phase is what a channel is doing.
type Phase string

// The phases.
const (
	Offline     Phase = "offline"
	Live        Phase = "live"
	Interrupted Phase = "interrupted" // the publisher is gone and may return
)

// Fence numbers the leases to publish to one channel; it only grows.
type Fence = uint64

// Channel is what everyone may know of a channel.
type Channel struct {
	ID      id.Channel
	Name    string
	Title   string
	Owner   id.User
	Room    id.Room
	Created time.Time
	Phase   Phase
	// Broadcast and Start are set while the channel is not offline; Since is when the phase began.
	Broadcast    id.Broadcast
	Start, Since time.Time
}

// mark says that a broadcast was begun and not finished.
type mark struct {
	Broadcast id.Broadcast `json:"broadcast"`
	Start     time.Time    `json:"start"`
}

// document is the whole of what is stored.
type document struct {
	ID      id.Channel  `json:"id"`
	Name    string      `json:"name"`
	Title   string      `json:"title"`
	Owner   id.User     `json:"owner"`
	Room    id.Room     `json:"room"`
	Created time.Time   `json:"created"`
	Fence   Fence       `json:"fence"`
	Keys    []keyRecord `json:"keys,omitempty"`
	Live    *mark       `json:"live,omitempty"`
}

// Commands. What is random or secret comes in with them.
type (
	create struct {
		id    id.Channel
		name  string
		title string
		owner id.User
		room  id.Room
	}
	setTitle struct{ title string }
	get      struct{}
	mintKey  struct {
		id  string
		key auth.StreamKey
	}
	listKeys  struct{}
	revokeKey struct{ id string }
	// revokeKeys ends all of them, and whoever publishes.
	revokeKeys struct{}
	// check asks whether a begin with this key would be let in.
	check struct{ key auth.StreamKey }
	// begin asks for the lease; broadcast is the id to use if a new broadcast begins, and names the request.
	begin struct {
		key       auth.StreamKey
		broadcast id.Broadcast
		tracks    []media.Track
	}
	// openFailed tells that the packager refused the lease of this fence, for good if it has ended the broadcast.
	openFailed struct {
		fence Fence
		ended bool
	}
	// ended tells that the publisher of this fence is gone.
	ended struct{ fence Fence }
	// abandoned tells that nobody waits any more for the answer to the begin of this name.
	abandoned struct{ request id.Broadcast }
	// graceOver tells that the grace of this fence has passed.
	graceOver struct{ fence Fence }
	// beat asks a live channel to renew what it told, as long as the broadcast goes on.
	beat struct{ broadcast id.Broadcast }
	// wake is the first command of an activation, and asks again for an end that could not be written.
	wake struct{}
	// told tells that room and listing have taken that the channel is offline.
	told struct{}
)

// effect is what the shell performs, in order; after a found, persist or open the rest waits for its result.
type effect any

type (
	reply  struct{ value any }
	refuse struct{ err error }
	// found claims the names, makes the room and writes the first document.
	found struct{ doc document }
	// persist writes the document; at the ends of a broadcast also the row by which Settle finds it after a crash.
	persist struct {
		doc document
		end end
	}
	// open gives the lease to the packager and answers the publisher with the stream. The packager has the broadcast if resumes.
	open struct {
		broadcast id.Broadcast
		resumes   bool
		start     time.Time
		fence     Fence
		tracks    []media.Track
	}
	// kick closes the publisher's stream.
	kick      struct{ reason error }
	interrupt struct{ fence Fence }
	finish    struct{ broadcast id.Broadcast }
	// announce brings room and listing in line with the state.
	announce struct{}
	after    struct {
		d   time.Duration
		cmd any
	}
	pin struct{ on bool }
)

// end says which end of a broadcast a persist is.
type end uint8

const (
	neither end = iota
	begins
	finishes
)

// state is the core of the actor: no clock, no I/O, no randomness. The zero phase is Offline.
type state struct {
	cfg    Config // filled
	exists bool
	doc    document

	// Valid while live(). Then doc.Live is set, and lease <= doc.Fence: a write whose outcome was unknown may have raised it.
	// An offline channel keeps doc.Live until room and listing have been told of the end, so that a crash tells them again.
	phase   Phase
	since   time.Time
	lease   Fence
	request id.Broadcast // the begin that got the lease
	keyID   string       // whose key it came with
}

// ending reports whether a broadcast was begun, goes on no more, and is not finished.
func (s *state) ending() bool { return s.doc.Live != nil && !s.live() }

// apply performs one command and appends its effects to dst.
func (s *state) apply(now time.Time, cmd any, dst []effect) []effect {
	if c, ok := cmd.(create); ok {
		return s.create(now, c, dst)
	}
	if !s.exists {
		return s.absent(cmd, dst)
	}
	switch c := cmd.(type) {
	case get:
		return append(dst, reply{s.channel()})
	case setTitle:
		if s.doc.Title != c.title {
			s.doc.Title = c.title
			dst = append(dst, persist{doc: s.doc})
		}
		return append(dst, reply{s.channel()})
	case mintKey:
		return s.mint(now, c, dst)
	case listKeys:
		return append(dst, reply{s.keys(now)})
	case revokeKey:
		return s.revoke(now, c, dst)
	case revokeKeys:
		return s.revokeAll(now, dst)
	}
	return s.publish(now, cmd, dst)
}

// absent answers for a channel that does not exist; to a publisher it is a wrong key like any other.
func (s *state) absent(cmd any, dst []effect) []effect {
	switch cmd.(type) {
	case begin, check:
		return append(dst, refuse{auth.ErrStreamKey})
	case wake, beat, graceOver:
		return dst
	}
	return append(dst, refuse{ErrNoChannel})
}

func (s *state) create(now time.Time, c create, dst []effect) []effect {
	if s.exists {
		return append(dst, refuse{errIDTaken})
	}
	s.exists = true
	s.doc = document{ID: c.id, Name: c.name, Title: c.title, Owner: c.owner, Room: c.room, Created: now.UTC()}
	return append(dst, found{s.doc}, reply{s.channel()})
}

func (s *state) channel() Channel {
	c := Channel{
		ID: s.doc.ID, Name: s.doc.Name, Title: s.doc.Title, Owner: s.doc.Owner, Room: s.doc.Room, Created: s.doc.Created, Phase: Offline,
	}
	if s.live() {
		c.Phase, c.Since = s.phase, s.since
		c.Broadcast, c.Start = s.doc.Live.Broadcast, s.doc.Live.Start
	}
	return c
}
