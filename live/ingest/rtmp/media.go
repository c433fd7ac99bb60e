package rtmp

import (
	"bytes"
	"cmp"
	"time"

	"github.com/abema/go-mp4"
	"github.com/bluenviron/gortmplib/pkg/message"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h265"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/mpeg4audio"

	"github.com/barrage-live/barrage/internal/media"
)

// arrived is a message with the time of its arrival.
type arrived struct {
	message.Message
	at time.Time
	// size is what it counts: its bytes, and the work of reading it.
	size int
	// sound is the AudioSpecificConfig in it, as it came: the library keeps of it what it understands.
	sound []byte
	// key says that it calls itself a key picture, which is its publisher's word.
	key bool
}

// piece is what a message of media holds, whichever form of FLV and Enhanced RTMP it came in: a sequence
// header, or a unit.
type piece struct {
	codec    media.Codec
	header   bool
	config   *media.Config // of a header that says enough; those of AV1 may not, and those of VP9 never do
	dts, pts time.Duration
	body     []byte
	// lengths is how many bytes the length of a NAL unit has: in a header as it says, in a unit as its header
	// said; 0 means four.
	lengths int
	key     bool // its publisher calls it a key picture
}

// piece reads a message. It reports whether it is one of media at all; the end of a sequence is none. It
// fails with errCodec or on a header that cannot be read.
func (m *arrived) piece() (p piece, ok bool, err error) {
	p, ok, err = m.content()
	p.key = m.key
	return p, ok, err
}

func (m *arrived) content() (p piece, ok bool, err error) {
	switch msg := m.Message.(type) {
	case *message.Video:
		return videoPiece(msg)
	case *message.VideoExSequenceStart:
		return videoHeader(msg)
	case *message.VideoExCodedFrames:
		return unit(fourCC(msg.FourCC), msg.DTS, msg.DTS+msg.PTSDelta, msg.Payload)
	case *message.VideoExFramesX:
		return unit(fourCC(msg.FourCC), msg.DTS, msg.DTS, msg.Payload)
	case *message.Audio:
		if msg.Codec != message.CodecMPEG4Audio {
			return p, false, errCodec
		}
		if msg.AACType == message.AudioAACTypeConfig {
			return soundHeader(m.sound, msg.AACConfig)
		}
		return unit(media.AAC, msg.DTS, msg.DTS, msg.AU)
	case *message.AudioExSequenceStart:
		return m.audioHeader(msg)
	case *message.AudioExCodedFrames:
		return unit(fourCC(msg.FourCC), msg.DTS, msg.DTS, msg.Payload)
	}
	return p, false, nil
}

// fourCC is the codec of Enhanced RTMP's name, empty of one that is not carried.
func fourCC(f message.FourCC) media.Codec {
	switch f {
	case message.FourCCAVC:
		return media.H264
	case message.FourCCHEVC:
		return media.H265
	case message.FourCCAV1:
		return media.AV1
	case message.FourCCVP9:
		return media.VP9
	case message.FourCCMP4A:
		return media.AAC
	case message.FourCCOpus:
		return media.Opus
	}
	return ""
}

func unit(c media.Codec, dts, pts time.Duration, body []byte) (piece, bool, error) {
	if c == "" {
		return piece{}, false, errCodec
	}
	return piece{codec: c, dts: dts, pts: pts, body: body}, true, nil
}

// header is a sequence header that was read, or not.
func header(c media.Codec, config *media.Config, err error) (piece, bool, error) {
	return piece{codec: c, header: true, config: config}, err == nil, err
}

func videoPiece(msg *message.Video) (piece, bool, error) {
	codec := media.H264
	if msg.Codec == message.CodecH265 { // not of FLV, but older than Enhanced RTMP and still common
		codec = media.H265
	}
	switch {
	case msg.Type == message.VideoTypeAU:
		return unit(codec, msg.DTS, msg.DTS+msg.PTSDelta, msg.AU)
	case msg.HEVCConfig != nil:
		return hevcHeader(msg.HEVCConfig)
	case msg.AVCConfig != nil:
		return avcHeader(msg.AVCConfig)
	}
	return piece{}, false, nil
}

func videoHeader(msg *message.VideoExSequenceStart) (piece, bool, error) {
	switch c := fourCC(msg.FourCC); {
	case c == media.H264:
		return avcHeader(msg.AVCConfig)
	case c == media.H265:
		return hevcHeader(msg.HEVCConfig)
	case c == media.AV1:
		obus, _ := media.OBUs(msg.AV1Config.ConfigOBUs)
		return header(c, media.ConfigOf(c, obus), nil)
	case c == media.VP9:
		return header(c, nil, nil)
	}
	return piece{}, false, errCodec
}

