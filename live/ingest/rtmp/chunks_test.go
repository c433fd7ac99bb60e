package rtmp

import (
	"bytes"
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

// TestChunksAgreeWithTheLibrary writes messages as the library does and holds that nothing valid is refused and that the
// inspection ends where the messages end.
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
			err := w.Write(&rawmessage.Message{
				ChunkStreamID: byte(rapid.IntRange(3, 8).Draw(t, "stream")), MessageStreamID: 1,
				Timestamp: time.Duration(rapid.Uint32().Draw(t, "timestamp")) * time.Millisecond,
				Type:      rapid.SampledFrom([]uint8{8, 9, 18, 20}).Draw(t, "type"),
				Body:      make([]byte, rapid.IntRange(0, 3000).Draw(t, "length")),
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

// FuzzChunks holds that the library, behind the inspection, never makes more of its input than the limits allow, and that
// neither panics.
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
