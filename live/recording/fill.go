package recording

import (
	"context"
	"log/slog"
	"strconv"

	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/id"
	"github.com/barrage-live/barrage/internal/media/index"
	"github.com/barrage-live/barrage/storage/blob"
)

// Part is a part of a segment that is being filled: a Piece whose duration and body are those of the part.
type Part struct {
	Piece

	// Index counts the parts of the segment from 0.
	Index int
}

// filling is a segment whose bytes are in an object, or a part of them, and of which there is no row yet.
type filling struct {
	sequence uint64
	parts    int // how many in a row, from the first on
	place    index.Place
	broken   bool // a part is missing
	torn     bool // a part is missing in the journal
}

// holds reports whether all bytes of a segment are there.
func (f *filling) holds(p *Piece) bool {
	return f.parts > 0 && !f.broken && f.sequence == p.Sequence && f.place.Length == int64(len(p.Body))
}

// journalType is the content type of journals.
const journalType = "application/octet-stream"

// journal is the key of the journal that goes with an object until that is final.
func journal(channel id.Channel, b id.Broadcast, number uint32) string {
	return prefix(channel, b) + strconv.FormatUint(uint64(number), 10) + ".parts"
}

// Append adds a part to the bytes of a segment, so that it survives the process, and costs no sync. Keep of
// the segment then needs to write nothing but its row. Parts come in order; behind one that failed the
// others are passed over, and Keep writes all of the segment. It fails as Keep does.
func (w *Writer) Append(ctx context.Context, p Part) error {
	f := &w.filling
	if p.Index == 0 {
		*f = filling{sequence: p.Sequence}
	}
	if f.sequence != p.Sequence || f.parts != p.Index || f.broken {
		return nil
	}
	err := w.admit(int64(len(p.Body)))
	switch {
	case err == nil:
		err = w.begin(ctx)
	case p.Index == 0: // its parts are listed all the same, and no journal tells of them
		err = w.pass(ctx, &p.Piece, err)
	}
	if err == nil && !w.stored { // else a process that died now would leave a recording without a header
		err = w.note(ctx, &p.Piece)
	}
	if err == nil {
		err = w.fill(ctx, &p)
	}
	f.broken = err != nil
	return err
}

// fill appends a part, and a record of it to the journal.
func (w *Writer) fill(ctx context.Context, p *Part) error {
	f := &w.filling
	if p.Index == 0 {
		if err := w.prepare(ctx, &p.Piece); err != nil {
			return w.failed(err)
		}
	}
	if w.object == nil || p.Index > 0 && f.place.Object != w.number {
		f.broken = true
		return nil
	}
	at, err := w.add(ctx, p.Body)
	if err != nil {
		return w.failed(err)
	}
	if p.Index == 0 {
		f.place = at
	} else {
		f.place.Length += at.Length
		f.place.Sum = index.AddSum(f.place.Sum, p.Body)
	}
	f.parts++
	w.used += at.Length
	if !f.torn {
		f.torn = !w.record(ctx, p, at)
	}
	return nil
}

// record writes a part into the journal, and reports whether it is there. Without it the segment is
// recorded all the same when it is complete.
func (w *Writer) record(ctx context.Context, p *Part, at index.Place) bool {
	noted := index.Part{Segment: p.Segment, Index: p.Index, Needs: w.fresh, Listed: p.listed()}
	noted.Place = at
	b, err := noted.AppendRecord(nil)
	if err == nil && w.journal == nil {
		w.journal, err = w.store.blobs.Append(ctx, journal(w.head.Channel, w.broadcast, w.number), journalType)
	}
	if err == nil && w.journal.Size()+int64(len(b)) > index.MaxJournal {
		return false
	}
	if err == nil {
		err = w.journal.Append(ctx, b)
	}
	if err != nil {
		w.log.Warn("a part of a recording is not in the journal", slog.Uint64("segment", p.Sequence), slog.Any("error", err))
	}
	return err == nil
}

// failed lets go of an object that cannot be appended to, unless it can when there is room.
func (w *Writer) failed(err error) error {
	if fault.CodeOf(err) != "storage_full" {
		w.leave()
	}
	return err
}

// unjournal removes the journal of an object that is final or given up, of whose segments there are rows.
func (w *Writer) unjournal(ctx context.Context) {
	if w.journal == nil {
		return
	}
	w.journal.Leave()
	w.journal = nil
	if err := w.store.discard(ctx, journal(w.head.Channel, w.broadcast, w.number)); err != nil {
		w.log.Warn("a journal of a recording is not removed", slog.Any("error", err))
	}
}

// discard removes an object that nobody needs any more and no Appender holds.
func (s *Store) discard(ctx context.Context, key string) error {
	_, err := s.blobs.Seal(ctx, key, blob.PutOptions{ContentType: journalType})
	return err
}
