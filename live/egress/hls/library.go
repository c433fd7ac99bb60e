package hls

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"

	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/id"
	"github.com/barrage-live/barrage/internal/media/index"
	"github.com/barrage-live/barrage/internal/media/m3u8"
	"github.com/barrage-live/barrage/live/packager"
	"github.com/barrage-live/barrage/live/recording"
)

const (
	// libraryTTL is how long a recording is shown without a look at its header, which tells of its removal.
	libraryTTL = 2 * time.Second
	// libraryBytes bounds the recordings that are kept ready, by what their rows and texts take.
	libraryBytes = 64 << 20
	// rowWeight is what a segment counts: its row and its lines, plain and compressed.
	rowWeight = 300
)

// recorded is a broadcast that is shown from its recording. It is immutable.
type recorded struct {
	store    Recordings
	rec      *recording.Recording
	playlist *packager.Snapshot
	variant  m3u8.Variant
	zip      *packager.Zipper
}

func newRecorded(store Recordings, r *recording.Recording, z *packager.Zipper) *recorded {
	s := &recorded{store: store, rec: r, variant: r.Variant(), zip: z}
	s.playlist = packager.NewSnapshot(index.Playlist(&r.Header, r.Segments), z)
	return s
}

// Broadcast implements Source.
func (s *recorded) Broadcast() id.Broadcast { return s.rec.Broadcast }

// Ended implements Source.
func (s *recorded) Ended() bool { return s.rec.Header.State == index.Ended }

// Multivariant implements Source.
func (s *recorded) Multivariant(_ context.Context, base string) (packager.Document, error) {
	return packager.NewMultivariant(s.rec.Broadcast, s.rec.Header.Start, base, s.variant, s.zip), nil
}

// Playlist implements Source.
func (s *recorded) Playlist(context.Context, m3u8.Directives) (*packager.Snapshot, error) {
	return s.playlist, nil
}

// Open implements Source. There are no parts any more.
func (s *recorded) Open(ctx context.Context, n packager.Name) (io.ReadSeekCloser, error) {
	var at index.Place
	found := false
	switch n.Kind {
	case packager.Init:
		var i index.Init
		if i, found = s.rec.Init(uint32(n.Number)); found {
			at = i.Place
		}
	case packager.Segment:
		var seg index.Segment
		if seg, found = s.rec.Segment(n.Number); found {
			at, found = seg.Place, !seg.Gap
		}
	case packager.Part:
	}
	if !found {
		return nil, packager.ErrNoMedia
	}
	m, err := s.store.Open(ctx, s.rec.Header.Channel, s.rec.Broadcast, at)
	switch {
	case errors.Is(err, recording.ErrNone):
		return nil, packager.ErrNoMedia
	case err != nil:
		return nil, err
	}
	return m, nil
}

// shelf is where a recording is looked for: under the channel's name as the URL has it.
type shelf struct {
	channel   string
	broadcast id.Broadcast
}

// library keeps recordings ready that were asked for lately. What is not there is not remembered.
type library struct {
	locator Locator
	store   Recordings
	zip     packager.Zipper

	mu      sync.Mutex
	books   map[shelf]*book
	weight  int
	loading map[shelf]*loading
}

// book is a recording in the library.
type book struct {
	*recorded
	weight  int
	checked time.Time // when its header was looked at last
	used    time.Time
}

// loading is one look, for all who wait for it.
type loading struct {
	done chan struct{}
	r    *recorded
	err  error
}

func newLibrary(l Locator, r Recordings) *library {
	return &library{locator: l, store: r, books: make(map[shelf]*book), loading: make(map[shelf]*loading)}
}

// fresh gives a recording whose header was looked at a moment ago, nil if there is none such.
func (l *library) fresh(channel string, b id.Broadcast) *recorded {
	now := time.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	k := l.books[shelf{channel, b}]
	if k == nil || now.Sub(k.checked) >= libraryTTL || !k.Ended() {
		return nil
	}
	k.used = now
	return k.recorded
}

// find looks for a recording of the channel. It fails with fault.NotFound when there is none.
func (l *library) find(ctx context.Context, channel string, b id.Broadcast) (*recorded, error) {
	at := shelf{channel, b}
	l.mu.Lock()
	w := l.loading[at]
	if w == nil {
		w = &loading{done: make(chan struct{})}
		l.loading[at] = w
		known := l.books[at]
		go l.look(context.WithoutCancel(ctx), at, known, w) // whoever asked first may go away
	}
	l.mu.Unlock()
	select {
	case <-w.done:
		return w.r, w.err
	case <-ctx.Done():
		return nil, fault.From(ctx.Err())
	}
}

// lookLimit is how long a look may take.
const lookLimit = 10 * time.Second

// look reads the header, and the rest if that is not what is known.
func (l *library) look(ctx context.Context, at shelf, known *book, w *loading) {
	ctx, cancel := context.WithTimeout(ctx, lookLimit)
	defer cancel()
	now := time.Now()
	w.r, w.err = l.read(ctx, at, known)
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.loading, at)
	if old := l.books[at]; old != nil {
		l.weight -= old.weight
		delete(l.books, at)
	}
	if w.err == nil {
		k := &book{recorded: w.r, weight: rowWeight * (1 + len(w.r.rec.Segments)), checked: now, used: now}
		l.books[at] = k
		l.weight += k.weight
		l.trim(at)
	}
	close(w.done)
}

func (l *library) read(ctx context.Context, at shelf, known *book) (*recorded, error) {
	h, err := l.store.Header(ctx, at.broadcast)
	if err != nil {
		return nil, err
	}
	if known != nil && known.rec.Header == h {
		return known.recorded, nil
	}
	channel, err := l.locator.Resolve(ctx, at.channel)
	if err != nil {
		return nil, err
	}
	if h.Channel != channel {
		return nil, recording.ErrNone
	}
	r, err := l.store.Load(ctx, at.broadcast)
	if err != nil {
		return nil, err
	}
	return newRecorded(l.store, r, &l.zip), nil
}

// trim lets go of what was not asked for the longest time. The caller holds the lock.
func (l *library) trim(keep shelf) {
	for l.weight > libraryBytes && len(l.books) > 1 {
		var oldest shelf
		var at time.Time
		for s, k := range l.books {
			if s != keep && (at.IsZero() || k.used.Before(at)) {
				oldest, at = s, k.used
			}
		}
		l.weight -= l.books[oldest].weight
		delete(l.books, oldest)
	}
}
