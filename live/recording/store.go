package recording

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"iter"
	"log/slog"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/id"
	"github.com/barrage-live/barrage/internal/media/index"
	"github.com/barrage-live/barrage/internal/media/m3u8"
	"github.com/barrage-live/barrage/internal/position"
	"github.com/barrage-live/barrage/storage/blob"
	"github.com/barrage-live/barrage/storage/table"
)

// The refusals of this package.
var (
	// ErrNone: there is no such recording, or nothing of it.
	ErrNone = fault.New(fault.NotFound, "no_recording", "there is no such recording")
	// ErrPaused: nothing is recorded, because the disk is nearly full or the channel has used up its quota.
	ErrPaused = fault.New(fault.Unavailable, "recording_paused", "nothing is recorded: the disk is nearly full, or the quota used up")
)

// ContentType is that of the objects.
const ContentType = "video/mp4"

// Rows is the reading half of Tables.
type Rows interface {
	Get(ctx context.Context, t table.Table, partition string, key []byte) (table.Row, error)
	Scan(ctx context.Context, r table.Range) (rows []table.Row, more bool, err error)
	Pages(ctx context.Context, r table.Range) iter.Seq2[[]table.Row, error]
	Walk(ctx context.Context, t table.Table, from table.Cursor, limit int) (partitions []string, next table.Cursor, err error)
}

// Tables is what a Store needs of the tables; *table.Store has it.
type Tables interface {
	Rows
	Write(ctx context.Context, b table.Batch) (table.Version, error)
	FenceExisting(ctx context.Context, t table.Table, partition string, f position.Fence) (exists bool, err error)
	Fence(ctx context.Context, t table.Table, partition string, f position.Fence) error
}

// Objects is the reading half of Blobs.
type Objects interface {
	Open(ctx context.Context, key string) (*blob.Object, error)
	List(ctx context.Context, prefix, after string) iter.Seq2[blob.Info, error]
	Room() (free, total int64, ok bool)
}

// Blobs is what a Store needs of the object store; *blob.Store has it.
type Blobs interface {
	Objects
	Append(ctx context.Context, key, contentType string) (*blob.Appender, error)
	Seal(ctx context.Context, key string, o blob.PutOptions) (blob.Info, error)
	DeletePrefix(ctx context.Context, prefix string) (int, error)
}

// Store is all recordings. It is safe for concurrent use.
type Store struct {
	tables Tables
	blobs  Blobs
	log    *slog.Logger
	paused atomic.Bool
	quota  atomic.Int64 // bytes of one broadcast; 0: any number
	holds  holds
}

// New makes a Store.
func New(t Tables, b Blobs, log *slog.Logger) *Store { return &Store{tables: t, blobs: b, log: log} }

func rows() table.Table { return table.Owned("recording") }
func list() table.Table { return table.Plain("recording_list") }

func headerKey() []byte            { return []byte{'h'} }
func initKey(number uint32) []byte { return binary.BigEndian.AppendUint32([]byte{'i'}, number) }
func segmentKey(sequence uint64) []byte {
	return binary.BigEndian.AppendUint64([]byte{'s'}, sequence)
}

// prefix is where the objects of a recording lie.
func prefix(channel id.Channel, b id.Broadcast) string {
	return "live/" + string(channel) + "/" + string(b) + "/"
}

// object is the key of one of them.
func object(channel id.Channel, b id.Broadcast, number uint32) string {
	return prefix(channel, b) + strconv.FormatUint(uint64(number), 10) + ".mp4"
}

// Header describes a recording. It fails with ErrNone also for one that is being removed.
func (s *Store) Header(ctx context.Context, b id.Broadcast) (index.Header, error) {
	h, err := s.header(ctx, b)
	if err == nil && h.State == index.Removed {
		err = ErrNone
	}
	return h, err
}

func (s *Store) header(ctx context.Context, b id.Broadcast) (index.Header, error) {
	row, err := s.tables.Get(ctx, rows(), string(b), headerKey())
	if errors.Is(err, table.ErrNoRow) {
		return index.Header{}, ErrNone
	}
	if err != nil {
		return index.Header{}, err
	}
	return index.DecodeHeader(row.Value)
}

// Recording is everything that is known of one.
type Recording struct {
	Broadcast id.Broadcast
	Header    index.Header
	Inits     []index.Init    // by number
	Segments  []index.Segment // by sequence number
}

// Init finds an init segment.
func (r *Recording) Init(number uint32) (index.Init, bool) {
	for _, i := range r.Inits {
		if i.Number == number {
			return i, true
		}
	}
	return index.Init{}, false
}

// Segment finds a segment.
func (r *Recording) Segment(sequence uint64) (index.Segment, bool) {
	at, found := slices.BinarySearchFunc(r.Segments, sequence, func(s index.Segment, n uint64) int { return cmp.Compare(s.Sequence, n) })
	if !found {
		return index.Segment{}, false
	}
	return r.Segments[at], true
}

// NextInit is a number that no init segment has or had, listed or recorded.
func (r *Recording) NextInit() uint32 {
	next := r.Header.NextInit
	for _, i := range r.Inits {
		next = max(next, i.Number+1)
	}
	for _, s := range r.Segments { // the row of its init segment may be damaged
		next = max(next, s.Init+1)
	}
	return next
}

// Variant describes the rendition for its multivariant playlist, without its URI.
func (r *Recording) Variant() m3u8.Variant { return index.Variant(&r.Header, r.Inits, "") }

