package recording

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/id"
	"github.com/barrage-live/barrage/internal/media/index"
	"github.com/barrage-live/barrage/internal/position"
	"github.com/barrage-live/barrage/storage/blob"
	"github.com/barrage-live/barrage/storage/table"
)

// changes are what was found out about a recording that no row says yet.
type changes struct {
	inits    []index.Init
	segments map[uint64]bool // their sequence numbers; they are in the Recording
	journals []uint32        // that are of no use once the rows are written
}

// remains is what lies under the prefix of a recording.
type remains struct {
	objects  map[uint32]blob.Info
	journals []uint32 // ascending
}

// rescue takes over what a Writer has left open: its objects are final then. The changes are not written yet.
// The caller holds the recording. It fails with ErrNone where nothing is open.
func (s *Store) rescue(ctx context.Context, fence position.Fence, b id.Broadcast) (r *Recording, c *changes, err error) {
	exists, err := s.tables.FenceExisting(ctx, rows(), string(b), fence)
	if err == nil && !exists {
		err = ErrNone
	}
	if err != nil {
		return nil, nil, err
	}
	h, err := s.Header(ctx, b)
	if err == nil && h.State != index.Open {
		err = ErrNone
	}
	if err != nil {
		return nil, nil, err
	}
	if r, err = s.load(ctx, b, h); err != nil {
		return nil, nil, err
	}
	if c, err = s.settle(ctx, r); err != nil {
		return nil, nil, err
	}
	gaps := 0
	r.Header.Bytes, r.Header.Duration = 0, 0
	for i := range r.Segments {
		seg := &r.Segments[i]
		if seg.Gap && c.segments[seg.Sequence] {
			gaps++
		}
		r.Header.Duration += seg.Duration
		r.Header.Bytes += seg.Place.Length
		r.Header.Next = max(r.Header.Next, seg.Sequence+1)
	}
	r.Header.NextInit = r.NextInit()
	s.log.Info("recording recovered", slog.String("channel", string(h.Channel)), slog.String("broadcast", string(b)),
		slog.Int("segments", len(r.Segments)), slog.Int("unfinished", len(c.segments)-gaps), slog.Int("damaged", gaps))
	return r, c, nil
}

// finish writes the changes, then the header, and removes the journals.
func (s *Store) finish(ctx context.Context, r *Recording, fence position.Fence, h *index.Header, c *changes) error {
	var ops []table.Op
	for i := range c.inits {
		row, err := c.inits[i].Encode()
		if err != nil {
			return err
		}
		ops = append(ops, table.Put(initKey(c.inits[i].Number), row))
	}
	for i := range r.Segments {
		if seg := &r.Segments[i]; c.segments[seg.Sequence] {
			row, err := seg.Encode()
			if err != nil {
				return err
			}
			ops = append(ops, table.Put(segmentKey(seg.Sequence), row))
		}
	}
	open := *h
	open.State, open.End = index.Open, r.Header.End
	for batch := range slices.Chunk(ops, table.MaxOps/2) {
		if err := s.write(ctx, r.Broadcast, fence, &open, batch); err != nil {
			return err
		}
	}
	if err := s.write(ctx, r.Broadcast, fence, h, nil); err != nil {
		return err
	}
	for _, number := range c.journals {
		if err := s.discard(ctx, journal(h.Channel, r.Broadcast, number)); err != nil {
			return err
		}
	}
	return nil
}

// survey lists what lies under the prefix of a recording.
func (s *Store) survey(ctx context.Context, r *Recording) (*remains, error) {
	found := &remains{objects: make(map[uint32]blob.Info)}
	at := prefix(r.Header.Channel, r.Broadcast)
	for info, err := range s.blobs.List(ctx, at, "") {
		if err != nil {
			return nil, err
		}
		name, kind, _ := strings.Cut(strings.TrimPrefix(info.Key, at), ".")
		number, err := strconv.ParseUint(name, 10, 32)
		switch {
		case err != nil: // not ours
		case kind == "mp4":
			found.objects[uint32(number)] = info
		case kind == "parts":
			found.journals = append(found.journals, uint32(number))
		}
	}
	slices.Sort(found.journals)
	return found, nil
}

