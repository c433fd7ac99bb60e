package recording

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/id"
	"github.com/barrage-live/barrage/internal/media/index"
	"github.com/barrage-live/barrage/internal/position"
	"github.com/barrage-live/barrage/storage/blob"
	"github.com/barrage-live/barrage/storage/table"
)

const (
	// objectSpan is how much of a broadcast an object holds, objectBytes how large it may be when another
	// segment is added: what has to be copied if it is left growing.
	objectSpan  = time.Minute
	objectBytes = 128 << 20
	// rowTries is how often a write of rows of unknown outcome is made.
	rowTries = 3
	// keyTries is how many numbers of objects are tried where there are objects that nobody knows of.
	keyTries = 16
)

// Piece is one segment to be recorded.
type Piece struct {
	index.Segment // without its place
	Body          []byte
	// Init is the init segment that it needs, without its place, and InitBody its bytes.
	Init     index.Init
	InitBody []byte
	// Target and PartTarget are those of the playlist; Peak and FPS are those of the broadcast so far.
	Target, PartTarget time.Duration
	Peak               int64
	FPS                float64
	// Listed is what is listed by now; the zero value: no other than this.
	Listed index.Listed
}

// listed is what is listed by now, of which the segment itself is a part.
func (p *Piece) listed() index.Listed {
	return p.Listed.With(index.Listed{Next: p.Sequence + 1, NextInit: p.Init.Number + 1})
}

// Writer records one broadcast. Append, Keep and End are called by one goroutine. It holds the recording
// against Recover and Remove until End or Die, one of which must be called.
type Writer struct {
	store     *Store
	broadcast id.Broadcast
	fence     position.Fence
	log       *slog.Logger

	release func()      // lets the recording go; nil: it is not held yet
	full    atomic.Bool // the broadcast alone has used up the quota
	begun   bool
	stored  bool         // the header is
	head    index.Header // as it is stored
	used    int64        // bytes of segments that were appended, with a row or without
	inits   map[uint32]bool

	object  *blob.Appender // nil: none
	number  uint32         // of object
	fresh   index.Init     // the init segment that was appended last
	holds   bool           // it is in object
	span    time.Duration  // what object holds
	filling filling        // what of it has no row yet
	journal *blob.Appender // of object; nil: none
	objects []left         // for the end
}

// left is an object that could not be made final.
type left struct {
	number uint32
	size   int64
}

// Writer makes one for a broadcast that was never recorded. The header has what is known when it begins;
// nothing is stored before the first Keep.
func (s *Store) Writer(b id.Broadcast, fence position.Fence, h index.Header) *Writer {
	h.State = index.Open
	release, _ := s.holds.try(b) // Keep waits where that must be
	return s.writer(b, fence, h, release)
}

func (s *Store) writer(b id.Broadcast, fence position.Fence, h index.Header, release func()) *Writer {
	return &Writer{
		store: s, broadcast: b, fence: fence, release: release, head: h, inits: make(map[uint32]bool),
		log: s.log.With(slog.String("channel", string(h.Channel)), slog.String("broadcast", string(b))),
	}
}

// Paused reports whether nothing is recorded.
func (w *Writer) Paused() bool { return w.store.Paused() || w.full.Load() }

// Segment opens a segment that was recorded; any goroutine may call it.
func (w *Writer) Segment(ctx context.Context, sequence uint64) (*Media, error) {
	return w.store.Segment(ctx, w.head.Channel, w.broadcast, sequence)
}

// InitSegment opens an init segment that was recorded; any goroutine may call it.
func (w *Writer) InitSegment(ctx context.Context, number uint32) (*Media, error) {
	return w.store.Init(ctx, w.head.Channel, w.broadcast, number)
}

