// Package media is the codec-neutral vocabulary of the media wings: a Stream has Tracks, and a Track is a
// sequence of Units in the form that its Config describes. It is pure data: ingest adapters make it, the
// segmenter and every reader of a live.Stream consume it, none of them with a case for one codec.
//
// What differs from codec to codec stands here in one file for each: how a Config is made of what an encoder
// says of itself. The constructors read what strangers sent; they fail with fault.Invalid, code
// "bad_video_config" or "bad_audio_config", and never panic.
//
// Ownership of bytes: a Config, a Unit and everything they point to is immutable from the moment it is
// written to a Stream. Writers hand the bytes over, readers only read.
//
// Times are time.Duration and not ticks of a track: every protocol that comes in rounds more than a
// nanosecond does, and what goes out counts samples on from an absolute rounding (package segmenter), so
// ticks would add a conversion at each border and gain nothing.
package media

import "time"

// Track describes one elementary medium of a Stream. A track's index in its Stream is its identity, whatever
// becomes of its Config.
type Track struct {
	// Config is what the first unit needs; units bring later ones.
	Config *Config
}

// Unit is one access unit of a Track.
type Unit struct {
	// Track is the index in the Stream's tracks.
	Track int
	// DTS and PTS count from an arbitrary zero common to all tracks of one publication.
	DTS, PTS time.Duration
	// Duration is how long the unit lasts if it says so itself, as Opus does; 0 when the next one tells, or
	// when all of the track have Config.FrameSize.
	Duration time.Duration
	// Key says that decoding can start here; always true for audio. Open is set beside it where the
	// encoder's groups of pictures are open: pictures may refer to others in front of this one, and those
	// that do are left out.
	Key, Open bool
	// Gradual says of a picture that stands not alone that the encoder refreshes what is seen from here on,
	// little by little: decoders that start anywhere are right some pictures later. Those of browsers do not.
	Gradual bool
	// Config is set on the unit from which it holds, in place of the track's last one.
	Config *Config
	// Tracks is set on the unit from which the publication has others than before: all that it has then. It
	// begins anew with that unit. A track keeps its index, and remains one of pictures or of sound.
	Tracks []Track
	// Data is what the unit consists of, in the form of its codec: see the constants of Codec.
	Data [][]byte
	// Arrival is when the last byte was taken off the network, before anything could block.
	Arrival time.Time
}

// Entry reports whether a reader can start with the unit: one of sound always, a picture that stands alone,
// and for want of any one from which what is seen becomes right.
func (u *Unit) Entry() bool { return u.Key || u.Gradual }

// Size is the data in bytes.
func (u *Unit) Size() int {
	n := 0
	for _, b := range u.Data {
		n += len(b)
	}
	return n
}
