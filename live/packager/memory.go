package packager

import (
	"bytes"
	"io"
	"slices"
	"time"

	"github.com/barrage-live/barrage/internal/media"
	"github.com/barrage-live/barrage/internal/media/index"
	"github.com/barrage-live/barrage/internal/media/segmenter"
	"github.com/barrage-live/barrage/live/recording"
)

// held is a segment in memory.
type held struct {
	opened   segmenter.Open
	sequence uint64
	parts    [][]byte
	whole    []byte // all parts in a row, once the segment is complete; the parts are then slices of it
	duration time.Duration
	stored   bool // recorded, or given up
}

// heldInit is an init segment in memory.
type heldInit struct {
	number uint64
	body   []byte
	tracks []media.Track
	last   uint64 // the newest segment that needs it
	// unlisted is the length of the broadcast when it was found that no segment listed needs it; zero while
	// one does.
	unlisted time.Duration
}

// memory holds the segments of the last seconds, oldest first, and the init segments of all that are
// listed. The Packager's lock guards it.
type memory struct {
	segments []*held
	inits    []*heldInit
	length   time.Duration // of all segments that were ever closed
}

// init finds an init segment. Those asked for are mostly the newest.
func (m *memory) init(number uint64) *heldInit {
	for _, h := range slices.Backward(m.inits) {
		if h.number == number {
			return h
		}
	}
	return nil
}

// configure takes the init segment of the segments opened from now on.
func (m *memory) configure(e *segmenter.Init) {
	if number := uint64(e.Number); m.init(number) == nil {
		m.inits = append(m.inits, &heldInit{number: number, body: e.Bytes, tracks: e.Tracks})
	}
}

// maxInitBytes bounds the init segments in memory that only recorded segments need: who asks for older ones
// gets what was recorded.
const maxInitBytes = 4 << 20

// crowd lets go of the init segments used last so long ago that no segment in memory needs them, the oldest
// first, where there are too many bytes of them.
func (m *memory) crowd() {
	n := 0
	for _, h := range m.inits {
		n += len(h.body)
	}
	m.inits = slices.DeleteFunc(m.inits, func(h *heldInit) bool {
		if n <= maxInitBytes || len(m.segments) == 0 || h.last >= m.segments[0].sequence || h == m.inits[len(m.inits)-1] {
			return false
		}
		n -= len(h.body)
		return true
	})
}

// forget lets go of init segments that no segment from first on has needed for a span.
func (m *memory) forget(first uint64, span time.Duration) {
	m.inits = slices.DeleteFunc(m.inits, func(h *heldInit) bool {
		switch {
		case h.last >= first:
			h.unlisted = 0
		case h.unlisted == 0:
			h.unlisted = m.length
		default:
			return m.length-h.unlisted >= span
		}
		return false
	})
}

func (m *memory) open(e *segmenter.Open) {
	m.segments = append(m.segments, &held{opened: *e, sequence: e.Sequence})
	if h := m.init(uint64(e.Init)); h != nil {
		h.last = e.Sequence
	}
}

// piece is what is recorded of a segment: all of it, or a part.
func (m *memory) piece(s *held, body []byte, d time.Duration) recording.Piece {
	p := recording.Piece{
		Segment: index.Segment{
			Sequence: s.sequence, Init: uint32(s.opened.Init), Discontinuity: s.opened.Discontinuity, Independent: s.opened.Independent,
			Media: s.opened.Media, Duration: d,
		},
		Body: body, Init: index.Init{Number: uint32(s.opened.Init)},
	}
	h := m.init(uint64(s.opened.Init))
	p.InitBody = h.body
	for _, t := range h.tracks {
		p.Init.Codecs = append(p.Init.Codecs, t.Config.Name)
		p.Init.Width, p.Init.Height = max(p.Init.Width, t.Config.Width), max(p.Init.Height, t.Config.Height)
	}
	return p
}

func (m *memory) add(b []byte, d time.Duration) *held {
	s := m.segments[len(m.segments)-1]
	s.parts = append(s.parts, b)
	s.duration += d
	return s
}

// close joins the parts of the newest segment.
func (m *memory) close(c *segmenter.Close) *held {
	s := m.segments[len(m.segments)-1]
	s.duration = c.Duration()
	m.length += s.duration
	n := 0
	for _, p := range s.parts {
		n += len(p)
	}
	s.whole = make([]byte, 0, n)
	for i, p := range s.parts {
		at := len(s.whole)
		s.whole = append(s.whole, p...)
		s.parts[i] = s.whole[at:len(s.whole):len(s.whole)]
	}
	return s
}

// age lets go of stored segments that lie more than a span before the end.
func (m *memory) age(span time.Duration) {
	var behind time.Duration
	n := len(m.segments)
	for n > 0 && behind < span {
		n--
		behind += m.segments[n].duration
	}
	kept := m.segments[:0]
	for i, s := range m.segments {
		if i >= n || !s.stored {
			kept = append(kept, s)
		}
	}
	clear(m.segments[len(kept):])
	m.segments = kept
}

func (m *memory) find(sequence uint64) *held {
	i, ok := slices.BinarySearchFunc(m.segments, sequence, func(s *held, n uint64) int {
		switch {
		case s.sequence < n:
			return -1
		case s.sequence > n:
			return 1
		}
		return 0
	})
	if !ok {
		return nil
	}
	return m.segments[i]
}

// get gives the bytes of an object if they are here.
func (m *memory) get(n Name) []byte {
	if n.Kind == Init {
		if h := m.init(n.Number); h != nil {
			return h.body
		}
		return nil
	}
	s := m.find(n.Number)
	switch {
	case s == nil:
		return nil
	case n.Kind == Segment:
		return s.whole
	case n.Part < len(s.parts):
		return s.parts[n.Part]
	}
	return nil
}

// Held is an object in memory. It can be read like any, and gives its bytes as they are to who sends them.
type Held struct {
	*bytes.Reader
	body []byte
}

// NewHeld makes an object of bytes, which must not be changed.
func NewHeld(b []byte) *Held { return &Held{bytes.NewReader(b), b} }

// Close implements io.Closer.
func (*Held) Close() error { return nil }

// Next gives the bytes at the place that is read, at most n, and moves it behind them. They must not be
// changed.
func (h *Held) Next(n int64) []byte {
	at := h.Size() - int64(h.Len())
	end := min(h.Size(), at+n)
	_, _ = h.Seek(end, io.SeekStart) // within the bytes it does not fail
	return h.body[at:end]
}
