package packager

import (
	"bytes"
	"compress/gzip"
	"sync"

	"github.com/barrage-live/barrage/internal/media/m3u8"
)

// Document is a text ready to be sent, shared by all who ask for it. The bytes must not be changed.
type Document struct {
	Plain func() []byte
	Gzip  func() []byte
}

// Snapshot is the playlist at one instant. Its documents are made at most once, by the first who needs them.
type Snapshot struct {
	*m3u8.Text
	full, delta Document
}

// Full is the whole playlist.
func (s *Snapshot) Full() Document { return s.full }

// For gives the document that answers the directives: the delta update if one was asked for and can be had.
func (s *Snapshot) For(d m3u8.Directives) Document {
	if s.DeltaFor(d) {
		return s.delta
	}
	return s.full
}

// NewSnapshot makes a Snapshot of a text.
func NewSnapshot(t *m3u8.Text, z *Zipper) *Snapshot {
	return &Snapshot{Text: t, full: NewDocument(t.Full, z), delta: NewDocument(t.Delta, z)}
}

// NewDocument makes a document of what plain gives when it is first asked for.
func NewDocument(plain func() []byte, z *Zipper) Document {
	once := sync.OnceValue(plain)
	return Document{Plain: once, Gzip: sync.OnceValue(func() []byte { return z.compress(once()) })}
}

// Zipper keeps compressors, which are large. The zero value is ready.
type Zipper struct{ pool sync.Pool }

func (z *Zipper) compress(b []byte) []byte {
	var out bytes.Buffer
	w, ok := z.pool.Get().(*gzip.Writer)
	if !ok {
		w, _ = gzip.NewWriterLevel(nil, gzip.BestSpeed) // fails on an unknown level only
	}
	w.Reset(&out)
	_, _ = w.Write(b) // a bytes.Buffer takes everything
	_ = w.Close()
	z.pool.Put(w)
	return out.Bytes()
}
