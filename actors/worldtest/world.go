// Package worldtest runs accounts, sessions, channels and rooms for real on one node with the embedded
// engine in memory, and a packager that makes real streams and cuts no media. Tests of the gateway and of
// the actors themselves use it.
//
// It owns everything it starts and ends it with the test. It fails the test if something cannot start.
package worldtest

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/barrage-live/barrage/actors"
	"github.com/barrage-live/barrage/actors/identity/account"
	"github.com/barrage-live/barrage/actors/identity/accountlist"
	"github.com/barrage-live/barrage/actors/identity/revocation"
	"github.com/barrage-live/barrage/actors/identity/session"
	"github.com/barrage-live/barrage/actors/live/broadcast"
	"github.com/barrage-live/barrage/actors/live/channel"
	"github.com/barrage-live/barrage/actors/live/room"
	"github.com/barrage-live/barrage/cluster"
	"github.com/barrage-live/barrage/cluster/coordination/localstore"
	"github.com/barrage-live/barrage/internal/auth"
	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/id"
	"github.com/barrage-live/barrage/internal/media/index"
	"github.com/barrage-live/barrage/internal/position"
	"github.com/barrage-live/barrage/live"
	"github.com/barrage-live/barrage/live/ingest"
	"github.com/barrage-live/barrage/live/packager"
	"github.com/barrage-live/barrage/live/recording"
	"github.com/barrage-live/barrage/live/recording/recordingtest"
	"github.com/barrage-live/barrage/storage/eventlog"
	"github.com/barrage-live/barrage/storage/eventlog/tablelog"
	"github.com/barrage-live/barrage/storage/outbox"
	"github.com/barrage-live/barrage/storage/table"
	"github.com/barrage-live/barrage/storage/table/pebbletable/pebbletest"
)

// nobody takes the batches of rooms.
type nobody struct{}

func (nobody) Deliver(id.Node, *room.Batch) {}

// Config shapes a world. The zero value works.
type Config struct {
	Table   *table.Store                    // nil: a new one in memory
	Kind    func(cluster.Kind) cluster.Kind // what is made of the kind of channels; nil: nothing
	Session session.Config
	Channel channel.Config
	Hasher  auth.HasherConfig // zero: the cheapest
}

// World is one running node.
type World struct {
	Node     *cluster.Node
	Table    *table.Store
	Accounts *account.Client
	List     *accountlist.Client
	Events   *eventlog.Log
	Sessions *session.Client
	Channels *channel.Client
	Gate     *channel.Gate
	Rooms    *room.Client
	Timeline *room.TimeIndex
	Tokens   *auth.Tokens
	Revoked  *auth.Revocations
	Board    *revocation.Board
	Packager *Packager
	// Recordings is what Broadcasts has; the Packager records nothing.
	Recordings *recording.Store
	Broadcasts *broadcast.Client
	Sockets    *Sockets
	// Undone has the metrics of what is left to do.
	Undone *prometheus.Registry

	stop func()
}

