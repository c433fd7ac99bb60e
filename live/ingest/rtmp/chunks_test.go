package rtmp

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"github.com/bluenviron/gortmplib/pkg/bytecounter"
	"github.com/bluenviron/gortmplib/pkg/rawmessage"
	"pgregory.net/rapid"
)

// feedAll feeds bytes in pieces of one size.
func feedAll(c *chunks, b []byte, piece int) error {
	for len(b) > 0 {
		n := min(piece, len(b))
		if err := c.feed(b[:n]); err != nil {
			return err
		}
		b = b[n:]
	}
	return nil
}

// TestChunksAgreeWithTheLibrary writes messages as the library does and holds that nothing valid is refused
// and that the inspection ends where the messages end.
func TestChunksAgreeWithTheLibrary(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var b bytes.Buffer
		b.Write(append([]byte{3}, make([]byte, handshakeSize-1)...))
		w := rawmessage.NewWriter(&b, bytecounter.NewWriter(&b), false)
		for range rapid.IntRange(1, 30).Draw(t, "messages") {
			if rapid.IntRange(0, 5).Draw(t, "set chunk size") == 0 {
				size := rapid.Uint32Range(minChunk, 70_000).Draw(t, "size")
				err := w.Write(&rawmessage.Message{
					ChunkStreamID: 2, Type: typeSetChunkSize,
					Body: []byte{byte(size >> 24), byte(size >> 16), byte(size >> 8), byte(size)},
				})
				if err != nil {
					t.Fatal(err)
				}
				w.SetChunkSize(size)
			}
			kind := rapid.SampledFrom([]uint8{8, 9, 18, 20}).Draw(t, "type")
			body := make([]byte, rapid.IntRange(0, 3000).Draw(t, "length"))
			if tag, ok := map[uint8]byte{8: 0xaf, 9: 0x17}[kind]; ok && len(body) > 0 {
				body[0] = tag
			}
			err := w.Write(&rawmessage.Message{
				ChunkStreamID: byte(rapid.IntRange(3, 8).Draw(t, "stream")), MessageStreamID: 1,
				Timestamp: time.Duration(rapid.Uint32().Draw(t, "timestamp")) * time.Millisecond,
				Type:      kind,
				Body:      body,
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		c := newChunks()
		c.verified = true
		if err := feedAll(c, b.Bytes(), rapid.IntRange(1, 5000).Draw(t, "piece")); err != nil {
			t.Fatalf("valid chunks were refused: %v", err)
		}
		if len(c.head) != 0 || c.body != 0 || c.partial != 0 {
			t.Fatalf("ends in the middle: head %d, body %d, partial %d", len(c.head), c.body, c.partial)
		}
	})
}

// TestCodecs shows the inspection the beginning of a message in pieces of every size.
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
		{"Enhanced H.265, metadata", "\x94hvc1colours", typeVideo, true},
		{"Enhanced H.264, metadata", "\x94avc1colours", typeVideo, false},
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
		{"a command that looks so", "\x12\x00\x00\x84\x00", 20, true},
		{"no body", "", typeVideo, true},
	}
	for _, c := range cases {
		for piece := 1; piece <= 20; piece++ {
			in := newChunks()
			in.handshake, in.total, in.verified = 0, 1, true
			for range 2 { // the second begins where the first has left the state
				head := []byte{6, 0, 0, 0, 0, 0, byte(len(c.body)), c.kind, 0, 0, 0, 0}
				err := feedAll(in, append(head, c.body...), piece)
				if (err == nil) != c.want || (err != nil && !errors.Is(err, errCodec)) {
					t.Fatalf("%s, in pieces of %d: %v", c.name, piece, err)
				}
				if err != nil {
					break
				}
			}
		}
	}
}

// FuzzChunks holds that the library, behind the inspection, never makes more of its input than the limits
// allow, and that neither panics.
func FuzzChunks(f *testing.F) {
	f.Add([]byte{0x03, 0, 0, 0, 0, 0, 4, 20, 0, 0, 0, 0, 1, 2, 3, 4}, true)
	f.Add([]byte{0x02, 0, 0, 0, 0, 0, 4, 1, 0, 0, 0, 0, 0, 0, 16, 0, 0xc3}, false)
	f.Add([]byte{0x04, 0xff, 0xff, 0xff, 0, 1, 0, 9, 0, 0, 0, 0, 1, 0, 0, 0}, true)
	f.Fuzz(func(t *testing.T, b []byte, verified bool) {
		c := newChunks()
		c.verified = verified
		if err := c.feed(append([]byte{3}, make([]byte, handshakeSize-1)...)); err != nil {
			t.Fatal(err)
		}
		if feedAll(c, b, 7) != nil {
			return
		}
		if c.partial < 0 || c.partial > maxPartial {
			t.Fatalf("partial %d", c.partial)
		}
		r := rawmessage.NewReader(bytes.NewReader(b), bytecounter.NewReader(nil), func(uint32) error { return nil })
		for {
			m, err := r.Read()
			if err != nil {
				return
			}
			if m.Type == typeSetChunkSize && len(m.Body) == 4 {
				v := uint32(m.Body[0])<<24 | uint32(m.Body[1])<<16 | uint32(m.Body[2])<<8 | uint32(m.Body[3])
				if r.SetChunkSize(v) != nil {
					t.Fatalf("a chunk size of %d went through", v)
				}
			}
			if m.Type == typeAbort && len(m.Body) == 4 {
				r.AbortChunkStream(uint32(m.Body[0])<<24 | uint32(m.Body[1])<<16 | uint32(m.Body[2])<<8 | uint32(m.Body[3]))
			}
			if len(m.Body) > maxMessage {
				t.Fatalf("a message of %d bytes went through", len(m.Body))
			}
		}
	})
}
