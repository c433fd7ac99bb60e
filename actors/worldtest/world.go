// Package worldtest runs accounts, sessions, channels and rooms for real on one node with the embedded
// engine in memory, and an origin that makes real streams and cuts no media. Tests of the gateway and of
// the actors themselves use it.
//
// It owns everything it starts and ends it with the test. It fails the test if something cannot start.
package worldtest

import (
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
	"github.com/barrage-live/barrage/internal/id"
	"github.com/barrage-live/barrage/internal/media/index"
	"github.com/barrage-live/barrage/internal/position"
	"github.com/barrage-live/barrage/live"
	"github.com/barrage-live/barrage/live/ingest"
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
	Origin  *Origin           // nil: a new one, which holds nothing
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
	Origin   *Origin
	// Recordings is what Broadcasts has; the Origin records nothing.
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
	w := &World{Table: cfg.Table, Origin: cfg.Origin, Sockets: &Sockets{}, Revoked: &auth.Revocations{}, Undone: prometheus.NewRegistry()}
	if w.Origin == nil {
		w.Origin = NewOrigin()
	}
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
	w.Recordings = recordingtest.On(w.Table)
	kinds := actors.Kinds(w.Node, actors.Deps{
		Account: account.Deps{Table: w.Table, Revoker: w.Board},
		Session: session.Deps{Table: w.Table, Revoker: w.Board, Config: cfg.Session, Metrics: session.NewMetrics(metrics)},
		Channel: channel.Deps{
			Table: w.Table, Rooms: w.Rooms, Origins: w.Origin, Recordings: w.Recordings, Config: cfg.Channel, Metrics: channels,
		},
		Room:   room.Deps{Store: w.Table, Fanout: nobody{}, Metrics: rooms},
		Events: w.Events, Tables: w.Table, Undone: outbox.NewUndone(w.Undone),
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
	w.Broadcasts = broadcast.NewClient(w.Channels, w.Recordings)
	w.Gate = channel.NewGate(w.Node, w.Origin, channels)
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

// Refuse is that a publisher with a key was turned away.
func (w *World) Refuse(key string, reason error) {
	w.Gate.Refused(ingest.Publication{Key: key, Protocol: "rtmp"}, reason)
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

// Damage makes the header of a recording that Record made unreadable.
func (w *World) Damage(tb testing.TB, b id.Broadcast) {
	tb.Helper()
	_, err := w.Table.Write(tb.Context(), table.Batch{
		Table: table.Owned("recording"), Partition: string(b), Fence: position.Fence{Epoch: 1, Activation: 1},
		Ops: []table.Op{table.Put([]byte("h"), []byte("nonsense"))},
	})
	if err != nil {
		tb.Fatal(err)
	}
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
