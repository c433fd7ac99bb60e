// Package ingest is the contract between the protocols by which media come in and the one who decides
// whether they may.
//
// It owns nothing. The protocol packages below it (rtmp) accept connections, find out what is published,
// and ask a Gate, which the channel actor's client implements. In this order:
//
//	Verify  as soon as the key is known, before the publisher is told to go on (where the Gate is a Verifier)
//	Begin   when the tracks are known; the answer is the Stream to write to
//	Refused why one whose key is good was turned away or let go (where the Gate is a Refuser)
//	End     once for every Begin that succeeded, when the connection is gone
//
// A Gate that lets another publisher take over closes the old Stream with live.ErrTakenOver; the protocol
// package sees that on the Stream's Done and closes its connection. Refusals are fault errors:
// Unauthenticated and NotFound mean a wrong key, Denied a key that may not do this, Conflict and Exhausted
// that it may not now, anything else that the decision could not be made.
package ingest

import (
	"context"

	"github.com/barrage-live/barrage/internal/media"
	"github.com/barrage-live/barrage/live"
)

// Publication is what wants to come in.
type Publication struct {
	// Key is the stream key as the publisher gave it; a secret, never logged.
	Key string
	// Protocol is "rtmp" and so on.
	Protocol string
	// Remote is the publisher's network address.
	Remote string
	// Tracks are valid; empty in Verify.
	Tracks []media.Track
}

// Gate decides. Its methods may take as long as their context allows.
type Gate interface {
	// Begin admits a publication and gives the Stream to write it to.
	Begin(ctx context.Context, p Publication) (*live.Stream, error)
	// End tells that nothing more will be written, and why, in words for logs and figures: live.ErrEnded
	// when the publisher has said that it ends, live.ErrTakenOver, or what broke. reason is never nil. One
	// who has said so may come back as one whose connection was lost, only not as late.
	// End's own error is for the log only.
	End(ctx context.Context, s *live.Stream, reason error) error
}

// Refuser is the ability of a Gate to hear why a publisher whose key is good was turned away, or let go, so
// that whoever owns the key learns it: at most once for each connection. It must not wait.
type Refuser interface {
	Refused(p Publication, reason error)
}

// Verifier is the ability of a Gate to judge a key before the tracks are known, so that a publisher with a
// wrong one is refused at once and sends nothing.
type Verifier interface {
	Verify(ctx context.Context, p Publication) error
}
