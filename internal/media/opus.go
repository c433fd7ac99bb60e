package media

import (
	"bytes"
	"encoding/binary"
	"time"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/opus"
)

// NewOpus makes the Config of an identification header, "OpusHead" (RFC 7845 section 5.1).
func NewOpus(head []byte) (*Config, error) {
	if len(head) < 19 || !bytes.HasPrefix(head, []byte("OpusHead")) || head[8]&0xf0 != 0 {
		return nil, badAudio("the Opus identification header cannot be read", nil)
	}
	channels, family := head[9], head[18]
	record := []byte{0, channels} // Opus in ISO files, section 4.3.2: the same in the other order of bytes
	record = binary.BigEndian.AppendUint16(record, binary.LittleEndian.Uint16(head[10:]))
	record = binary.BigEndian.AppendUint32(record, binary.LittleEndian.Uint32(head[12:]))
	record = binary.BigEndian.AppendUint16(record, binary.LittleEndian.Uint16(head[16:]))
	record = append(record, family)
	switch {
	case family == 0 && channels > 2:
		return nil, badAudio("the Opus identification header has more channels than it describes", nil)
	case family != 0:
		if len(head) < 21+int(channels) {
			return nil, badAudio("the Opus identification header has no channel mapping", nil)
		}
		record = append(record, head[19:21+int(channels)]...)
	}
	return checked(&Config{Codec: Opus, Record: record, Name: "opus", Rate: 48000, Channels: int(channels)})
}

// maxOpus is the longest packet (RFC 6716 section 3.2.5).
const maxOpus = 120 * time.Millisecond

// OpusDuration is how long a packet lasts, 0 if it is malformed.
func OpusDuration(packet []byte) time.Duration {
	d := time.Duration(opus.PacketDuration2(packet)) * time.Second / 48000
	if d > maxOpus {
		return 0
	}
	return d
}
