package packager

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/media"
	"github.com/barrage-live/barrage/internal/media/m3u8"
	"github.com/barrage-live/barrage/internal/media/segmenter"
	"github.com/barrage-live/barrage/live"
)

// Packager packages one broadcast. Attach, Interrupt, Finish, Close and Abandon change its life, one at a
// time, and belong to its owner; everything else may be called by anyone at any time.
type Packager struct {
	owner   sync.Mutex // held by what changes the life of the broadcast
	cfg     Config
	target  time.Duration
	archive *archive
	zip     Zipper
	cutter  *segmenter.Segmenter // the pump's while it runs, else the owner's

	pump struct {
		stop context.CancelFunc // nil when none was ever started
		done chan struct{}
	}
	snapshot atomic.Pointer[Snapshot]
	ended    atomic.Bool // set with mu held
	panicked bool        // the pump's while it runs, else the owner's: nothing is attached any more

	mu struct {
		sync.Mutex
		playlist *m3u8.Writer  // nil before the first part
		part     time.Duration // the part target of the playlist
		memory   memory
		rates    rates
		tracks   []media.Track // of the newest segment; nil before the first
		past     m3u8.Variant  // what another process packaged, where this one has not begun
		counters segmenter.Counters
		stream   *live.Stream // the last one attached
		waiting  map[place]*group
		changed  time.Time // when the playlist got its last part
		closed   bool
	}
}

// Start makes the Packager of a broadcast that has no Stream yet. One that goes on (Config.Resume) is
// served at once. Close frees it.
func Start(cfg Config) (*Packager, error) {
	cfg, err := cfg.check()
	if err != nil {
		return nil, err
	}
	p := &Packager{cfg: cfg}
	p.mu.waiting = make(map[place]*group)
	if cfg.Resume != nil && cfg.Resume.Header.Next > 0 {
		p.resume(cfg.Resume)
	} else {
		p.cutter = segmenter.New(cfg.Cut, cfg.Start)
	}
	p.target = p.cutter.Target()
	cfg.Metrics.broadcasts.Inc()
	p.archive = startArchive(cfg, p.archived)
	return p, nil
}

// Attach packages a Stream, after whatever was packaged before, with a discontinuity between them. A Stream
// that is still attached is let go, not closed; one that breaks more than its budget allows (segmenter.Err)
// is closed with the reason, and so is one that makes the packager panic. It fails with fault.Invalid when
// the tracks cannot be packaged and with fault.Conflict "broadcast_ended" after Finish, or after a panic.
func (p *Packager) Attach(s *live.Stream) error {
	p.owner.Lock()
	defer p.owner.Unlock()
	p.stop()
	if p.Ended() || p.panicked {
		return fault.New(fault.Conflict, "broadcast_ended", "the broadcast has ended")
	}
	r := s.NewReader()
	events, err := p.cutter.Begin(r.Tracks())
	if err != nil {
		r.Close()
		return err
	}
	p.publish(events, time.Time{})
	p.mu.Lock()
	p.mu.stream = s
	p.mu.Unlock()
	ctx, cancel := context.WithCancel(context.Background())
	p.pump.stop, p.pump.done = cancel, make(chan struct{})
	go p.run(ctx, s, r, p.pump.done)
	return nil
}

// run is the pump: it ends with the Stream or when it is stopped, and closes the segment. A Stream that
// breaks more than it may is closed with the reason.
func (p *Packager) run(ctx context.Context, s *live.Stream, r *live.Reader, done chan<- struct{}) {
	defer close(done)
	defer r.Close()
	defer p.contain(s)
	skipped := uint64(0)
	for {
		u, err := r.Next(ctx)
		if err != nil {
			p.cfg.Log.Info("stream left", slog.Any("reason", err))
			break
		}
		if n := r.Skipped(); n != skipped {
			p.cfg.Metrics.skipped.Add(float64(n - skipped))
			skipped = n
		}
		p.publish(p.cutter.Push(u), u.Arrival)
		if err := p.cutter.Err(); err != nil {
			p.cfg.Log.Warn("stream given up", slog.Any("reason", err))
			s.Close(err)
			break
		}
	}
	p.publish(p.cutter.Flush(), time.Time{})
}

// stop ends the pump and waits for it.
func (p *Packager) stop() {
	if p.pump.stop != nil {
		p.pump.stop()
		<-p.pump.done
	}
}

// Interrupt lets go of the Stream and keeps the playlist as it is, for another Attach.
func (p *Packager) Interrupt() {
	p.owner.Lock()
	defer p.owner.Unlock()
	p.stop()
}

// Finish ends the broadcast: the playlist gets its ENDLIST and everyone who waits gets it. It returns when
// every segment is in the blob store or given up. Calling it again does nothing.
func (p *Packager) Finish() {
	p.owner.Lock()
	defer p.owner.Unlock()
	p.stop()
	if p.end() {
		p.archive.close()
	}
}

// end marks the end and reports whether it was not marked before.
func (p *Packager) end() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ended.Swap(true) {
		return false
	}
	if p.mu.playlist != nil {
		p.mu.playlist.End()
		p.show()
	}
	p.wake(p.snapshot.Load())
	return true
}

// Ended reports whether the broadcast is over: no media will come any more.
func (p *Packager) Ended() bool { return p.ended.Load() }

// Close finishes the broadcast if need be and frees what it holds. Requests from then on read from the blob
// store only.
func (p *Packager) Close() {
	p.Finish()
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.mu.closed {
		p.mu.closed = true
		p.mu.memory, p.mu.playlist, p.mu.stream = memory{}, nil, nil
		p.cfg.Metrics.broadcasts.Dec()
	}
}

// Abandon is Close for an owner that must not wait: it returns at once, and the broadcast is finished and
// freed on the side.
func (p *Packager) Abandon() { go p.Close() }