// Keep records a segment, or that it is a gap. When it fails, nothing of it is recorded, unless the
// outcome is unknown; it may be called again with the same, or go on with another. It fails with
// ErrPaused, with ErrBusy while a recording of the same broadcast is removed, with table.ErrFenced when the
// broadcast has another owner, and with what tables and objects refuse.
func (w *Writer) Keep(ctx context.Context, p Piece) error {
	held := w.filling.holds(&p)
	size := int64(len(p.Body))
	if held {
		size = 0
	}
	if err := w.admit(size); err != nil {
		return w.pass(ctx, &p, err)
	}
	if err := w.begin(ctx); err != nil {
		return err
	}
	var ops []table.Op
	head := w.listed(&p)
	if !p.Gap {
		if !held {
			if err := w.append(ctx, &p); err != nil {
				return w.failed(err)
			}
		}
		p.Place = w.filling.place
		if !w.inits[p.Init.Number] {
			row, err := w.fresh.Encode()
			if err != nil {
				return err
			}
			ops = append(ops, table.Put(initKey(p.Init.Number), row))
		}
		head.Bytes += int64(len(p.Body))
		head.Objects = max(head.Objects, p.Place.Object+1)
	}
	head.Duration += p.Duration
	row, err := p.Segment.Encode()
	if err != nil {
		return err
	}
	if err := w.write(ctx, &head, append(ops, table.Put(segmentKey(p.Sequence), row))); err != nil {
		return err
	}
	if len(ops) > 0 {
		w.inits[p.Init.Number] = true
	}
	w.span += p.Duration
	w.filling = filling{}
	return nil
}

// admit refuses bytes where nothing is recorded.
func (w *Writer) admit(size int64) error {
	quota := w.store.quota.Load()
	w.full.Store(quota > 0 && w.used+size > quota)
	if w.Paused() {
		return ErrPaused
	}
	return nil
}

// listed is the header when a segment has been listed.
func (w *Writer) listed(p *Piece) index.Header {
	head := w.head
	head.Listed = head.With(p.listed())
	head.Target, head.PartTarget, head.Peak, head.FPS = p.Target, p.PartTarget, p.Peak, p.FPS
	return head
}

// note writes the header of a segment that is listed, unless that says it already: so its number, and that of
// its init segment, is not given to another when the broadcast goes on in another process.
func (w *Writer) note(ctx context.Context, p *Piece) error {
	head := w.listed(p)
	if w.stored && head.Listed == w.head.Listed {
		return nil
	}
	return w.write(ctx, &head, nil)
}

// pass notes a segment that is listed and not recorded, and gives why.
func (w *Writer) pass(ctx context.Context, p *Piece, why error) error {
	err := w.begin(ctx)
	if err == nil {
		err = w.note(ctx, p)
	}
	if err != nil {
		w.log.Warn("the number of a segment that is not recorded could not be noted", slog.Any("error", err))
	}
	return why
}

// begin lists the recording and takes its partition.
func (w *Writer) begin(ctx context.Context) (err error) {
	if w.begun {
		return nil
	}
	if w.release == nil {
		if w.release, err = w.store.holds.take(ctx, w.broadcast); err != nil {
			return err
		}
	}
	if err := w.store.tables.Fence(ctx, rows(), string(w.broadcast), w.fence); err != nil {
		return err
	}
	_, err = w.store.tables.Write(ctx, table.Batch{
		Table: list(), Partition: string(w.head.Channel), Ops: []table.Op{table.Put(listKey(w.head.Start, w.broadcast), nil)},
	})
	w.begun = err == nil
	return err
}

// append adds a whole segment to the present object; filling says where it is then, so that it is not
// appended once more if its row is refused.
func (w *Writer) append(ctx context.Context, p *Piece) error {
	if err := w.prepare(ctx, p); err != nil {
		return err
	}
	at, err := w.add(ctx, p.Body)
	if err != nil {
		return err
	}
	w.used += at.Length
	w.filling = filling{sequence: p.Sequence, parts: 1, place: at, torn: true}
	return nil
}

// prepare makes ready for a segment: with an object that is not full, and that has the init segment.
func (w *Writer) prepare(ctx context.Context, p *Piece) (err error) {
	if w.object != nil && (w.span >= objectSpan || w.object.Size() >= objectBytes) {
		w.close(ctx)
	}
	if err := w.open(ctx); err != nil {
		return err
	}
	if w.holds && w.fresh.Number == p.Init.Number {
		return nil
	}
	init := p.Init
	if init.Place, err = w.add(ctx, p.InitBody); err == nil {
		w.fresh, w.holds = init, true
	}
	return err
}

