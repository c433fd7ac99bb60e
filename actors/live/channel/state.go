package channel

import (
	"time"

	"github.com/barrage-live/barrage/actors/document"
	"github.com/barrage-live/barrage/internal/auth"
	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/id"
	"github.com/barrage-live/barrage/live/origin"
)

// The refusals of this package; bad_stream_key is auth.ErrStreamKey.
var (
	ErrNoChannel     = fault.New(fault.NotFound, "no_channel", "no such channel")
	ErrNoKey         = fault.New(fault.NotFound, "no_key", "no such stream key")
	ErrNameTaken     = fault.New(fault.Conflict, "name_taken", "this channel name, or one that looks like it, is taken").In("name")
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

// unfinished says that a broadcast was begun and not finished.
type unfinished struct {
	Broadcast id.Broadcast `json:"broadcast"`
	Start     time.Time    `json:"start"`
	Key       string       `json:"key,omitempty"` // that the last lease was given for
}

// stored is the document.
type stored struct {
	ID         id.Channel  `json:"id"`
	Name       string      `json:"name"`
	Title      string      `json:"title"`
	Owner      id.User     `json:"owner"`
	Room       id.Room     `json:"room"`
	Created    time.Time   `json:"created"`
	Fence      Fence       `json:"fence"`
	Rights     uint64      `json:"rights,omitempty"` // the least version of the owner's rights that keys are made under
	Keys       []keyRecord `json:"keys,omitempty"`
	Unfinished *unfinished `json:"unfinished,omitempty"`
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
	// mintKey makes a key under a version of the owner's rights.
	mintKey struct {
		id     string
		key    auth.StreamKey
		rights uint64
	}
	listKeys  struct{}
	revokeKey struct{ id string }
	// revokeKeys ends those that were made under a lower version of the owner's rights, and whoever publishes
	// with one; 0: all.
	revokeKeys struct{ rights uint64 }
	// check asks whether a begin with this key would be let in.
	check struct{ key auth.StreamKey }
	// begin asks for the lease; broadcast is the id to use if a new broadcast begins, and names the request.
	begin struct {
		key       auth.StreamKey
		broadcast id.Broadcast
	}
	// opened tells that the lease of this fence was opened, openFailed that it was refused, for good if the
	// broadcast has ended.
	opened     struct{ fence Fence }
	openFailed struct {
		fence Fence
		ended bool
	}
	// ended tells that the publisher of this fence is gone, and whether it has said that it ends.
	ended struct {
		fence   Fence
		goodbye bool
	}
	// abandoned tells that nobody waits any more for the answer to the begin of this name.
	abandoned struct{ request id.Broadcast }
	// refused tells that who showed a key was turned away; keys that are none of the channel's say nothing.
	refused struct {
		key     auth.StreamKey
		refusal Refusal
	}
	// graceOver tells that the grace has passed of a publisher that was lost at that time.
	graceOver struct{ since time.Time }
	// beat asks a live channel to renew what it told, as long as the broadcast goes on.
	beat struct{ broadcast id.Broadcast }
	// adopted tells that the broadcast of a predecessor goes on, and what the node of its publisher holds;
	// gone that it does not.
	adopted struct{ held origin.Held }
	gone    struct{}
	// heard tells what the node of the publisher holds, as it was asked at that time.
	heard struct {
		held  origin.Held
		asked time.Time
	}
	// settle ends the recording of a broadcast unless it goes on, and erase deletes it.
	settle struct{ broadcast id.Broadcast }
	erase  struct{ broadcast id.Broadcast }
	// endAgain asks again for an end that could not be written.
	endAgain struct{}
	// offlineAnnounced tells that room and listing have taken that the channel is offline.
	offlineAnnounced struct{}
)

type (
	effect = document.Effect
	save   = document.Save[stored]
)

// The effects of this kind.
type (
	// grant answers the publisher with the lease.
	grant struct{ origin.Lease }
	// adopt asks what is left of a predecessor's broadcast, and answers adopted or gone. Its lease is the
	// last that was given.
	adopt struct{ origin.Lease }
	// inquire asks what the node of the publisher holds, and answers heard.
	inquire struct{}
	// interrupt lets go of the publisher of a fence.
	interrupt struct {
		fence  Fence
		reason error
	}
	finish struct{ broadcast id.Broadcast }
	// recoverRecording ends what was recorded of a broadcast, removeRecording deletes it; both answer.
	recoverRecording struct{ broadcast id.Broadcast }
	removeRecording  struct{ broadcast id.Broadcast }
	// announce brings room and listing in line with the state.
	announce struct{}
	// keepNames has the channel's claims confirmed, and taken again where they have expired, before the
	// rest is done.
	keepNames struct{}
)

// state is the core of the actor: no clock, no I/O, no randomness. The zero phase is Offline.
type state struct {
	cfg    Config // filled
	exists bool
	doc    stored

	// Valid while live(). Then doc.Unfinished is set, and lease <= doc.Fence: a write whose outcome was
	// unknown may have raised it. An offline channel keeps doc.Unfinished until room and listing have been
	// told of the end, so that a crash tells them again.
	phase   Phase
	since   time.Time
	known   time.Time // when it was last certain that a publisher is there; a lease that is given is none
	lease   Fence
	request id.Broadcast // the begin that got the lease
	keyID   string       // whose key it came with

	takeovers  takeovers
	reopenings reopenings
	refusal    Refusal // the last one; it is forgotten with the activation
}

// ending reports whether a broadcast was begun, goes on no more, and is not finished.
func (s *state) ending() bool { return s.doc.Unfinished != nil && !s.live() }

// Exists implements document.Core.
func (s *state) Exists() bool { return s.exists }

// Busy implements document.Core: a broadcast was begun and is not finished.
func (s *state) Busy() bool { return s.doc.Unfinished != nil }

// Apply implements document.Core.
func (s *state) Apply(now time.Time, cmd any, dst []effect) []effect {
	switch c := cmd.(type) {
	case document.Loaded[stored]:
		return s.load(c, dst)
	case create:
		return s.create(now, c, dst)
	}
	if !s.exists {
		return s.absent(cmd, dst)
	}
	switch c := cmd.(type) {
	case get:
		return append(dst, document.Reply{Value: s.channel()})
	case setTitle:
		if s.doc.Title != c.title {
			s.doc.Title = c.title
			dst = append(dst, save{Doc: s.doc})
			if s.live() {
				dst = append(dst, announce{})
			}
		}
		return append(dst, document.Reply{Value: s.channel()})
	case mintKey:
		return s.mint(now, c, dst)
	case listKeys:
		return append(dst, document.Reply{Value: s.keys(now)})
	case revokeKey:
		return s.revoke(now, c, dst)
	case revokeKeys:
		return s.revokeAll(now, c, dst)
	}
	return s.publish(now, cmd, dst)
}

// absent answers for a channel that does not exist; to a publisher it is a wrong key like any other.
func (s *state) absent(cmd any, dst []effect) []effect {
	switch cmd.(type) {
	case begin, check:
		return append(dst, document.Refuse{Err: auth.ErrStreamKey})
	case endAgain, beat, graceOver, opened, openFailed, ended, abandoned, refused, heard:
		return dst
	}
	return append(dst, document.Refuse{Err: ErrNoChannel})
}

// load begins an activation, or goes on when it is known again what is stored. A broadcast that a
// predecessor left may go on; one whose end could not be written ends again.
func (s *state) load(c document.Loaded[stored], dst []effect) []effect {
	s.exists, s.doc = c.Exists, c.Doc
	switch {
	case s.doc.Unfinished == nil:
		return append(dst, document.Pin{On: false})
	case !c.Again:
		return append(dst, document.Pin{On: true}, adopt{s.granted(true)})
	case s.ending():
		dst = append(dst, document.After{D: s.cfg.Beat, Cmd: endAgain{}})
	}
	return append(dst, document.Pin{On: true})
}

func (s *state) create(now time.Time, c create, dst []effect) []effect {
	switch {
	case s.exists && s.doc.Owner == c.owner:
		// Its owner may not have been told that it was made, and nothing may have confirmed its names since.
		return append(dst, keepNames{}, document.Refuse{Err: ErrChannelExists})
	case s.exists:
		return append(dst, document.Refuse{Err: errIDTaken})
	}
	s.exists = true
	s.doc = stored{ID: c.id, Name: c.name, Title: c.title, Owner: c.owner, Room: c.room, Created: now.UTC()}
	return append(dst, save{Doc: s.doc, Fragile: true}, document.Reply{Value: s.channel()})
}

func (s *state) channel() Channel {
	c := Channel{
		ID: s.doc.ID, Name: s.doc.Name, Title: s.doc.Title, Owner: s.doc.Owner, Room: s.doc.Room, Created: s.doc.Created, Phase: Offline,
	}
	if s.live() {
		c.Phase, c.Since = s.phase, s.since
		c.Broadcast, c.Start = s.doc.Unfinished.Broadcast, s.doc.Unfinished.Start
	}
	return c
}
