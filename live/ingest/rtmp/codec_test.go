package rtmp

import (
	"errors"
	"testing"
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