func avcHeader(c *mp4.AVCDecoderConfiguration) (piece, bool, error) {
	var sets [][]byte
	for _, s := range append(c.SequenceParameterSets, c.PictureParameterSets...) {
		sets = append(sets, s.NALUnit)
	}
	config, err := media.NewH264(sets...)
	p, ok, err := header(media.H264, config, err)
	p.lengths = int(c.LengthSizeMinusOne) + 1
	return p, ok, err
}

// severalSets reads a sequence header of H.264 that has more than one parameter set of a kind, which the
// library does not take.
func severalSets(m rawMessage) (message.Message, bool) {
	b := m.body
	enhanced := len(b) > mediaHead && b[0]&(flvExVideoBit|0x0f) == flvExVideoBit && string(b[1:mediaHead]) == "avc1"
	plain := len(b) > mediaHead && b[0]&(flvExVideoBit|0x0f) == flvAVC && b[1] == 0
	if m.kind != typeVideo || !enhanced && !plain {
		return nil, false
	}
	c := &mp4.AVCDecoderConfiguration{}
	c.SetType(mp4.BoxTypeAvcC())
	if _, err := mp4.Unmarshal(bytes.NewReader(b[mediaHead:]), uint64(len(b)-mediaHead), c, mp4.Context{}); err != nil {
		return nil, false
	}
	sps, pps := len(c.SequenceParameterSets), len(c.PictureParameterSets)
	return &message.VideoExSequenceStart{FourCC: message.FourCCAVC, AVCConfig: c}, sps > 0 && pps > 0 && sps+pps > 2
}

// byteStream reports whether a message is the sequence header of an encoder that writes byte streams: its
// pictures say what is in it.
func byteStream(m rawMessage) bool {
	const header = "\x17\x00\x00\x00\x00\x00\x00"
	return m.kind == typeVideo && (bytes.HasPrefix(m.body, []byte(header+"\x01")) || bytes.HasPrefix(m.body, []byte(header+"\x00\x01")))
}

func hevcHeader(c *mp4.HvcC) (piece, bool, error) { // the library has looked: one of each
	var sets [3][]byte
	for _, a := range c.NaluArrays {
		if i := int(a.NaluType) - int(h265.NALUType_VPS_NUT); i >= 0 && i < len(sets) && len(a.Nalus) == 1 {
			sets[i] = a.Nalus[0].NALUnit
		}
	}
	config, err := media.NewH265(sets[0], sets[1], sets[2])
	p, ok, err := header(media.H265, config, err)
	p.lengths = int(c.LengthSizeMinusOne) + 1
	return p, ok, err
}

func (m *arrived) audioHeader(msg *message.AudioExSequenceStart) (piece, bool, error) {
	switch c := fourCC(msg.FourCC); {
	case c == media.AAC:
		return soundHeader(m.sound, msg.AACConfig)
	case c == media.Opus:
		head, err := msg.OpusConfig.Marshal()
		if err != nil {
			return piece{}, false, errCodec
		}
		config, err := media.NewOpus(head)
		return header(c, config, err)
	}
	return piece{}, false, errCodec
}

// soundHeader takes the configuration as it came, or else as the library has read it.
func soundHeader(raw []byte, c *mpeg4audio.AudioSpecificConfig) (piece, bool, error) {
	if c == nil {
		return piece{}, false, nil
	}
	if raw == nil {
		b, err := c.Marshal()
		if err != nil {
			return piece{}, false, errCodec
		}
		raw = b
	}
	config, err := media.NewAAC(raw)
	return header(media.AAC, config, err)
}

// delimiterSize is what a message may be longer than its parts and still be kept for them: the temporal
// delimiter of AV1, of which there is one.
const delimiterSize = 2

// data splits what came for a picture into the elements of its codec. They are slices of the message, unless
// there is more to that than them: elements without a length are passed over, and megabytes of those would be
// held for a picture that says it has a byte.
func (p *piece) data() ([][]byte, bool) {
	var list [][]byte
	var size int
	switch {
	case p.codec.Prefixed():
		var ok bool
		if list, size, ok = nalUnits(p.body, cmp.Or(p.lengths, 4)); !ok {
			return nil, false
		}
	case p.codec == media.AV1:
		var ok bool
		if list, ok = media.OBUs(p.body); !ok {
			return nil, false
		}
		size = delimiterSize
	default:
		return [][]byte{p.body}, len(p.body) > 0
	}
	for _, b := range list {
		size += len(b)
	}
	if len(p.body) > size {
		for i := range list {
			list[i] = bytes.Clone(list[i])
		}
	}
	return list, true
}
