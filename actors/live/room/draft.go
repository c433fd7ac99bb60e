package room

import (
	"time"

	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/text"
)

// Bounds of what an author may send.
const (
	// DefaultLength is how many code points a text may have where the owner set nothing.
	DefaultLength = 100
	// MaxLength is the most an owner may allow.
	MaxLength = 1000

	maxKey    = 64
	maxName   = 256 // bytes
	maxUser   = 64  // bytes
	maxColour = 0xFFFFFF
	// edgeSlack is how far a picture may seem to lie ahead of the live edge: clocks differ.
	edgeSlack = 2 * time.Second
)

var (
	errBadKey    = fault.New(fault.Invalid, "bad_key", "a key is 1 to 64 of A-Z, a-z, 0-9, underscore and hyphen").In("key")
	errBadMode   = fault.New(fault.Invalid, "bad_mode", "no such mode").In("mode")
	errBadSize   = fault.New(fault.Invalid, "bad_size", "no such size").In("size")
	errBadColour = fault.New(fault.Invalid, "bad_colour", "a colour is at most 0xFFFFFF").In("colour")
)

// checkKey refuses a key that could not be carried in a URL or a log line as it is.
func checkKey(key string) error {
	if key == "" || len(key) > maxKey {
		return errBadKey
	}
	for i := range len(key) {
		c := key[i]
		if c != '_' && c != '-' && (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') {
			return errBadKey
		}
	}
	return nil
}

// normalised returns the draft as the log will hold it, or says what is wrong with it. Everything but the
// key is checked.
func (d Draft) normalised(maxLength int) (Draft, error) {
	line, err := text.Line(d.Text, maxLength)
	if err != nil {
		return Draft{}, fault.From(err).In("text")
	}
	d.Text = line
	if d.Mode == 0 {
		d.Mode = Scroll
	}
	if d.Size == 0 {
		d.Size = Normal
	}
	switch {
	case d.Mode > Bottom:
		return Draft{}, errBadMode
	case d.Size > Large:
		return Draft{}, errBadSize
	case d.Colour > maxColour:
		return Draft{}, errBadColour
	}
	return d, nil
}

// mediaTime brings the author's media time onto the clock of the broadcast, which has run for so long:
// unknown when there is none, else between its start and the live edge.
func mediaTime(asked time.Duration, live bool, ran time.Duration) time.Duration {
	if !live || asked < 0 {
		return MediaUnknown
	}
	return min(asked, max(0, ran+edgeSlack)).Truncate(time.Millisecond)
}