// New starts a world.
func New(tb testing.TB, cfg Config) *World {
	tb.Helper()
	w := &World{Table: cfg.Table, Packager: &Packager{}, Sockets: &Sockets{}, Revoked: &auth.Revocations{}, Undone: prometheus.NewRegistry()}
	if w.Table == nil {
		w.Table = pebbletest.Open(tb)
	}
	coordination, err := localstore.Open(tb.Context(), localstore.Config{Tables: w.Table, Fresh: true})
	if err != nil {
		tb.Fatal(err)
	}
	metrics := prometheus.NewRegistry()
	channels := channel.NewMetrics(metrics)
	w.Node, err = cluster.New(cluster.Config{
		Coordination: coordination, Fencer: w.Table, Log: slog.New(slog.DiscardHandler), Encode: true,
	})
	if err != nil {
		tb.Fatal(err)
	}
	ring, err := auth.NewRing(time.Now())
	if err != nil {
		tb.Fatal(err)
	}
	w.Tokens = auth.NewTokens(auth.TokenConfig{Revocations: w.Revoked}, ring)
	w.Board = revocation.New(revocation.Config{
		Table: w.Table, Known: w.Revoked, Lifetime: w.Tokens.Lifetime(), Sockets: w.Sockets, Log: slog.New(slog.DiscardHandler),
		Metrics: revocation.NewMetrics(metrics),
	})
	if err := w.Board.Load(tb.Context()); err != nil {
		tb.Fatal(err)
	}
	if cfg.Kind == nil {
		cfg.Kind = func(k cluster.Kind) cluster.Kind { return k }
	}
	rooms := room.NewMetrics(metrics)
	w.Rooms, w.Timeline = room.NewClient(w.Node), room.NewTimeIndex(w.Node, w.Table, rooms)
	events, err := tablelog.New(tablelog.Config{Tables: w.Table, Partitions: 4})
	if err != nil {
		tb.Fatal(err)
	}
	w.Events = eventlog.New(events)
	w.Recordings = recordingtest.New(tb)
	w.Broadcasts = broadcast.NewClient(w.Node, w.Recordings)
	kinds := actors.Kinds(w.Node, actors.Deps{
		Broadcast: broadcast.Deps{
			Recordings: w.Recordings, Log: slog.New(slog.DiscardHandler), Metrics: packager.NewMetrics(metrics),
		},
		Account: account.Deps{Table: w.Table, Revoker: w.Board},
		Session: session.Deps{Table: w.Table, Revoker: w.Board, Config: cfg.Session, Metrics: session.NewMetrics(metrics)},
		Channel: channel.Deps{Table: w.Table, Rooms: w.Rooms, Packager: w.Packager, Config: cfg.Channel, Metrics: channels},
		Room:    room.Deps{Store: w.Table, Fanout: nobody{}, Metrics: rooms},
		Events:  w.Events, Tables: w.Table, Undone: outbox.NewUndone(w.Undone),
	})
	for i, k := range kinds {
		if k.Name == channel.KindName {
			kinds[i] = cfg.Kind(k)
		}
	}
	if err := w.Node.Start(tb.Context(), kinds); err != nil {
		tb.Fatal(err)
	}
	if cfg.Hasher == (auth.HasherConfig{}) {
		cfg.Hasher = auth.HasherConfig{MemoryKiB: 64, Passes: 1}
	}
	hasher, err := auth.NewHasher(cfg.Hasher)
	if err != nil {
		tb.Fatal(err)
	}
	w.Accounts = account.NewClient(w.Node, w.Table, hasher, account.NewMetrics(metrics))
	w.List = accountlist.NewClient(w.Node, w.Table)
	w.Sessions = session.NewClient(w.Node, w.Table, cfg.Session)
	w.Channels = channel.NewClient(w.Node, w.Table)
	w.Gate = channel.NewGate(w.Node, channels)
	var once sync.Once
	w.stop = func() {
		once.Do(func() {
			w.Node.Close()
			if err := w.Events.Close(); err != nil {
				tb.Errorf("close: %v", err)
			}
			if err := coordination.Close(); err != nil {
				tb.Errorf("close: %v", err)
			}
		})
	}
	tb.Cleanup(w.stop)
	return w
}