// settle makes all objects of a recording final. Segments of which there are parts only become segments of
// what there is of them, those that turn out to be damaged become gaps. An object of which no row and no
// journal knows is removed.
func (s *Store) settle(ctx context.Context, r *Recording) (*changes, error) {
	there, err := s.survey(ctx, r)
	if err != nil {
		return nil, err
	}
	c := &changes{segments: make(map[uint64]bool), journals: there.journals}
	if err := s.complete(ctx, r, c); err != nil {
		return nil, err
	}
	for number := range r.Header.Objects {
		if _, found := there.objects[number]; !found {
			c.damaged(r.damaged(number, 0, func(index.Place) bool { return false }))
		}
	}
	for _, number := range slices.Sorted(maps.Keys(there.objects)) {
		info := there.objects[number]
		if !info.Growing {
			continue
		}
		size := c.damaged(r.damaged(number, info.Size, func(p index.Place) bool { return s.sound(ctx, r, p) }))
		if err := s.seal(ctx, r.Header.Channel, r.Broadcast, left{number, size}); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// damaged notes what has become a gap.
func (c *changes) damaged(gaps []index.Segment, size int64) int64 {
	for i := range gaps {
		c.segments[gaps[i].Sequence] = true
	}
	return size
}

// complete makes segments of the parts that the journals have behind the last segment.
func (s *Store) complete(ctx context.Context, r *Recording, c *changes) error {
	var parts []index.Part
	for _, number := range c.journals {
		more, err := s.parts(ctx, r, number)
		if err != nil {
			return err
		}
		parts = append(parts, more...)
	}
	from := uint64(0)
	if n := len(r.Segments); n > 0 {
		from = r.Segments[n-1].Sequence + 1
	}
	unfinished := index.Unfinished(parts, from)
	for i, made := range unfinished {
		sound, sum := s.soundParts(ctx, r, made)
		if i < len(unfinished)-1 {
			sound = nil // it was given up, else it had a row: what is missing of it nobody knows
		}
		needs := made[0].Needs
		if _, known := r.Init(needs.Number); !known && len(sound) > 0 {
			if s.sound(ctx, r, needs.Place) {
				r.Inits, c.inits = append(r.Inits, needs), append(c.inits, needs)
			} else {
				sound = nil
			}
		}
		seg := index.Join(sound, made, sum)
		r.Segments = append(r.Segments, seg)
		c.segments[seg.Sequence] = true
		r.Header.Objects = max(r.Header.Objects, seg.Place.Object+1)
	}
	for i := range parts {
		r.Header.Listed = r.Header.With(parts[i].Listed)
	}
	return nil
}

// parts reads a journal.
func (s *Store) parts(ctx context.Context, r *Recording, number uint32) ([]index.Part, error) {
	o, err := s.blobs.Open(ctx, journal(r.Header.Channel, r.Broadcast, number))
	if err != nil {
		if fault.KindOf(err) == fault.NotFound || errors.Is(err, blob.ErrCorrupt) {
			return nil, nil
		}
		return nil, err
	}
	defer func() { _ = o.Close() }() // it was only read
	b, err := io.ReadAll(io.LimitReader(o, index.MaxJournal))
	if err != nil {
		s.log.Warn("a journal of a recording cannot be read to its end", slog.String("broadcast", string(r.Broadcast)), slog.Any("error", err))
	}
	return index.Parts(b), nil
}

// soundParts gives those parts of a segment that are what was appended, from the first on, and the checksum
// of them all.
func (s *Store) soundParts(ctx context.Context, r *Recording, made []index.Part) (sound []index.Part, sum uint32) {
	for i := range made {
		body, ok := s.body(ctx, r, made[i].Place)
		if !ok {
			return made[:i], sum
		}
		sum = index.AddSum(sum, body)
	}
	return made, sum
}

// damaged makes gaps of the segments in an object that are not sound, or need an init segment that is not,
// and gives them, with the size up to which the object is needed.
func (r *Recording) damaged(number uint32, size int64, sound func(index.Place) bool) (gaps []index.Segment, needed int64) {
	lost := map[uint32]bool{} // init segments
	for _, i := range r.Inits {
		switch end := i.Place.Offset + i.Place.Length; {
		case i.Place.Object != number:
		case end <= size && sound(i.Place):
			needed = max(needed, end)
		default:
			lost[i.Number] = true
		}
	}
	for n := range r.Segments {
		seg := &r.Segments[n]
		if seg.Gap || seg.Place.Object != number && !lost[seg.Init] {
			continue
		}
		end := seg.Place.Offset + seg.Place.Length
		if seg.Place.Object == number && !lost[seg.Init] && end <= size && sound(seg.Place) {
			needed = max(needed, end)
			continue
		}
		seg.Gap, seg.Place = true, index.Place{}
		gaps = append(gaps, *seg)
	}
	return gaps, needed
}

// sound reports whether the bytes at a place are those that were appended.
func (s *Store) sound(ctx context.Context, r *Recording, p index.Place) bool {
	_, ok := s.body(ctx, r, p)
	return ok
}

// body gives the bytes at a place if they are those that were appended.
func (s *Store) body(ctx context.Context, r *Recording, p index.Place) ([]byte, bool) {
	m, err := s.Open(ctx, r.Header.Channel, r.Broadcast, p)
	if err != nil {
		return nil, false
	}
	defer func() { _ = m.Close() }() // it was only read
	body := make([]byte, p.Length)
	_, err = io.ReadFull(m, body)
	return body, err == nil && index.SumOf(body) == p.Sum
}
