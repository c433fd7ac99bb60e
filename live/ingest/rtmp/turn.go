package rtmp

import (
	"slices"
	"time"

	"github.com/barrage-live/barrage/internal/media"
)

const (
	// awaitKey is how long sound of another format waits for a key picture, with which nothing is lost of
	// the pictures; playback begins anew there. Then it turns alone, whatever the pictures wait for.
	awaitKey = 6 * time.Second
	// stay is how long the tracks stay as they are, at least.
	stay = time.Second
)

// turn is what becomes of tracks that are not what the stream knows: a publication goes on with another sound
// or another codec, or with a track that comes late, from a unit at which its readers can begin anew. What
// comes of such tracks before that is passed over.
type turn struct {
	pictures, sound bool      // of the kind, units are of a track that the stream does not know yet
	since           time.Time // the first of them arrived
	last            time.Time // tracks changed
}

// begin notes at an arrival whether a track differs.
func (n *turn) begin(at time.Time, differs bool) bool {
	if differs && !n.pictures && !n.sound {
		n.since = at
	}
	return differs
}

// turned gives the unit to be written, with the tracks that hold from it on if it is the one at which they
// change.
func (t *toStream) turned(u media.Unit) (media.Unit, bool) {
	n := &t.turn
	video := t.video >= 0 && u.Track == t.video
	switch {
	case !n.pictures && !n.sound:
		t.told(&u)
		return u, true
	case n.may(&u, video, t.video >= 0):
	case video && n.pictures, !video && n.sound:
		t.pass("awaits_key")
		return media.Unit{}, false
	default:
		t.told(&u)
		return u, true
	}
	t.tracks = slices.Clone(t.tracks)
	next := turn{last: u.Arrival}
	if video {
		t.set(t.video, t.pictures.Config())
	} else { // the pictures stay as the stream knows them, or unknown, until the first it can begin with
		next.pictures, next.since = n.pictures, n.since
	}
	if t.sound != nil {
		t.set(t.audio, t.sound)
	}
	*n = next
	u.Tracks, u.Config = t.tracks, nil
	return u, true
}

// told notes the configuration that a unit tells the stream.
func (t *toStream) told(u *media.Unit) {
	if u.Config != nil {
		t.tracks = slices.Clone(t.tracks)
		t.set(u.Track, u.Config)
	}
}

// may reports whether tracks can change at a unit.
func (n *turn) may(u *media.Unit, video, pictures bool) bool {
	switch {
	case u.Arrival.Sub(n.last) < stay:
		return false
	case video:
		return u.Entry()
	case pictures: // and this is sound
		return n.sound && u.Arrival.Sub(n.since) >= awaitKey
	}
	return true
}

func (t *toStream) set(index int, c *media.Config) {
	if index == len(t.tracks) {
		t.tracks = append(t.tracks, media.Track{})
	}
	t.tracks[index] = media.Track{Config: c}
}
