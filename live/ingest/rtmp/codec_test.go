package rtmp

import (
	"errors"
	"testing"

	"github.com/abema/go-mp4"
	"github.com/bluenviron/gortmplib/pkg/message"
)

// TestCodecs judges messages by how they begin.
func TestCodecs(t *testing.T) {
	cases := []struct {
		name, body string
		kind       byte
		want       bool
	}{
		{"H.264", "\x17\x01\x00\x00\x00picture", typeVideo, true},
		{"H.264, nothing but a tag", "\x27", typeVideo, true},
		{"Sorenson (FLV1)", "\x12\x00\x00\x84\x00picture", typeVideo, false},
		{"VP6", "\x14picture", typeVideo, false},
		{"H.265 without a FourCC", "\x1c\x00\x00\x00\x00picture", typeVideo, true},
		{"Enhanced H.264", "\x90avc1picture", typeVideo, true},
		{"Enhanced H.265", "\x90hvc1picture", typeVideo, true},
		{"Enhanced AV1", "\x91av01picture", typeVideo, true},
		{"Enhanced VP9", "\x91vp09picture", typeVideo, true},
		{"Enhanced VP8", "\x91vp08picture", typeVideo, false},
		{"Enhanced AV1 in a transport stream", "\x95av01picture", typeVideo, false},
		{"Enhanced, a modifier", "\x97\x00\x00\x00\x00", typeVideo, false},
		{"Enhanced, tracks in one", "\x96\x00avc1picture", typeVideo, false},
		{"Enhanced, too short", "\x90avc", typeVideo, true},
		{"AAC", "\xaf\x01sound", typeAudio, true},
		{"Speex", "\xb6sound", typeAudio, false},
		{"MP3", "\x2fsound", typeAudio, false},
		{"Enhanced AAC", "\x90mp4asound", typeAudio, true},
		{"Enhanced Opus", "\x90Opussound", typeAudio, true},
		{"Enhanced FLAC", "\x90fLaCsound", typeAudio, false},
		{"Enhanced, sounds in one", "\x95\x00mp4asound", typeAudio, false},
	}
	for _, c := range cases {
		err := judge(rawMessage{kind: c.kind, body: []byte(c.body)})
		if (err == nil) != c.want || (err != nil && !errors.Is(err, errCodec)) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

// TestAV1AsSVTAnnouncesIt: the sequence header that ffmpeg sends ahead for SVT-AV1, which tells an initial
// display delay, says what the track is.
func TestAV1AsSVTAnnouncesIt(t *testing.T) {
	start := &message.VideoExSequenceStart{FourCC: message.FourCCAV1, AV1Config: &mp4.Av1C{
		ConfigOBUs: []byte{0x0a, 0x0b, 2, 0, 0, 5, 0x21, 0xe7, 0xf6, 0x62, 0x57, 0xc8, 2},
	}}
	p, ok, err := (&arrived{Message: start}).piece()
	if !ok || err != nil || p.config == nil || p.config.Width != 320 || p.config.Height != 180 {
		t.Errorf("%+v, %v, %v", p.config, ok, err)
	}
}
