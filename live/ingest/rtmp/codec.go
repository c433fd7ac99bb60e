package rtmp

// Codecs are judged here and not by what the library makes of them: it fails to read those it does not know
// with errors that nothing tells from those of a broken message.

// mediaHead is how many bytes of a message tell its codec: the tag, and the FourCC of Enhanced RTMP.
const mediaHead = 5

// The codecs that are carried, in the tag of FLV (version 10.1, annex E.4.2.1 and E.4.3.1).
const (
	flvAAC        = 10
	flvExAudio    = 9 // Enhanced RTMP: a FourCC follows
	flvAVC        = 7
	flvExVideoBit = 0x80
)

// The last packet types of Enhanced RTMP that are read; 0 and 1 are the sequence header and frames.
const (
	exSequenceEnd  = 2
	exFramesX      = 3 // video
	exMultichannel = 4 // audio
)

// media collects the beginning of a message of audio or video and judges its codec. The beginning comes in
// one chunk, since no chunk is smaller than minChunk: other messages do not come between.
func (c *chunks) media(s *chunkStream, p []byte) error {
	have, want := len(c.control), min(mediaHead, s.length)
	if s.got-len(p) != have || have == want { // past the beginning
		return nil
	}
	c.control = append(c.control, p[:min(len(p), want-have)]...)
	if len(c.control) == want && c.verified && !carried(s.kind, c.control) {
		return errCodec
	}
	return nil
}

// carried reports whether a message that begins so has a codec that we carry. Of the packet types of
// Enhanced RTMP those are refused that the library cannot read: metadata, several tracks in one message,
// extensions. A message too short for its FourCC passes: the library calls it malformed.
func carried(kind byte, head []byte) bool {
	tag := head[0]
	packet := tag & 0x0f
	switch {
	case kind == typeVideo && tag&flvExVideoBit != 0:
		return packet <= exFramesX && (len(head) < mediaHead || string(head[1:]) == "avc1")
	case kind == typeVideo:
		return tag&0x0f == flvAVC
	case tag>>4 == flvExAudio:
		return (packet <= exSequenceEnd || packet == exMultichannel) && (len(head) < mediaHead || string(head[1:]) == "mp4a")
	}
	return tag>>4 == flvAAC
}