// Publish begins to publish with the key, as an encoder would.
func (w *World) Publish(tb testing.TB, key string) *live.Stream {
	tb.Helper()
	s, err := w.Gate.Begin(tb.Context(), ingest.Publication{Key: key, Protocol: "rtmp"})
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

// Record makes a recording of so many segments of two seconds and 1000 bytes, which has ended if it is told
// so.
func (w *World) Record(tb testing.TB, ch channel.Channel, b id.Broadcast, start time.Time, segments int, ended bool) {
	tb.Helper()
	r := w.Recordings.Writer(b, position.Fence{Epoch: 1, Activation: 1}, index.Header{
		Channel: ch.ID, Room: ch.Room, Title: ch.Title, Start: start,
	})
	for n := range segments {
		err := r.Keep(tb.Context(), recording.Piece{
			Segment: index.Segment{Sequence: uint64(n), Independent: true, Media: time.Duration(n) * 2 * time.Second, Duration: 2 * time.Second},
			Body:    make([]byte, 1000), InitBody: []byte("init"), Target: 4 * time.Second,
		})
		if err != nil {
			tb.Fatal(err)
		}
	}
	if ended {
		if err := r.End(tb.Context(), start); err != nil {
			tb.Fatal(err)
		}
	}
	r.Die()
}

// Kill ends the node at once, as a crash of the process would; the table stays.
func (w *World) Kill() { w.stop() }

// Sockets remembers whose tokens were revoked.
type Sockets struct {
	mu     sync.Mutex
	logins []id.Session
	users  []id.User
}

// Revoke implements revocation.Sockets.
func (s *Sockets) Revoke(login id.Session, user id.User) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if login != "" {
		s.logins = append(s.logins, login)
	} else {
		s.users = append(s.users, user)
	}
}

// Logins names the sessions that ended so far.
func (s *Sockets) Logins() []id.Session {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.logins)
}

// Users names the users whose rights have changed so far.
func (s *Sockets) Users() []id.User {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.users)
}

// Packager makes streams, refuses older fences, and remembers what it was told.
type Packager struct {
	mu          sync.Mutex
	refuse      error
	fence       map[id.Channel]channel.Fence
	running     map[id.Broadcast]channel.Held
	openings    []channel.Opening
	interrupted []channel.Fence
	finished    []id.Broadcast
}

// Refuse makes every Open fail with err, until nil.
func (p *Packager) Refuse(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.refuse = err
}

// Open implements channel.Packager.
func (p *Packager) Open(_ context.Context, o channel.Opening) (*live.Stream, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.refuse != nil {
		return nil, p.refuse
	}
	if p.fence == nil {
		p.fence, p.running = map[id.Channel]channel.Fence{}, map[id.Broadcast]channel.Held{}
	}
	if slices.Contains(p.finished, o.Broadcast) {
		return nil, channel.ErrEnded
	}
	if o.Fence <= p.fence[o.Channel] {
		return nil, table.ErrFenced
	}
	p.fence[o.Channel] = o.Fence
	p.openings = append(p.openings, o)
	s := live.NewStream(id.NewStream(), o.Tracks)
	p.running[o.Broadcast] = channel.Held{Fence: o.Fence, Stream: s}
	return s, nil
}

// Held implements channel.Packager.
func (p *Packager) Held(_ context.Context, _ id.Channel, b id.Broadcast) (channel.Held, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	h, ok := p.running[b]
	if !ok {
		return h, fault.New(fault.NotFound, "not_live", "nothing is on")
	}
	return h, nil
}

// Interrupt implements channel.Packager.
func (p *Packager) Interrupt(_ context.Context, _ id.Channel, f channel.Fence) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.interrupted = append(p.interrupted, f)
	for b, h := range p.running {
		if h.Fence == f {
			p.running[b] = channel.Held{Fence: f}
		}
	}
	return nil
}

// Finish implements channel.Packager.
func (p *Packager) Finish(_ context.Context, _ id.Channel, b id.Broadcast) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.finished = append(p.finished, b)
	delete(p.running, b)
	return nil
}

// Stats implements channel.Packager.
func (p *Packager) Stats(context.Context, id.Channel) (packager.Health, error) {
	return packager.Health{VideoCodec: "avc1.64001f", Warnings: []packager.Warning{{Code: "no_audio", Message: "There is no sound track."}}}, nil
}

// Openings are the leases given so far.
func (p *Packager) Openings() []channel.Opening {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]channel.Opening(nil), p.openings...)
}

// Finished are the broadcasts ended so far.
func (p *Packager) Finished() []id.Broadcast {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]id.Broadcast(nil), p.finished...)
}
