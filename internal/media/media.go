// Package media is the codec-neutral vocabulary of the media wings: a Stream has Tracks, and a Track is a
// sequence of Units. It is pure data: ingest adapters make it, the segmenter and every reader of a
// live.Stream consume it.
//
// Ownership of bytes: a Unit and everything it points to is immutable from the moment it is written to a
// Stream. Writers hand the bytes over, readers only read.
package media

import "time"

// Codec names an elementary stream format.
type Codec string

// The codecs a Stream can carry today.
const (
	H264 Codec = "h264"
	AAC  Codec = "aac"
)

// Video reports whether the codec is of a picture.
func (c Codec) Video() bool { return c == H264 }

// Track describes one elementary medium of a Stream. A track's index in its Stream is its identity.
type Track struct {
	Codec Codec
	// SPS and PPS are the H.264 parameter sets without start code (ITU-T H.264 section 7.3.2); video only.
	SPS, PPS []byte
	// AudioConfig is the AudioSpecificConfig (ISO/IEC 14496-3 section 1.6.2.1); AAC only.
	AudioConfig []byte
	// SampleRate in Hz and Channels; audio only.
	SampleRate, Channels int
}

// Unit is one access unit of a Track.
type Unit struct {
	// Track is the index in the Stream's tracks.
	Track int
	// DTS and PTS count from an arbitrary zero common to all tracks of one publication.
	DTS, PTS time.Duration
	// Key says that decoding can start here; always true for audio.
	Key bool
	// Payload holds the NAL units of a picture without start codes, or the one audio frame.
	Payload [][]byte
	// Arrival is when the first byte was taken off the network, before anything could block.
	Arrival time.Time
	// SPS and PPS are set on the unit from which new parameter sets hold.
	SPS, PPS []byte
}

// Size is the payload in bytes.
func (u *Unit) Size() int {
	n := 0
	for _, b := range u.Payload {
		n += len(b)
	}
	return n
}