// add appends bytes to the object and tells where they are.
func (w *Writer) add(ctx context.Context, b []byte) (index.Place, error) {
	at := w.object.Size()
	if err := w.object.Append(ctx, b); err != nil {
		return index.Place{}, err
	}
	return index.Place{Object: w.number, Offset: at, Length: int64(len(b)), Sum: index.SumOf(b)}, nil
}

// open begins an object if there is none. Where one of its number exists of which no row knows, it takes the
// next.
func (w *Writer) open(ctx context.Context) (err error) {
	if w.object != nil {
		return nil
	}
	if w.head.Objects > 0 {
		w.number = max(w.head.Objects, w.number+1)
	}
	for range keyTries {
		w.object, err = w.store.blobs.Append(ctx, object(w.head.Channel, w.broadcast, w.number), ContentType)
		if !errors.Is(err, blob.ErrExists) {
			break
		}
		w.number++
	}
	w.span, w.holds = 0, false
	return err
}

// close makes the object final; if that fails, it is left for the end.
func (w *Writer) close(ctx context.Context) {
	if w.object == nil {
		return
	}
	if _, err := w.object.Close(ctx); err != nil {
		w.log.Warn("an object of a recording is not final yet", slog.Any("error", err))
		w.leave()
		return
	}
	w.object = nil
	w.unjournal(ctx)
}

// leave lets go of the object as it is.
func (w *Writer) leave() {
	if w.object == nil {
		return
	}
	w.objects = append(w.objects, left{w.number, w.object.Size()})
	w.object.Leave()
	w.object = nil
	if w.journal != nil { // there may be no row yet of what it knows of
		w.journal.Leave()
		w.journal = nil
	}
}

// write stores rows with the header, until the outcome is known.
func (w *Writer) write(ctx context.Context, head *index.Header, ops []table.Op) error {
	err := w.store.write(ctx, w.broadcast, w.fence, head, ops)
	if err == nil {
		w.head, w.stored = *head, true
	}
	return err
}

func (s *Store) write(ctx context.Context, b id.Broadcast, fence position.Fence, head *index.Header, ops []table.Op) error {
	row, err := head.Encode()
	if err != nil {
		return err
	}
	batch := table.Batch{Table: rows(), Partition: string(b), Fence: fence, Ops: append([]table.Op{table.Put(headerKey(), row)}, ops...)}
	for range rowTries {
		if _, err = s.tables.Write(ctx, batch); fault.KindOf(err) != fault.Timeout || ctx.Err() != nil {
			break
		}
	}
	return err
}

// End says that nothing more comes, when it is durable. When it fails the recording stays open, for Recover.
func (w *Writer) End(ctx context.Context, at time.Time) error {
	defer w.free()
	w.close(ctx)
	if !w.stored {
		return nil // nothing was recorded
	}
	for _, l := range w.objects {
		if err := w.store.seal(ctx, w.head.Channel, w.broadcast, l); err != nil {
			return err
		}
		if err := w.store.discard(ctx, journal(w.head.Channel, w.broadcast, l.number)); err != nil {
			return err
		}
	}
	w.objects = nil
	head := w.head
	head.State, head.End = index.Ended, at
	if head.Bytes == 0 {
		head.State = index.Removed // there is nothing to be played; a Keeper does the rest
	}
	return w.write(ctx, &head, nil)
}

// Die frees what the Writer holds and leaves everything as it is, as the death of the process would.
func (w *Writer) Die() {
	w.leave()
	w.free()
}

// free lets go of the recording.
func (w *Writer) free() {
	if w.release != nil {
		w.release()
	}
}

func (s *Store) seal(ctx context.Context, channel id.Channel, b id.Broadcast, l left) error {
	_, err := s.blobs.Seal(ctx, object(channel, b, l.number), blob.PutOptions{Size: l.size, ContentType: ContentType})
	if errors.Is(err, blob.ErrNoObject) {
		return nil // it could not even be begun
	}
	return err
}