// Load reads a recording.
func (s *Store) Load(ctx context.Context, b id.Broadcast) (*Recording, error) {
	h, err := s.Header(ctx, b)
	if err != nil {
		return nil, err
	}
	return s.load(ctx, b, h)
}

// load reads the rows. One that is damaged is left out, as if it had never been written: a missing segment
// leaves a discontinuity behind it, and segments whose init segment is missing are gaps.
func (s *Store) load(ctx context.Context, b id.Broadcast, h index.Header) (*Recording, error) {
	r := &Recording{Broadcast: b, Header: h}
	for page, err := range s.tables.Pages(ctx, table.Range{
		Table: rows(), Partition: string(b), From: []byte{'i'}, To: []byte{'t'}, Limit: table.MaxLimit,
		Damaged: func(key []byte) { s.damaged(b, key, table.ErrCorrupt) },
	}) {
		if err != nil {
			return nil, err
		}
		for _, row := range page {
			if err := r.add(row); err != nil {
				s.damaged(b, row.Key, err)
			}
		}
	}
	known := make(map[uint32]bool, len(r.Inits))
	for _, i := range r.Inits {
		known[i.Number] = true
	}
	for i := range r.Segments {
		if seg := &r.Segments[i]; !seg.Gap && !known[seg.Init] {
			seg.Gap, seg.Place = true, index.Place{}
		}
	}
	return r, nil
}

// damaged tells of a row that cannot be read.
func (s *Store) damaged(b id.Broadcast, key []byte, err error) {
	s.log.Error("a row of a recording is damaged, and left out",
		slog.String("broadcast", string(b)), slog.String("row", strconv.Quote(string(key))), slog.Any("error", err))
}

// add takes one row.
func (r *Recording) add(row table.Row) error {
	switch {
	case row.Key[0] == 'i' && len(row.Key) == 5:
		i, err := index.DecodeInit(binary.BigEndian.Uint32(row.Key[1:]), row.Value)
		if err != nil {
			return err
		}
		r.Inits = append(r.Inits, i)
	case row.Key[0] == 's' && len(row.Key) == 9:
		s, err := index.DecodeSegment(binary.BigEndian.Uint64(row.Key[1:]), row.Value)
		if err != nil {
			return err
		}
		r.Segments = append(r.Segments, s)
	}
	return nil
}

// Segment opens the bytes of a segment. It fails with ErrNone where there are none.
func (s *Store) Segment(ctx context.Context, channel id.Channel, b id.Broadcast, sequence uint64) (*Media, error) {
	row, err := s.tables.Get(ctx, rows(), string(b), segmentKey(sequence))
	if err != nil {
		return nil, none(err)
	}
	found, err := index.DecodeSegment(sequence, row.Value)
	if err != nil {
		return nil, err
	}
	if found.Gap {
		return nil, ErrNone
	}
	return s.Open(ctx, channel, b, found.Place)
}

// Init opens the bytes of an init segment.
func (s *Store) Init(ctx context.Context, channel id.Channel, b id.Broadcast, number uint32) (*Media, error) {
	row, err := s.tables.Get(ctx, rows(), string(b), initKey(number))
	if err != nil {
		return nil, none(err)
	}
	found, err := index.DecodeInit(number, row.Value)
	if err != nil {
		return nil, err
	}
	return s.Open(ctx, channel, b, found.Place)
}

// none turns the absence of a row or of an object into ErrNone.
func none(err error) error {
	if fault.KindOf(err) == fault.NotFound {
		return ErrNone
	}
	return err
}

// Media is a part of an object, open. It is read from any place, by one goroutine at a time, and closed.
type Media struct {
	*io.SectionReader
	object *blob.Object
	place  index.Place
}

// Open opens what lies at a place.
func (s *Store) Open(ctx context.Context, channel id.Channel, b id.Broadcast, p index.Place) (*Media, error) {
	o, err := s.blobs.Open(ctx, object(channel, b, p.Object))
	if err != nil {
		return nil, none(err)
	}
	if p.Offset+p.Length > o.Size {
		return nil, errors.Join(ErrNone, o.Close())
	}
	return &Media{io.NewSectionReader(&seeking{o}, p.Offset, p.Length), o, p}, nil
}

// Close frees the object.
func (m *Media) Close() error { return m.object.Close() }

// Sendable is that of the object, for n bytes from where the Media stands.
func (m *Media) Sendable(n int64) (r io.Reader, ok bool, err error) {
	at, err := m.Seek(0, io.SeekCurrent)
	if err != nil || n > m.place.Length-at {
		return nil, false, err
	}
	return m.object.Sendable(m.place.Offset+at, n)
}

// seeking reads an object at a place; one goroutine uses it at a time.
type seeking struct{ o *blob.Object }

// ReadAt implements io.ReaderAt.
func (s *seeking) ReadAt(p []byte, at int64) (int, error) {
	if _, err := s.o.Seek(at, io.SeekStart); err != nil {
		return 0, err
	}
	return io.ReadFull(s.o, p)
}

// Pause stops and resumes the recording of everything.
func (s *Store) Pause(on bool) { s.paused.Store(on) }

// Paused reports whether nothing is recorded.
func (s *Store) Paused() bool { return s.paused.Load() }

// listKey is the place of a recording in the list of its channel.
func listKey(start time.Time, b id.Broadcast) []byte {
	return append(binary.BigEndian.AppendUint64(nil, uint64(max(0, start.UnixMilli()))), b...)
}
