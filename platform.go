package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/barrage-live/barrage/actors"
	"github.com/barrage-live/barrage/actors/follower"
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
	"github.com/barrage-live/barrage/internal/media/segmenter"
	"github.com/barrage-live/barrage/internal/metrics"
	"github.com/barrage-live/barrage/live/origin"
	media "github.com/barrage-live/barrage/live/packager"
	"github.com/barrage-live/barrage/live/recording"
	"github.com/barrage-live/barrage/storage/blob"
	"github.com/barrage-live/barrage/storage/blob/fileblob"
	"github.com/barrage-live/barrage/storage/cache"
	"github.com/barrage-live/barrage/storage/cache/localcache"
	"github.com/barrage-live/barrage/storage/eventlog"
	"github.com/barrage-live/barrage/storage/eventlog/tablelog"
	"github.com/barrage-live/barrage/storage/outbox"
	"github.com/barrage-live/barrage/storage/table"
	"github.com/barrage-live/barrage/storage/table/pebbletable"
)

// platform is what runs below the listeners: storage, actors and their clients. openPlatform opens the
// storage and makes the node with its clients, startActors lets it run; every floor adds how it is taken
// down again to steps.
type platform struct {
	cfg      Config
	log      *slog.Logger
	registry *prometheus.Registry
	steps    steps
	failed   chan error        // listeners that ended by themselves
	open     atomic.Bool       // viewers are welcome
	proxies  []netip.Prefix    // whose word is taken for who calls
	addrs    map[string]string // where each listener listens, by its name

	engine *pebbletable.Driver // behind tables
	tables *table.Store
	events *eventlog.Log
	undone *outbox.Undone
	broken <-chan error // brings why the tables can be used no more
	fresh  bool         // nothing was ever stored in the tables
	blobs  *blob.Store
	// recordings is what was broadcast, in tables and blobs.
	recordings *recording.Store
	cache      *cache.Cache

	node           *cluster.Node
	tokens         *auth.Tokens
	revoked        auth.Revocations
	accounts       *account.Client
	directory      *accountlist.Client
	sessions       *session.Client
	channels       *channel.Client
	channelMetrics *channel.Metrics // of the gate and of the channels
	origin         *origin.Origin
	gate           *channel.Gate
	rooms          *room.Client
	roomMetrics    *room.Metrics // of the rooms and of the index
	timeIndex      *room.TimeIndex
	broadcasts     *broadcast.Client
}

// openPlatform opens storage and makes the node, which refuses everything until startActors. On an error
// everything that was opened is closed again.
func openPlatform(ctx context.Context, cfg Config, log *slog.Logger) (*platform, error) {
	p := &platform{cfg: cfg, log: log, registry: metrics.New(metrics.Build{Version: version}), failed: make(chan error, 8), addrs: map[string]string{}}
	if err := p.openAll(ctx); err != nil {
		return nil, errors.Join(err, p.steps.undo(ctx, log))
	}
	return p, nil
}

func (p *platform) openAll(ctx context.Context) (err error) {
	if p.proxies, err = prefixes(p.cfg.Limits.Proxies); err != nil {
		return err
	}
	if err := os.MkdirAll(p.cfg.Data, 0o755); err != nil {
		return fmt.Errorf("data folder: %w", err)
	}
	if err := p.openStorage(ctx); err != nil {
		return err
	}
	return p.makeNode(ctx)
}

func (p *platform) openStorage(ctx context.Context) error {
	engine, err := pebbletable.Open(pebbletable.Config{
		Dir: filepath.Join(p.cfg.Data, "tables"), CacheBytes: int64(p.cfg.Storage.Cache),
		Log: p.log, Metrics: pebbletable.NewMetrics(p.registry),
	})
	if err != nil {
		return fmt.Errorf("data folder %s: %w", p.cfg.Data, err)
	}
	p.engine, p.tables, p.broken = engine, table.New(engine), engine.Failed()
	p.steps.add("tables", func(context.Context) error { return p.tables.Close() })
	if p.fresh, err = engine.Empty(ctx); err != nil {
		return fmt.Errorf("data folder %s: %w", p.cfg.Data, err)
	}

	events, err := tablelog.New(tablelog.Config{Tables: p.tables})
	if err != nil {
		return fmt.Errorf("events: %w", err)
	}
	p.events = eventlog.New(events)
	p.steps.add("events", func(context.Context) error { return p.events.Close() })

	objects, err := fileblob.Open(fileblob.Config{
		Dir: filepath.Join(p.cfg.Data, "blobs"), Log: p.log, Metrics: fileblob.NewMetrics(p.registry),
	})
	if err != nil {
		return fmt.Errorf("blobs: %w", err)
	}
	p.blobs = blob.New(objects)
	p.recordings = recording.New(p.tables, p.blobs, p.log)
	p.steps.add("blobs", func(context.Context) error { return p.blobs.Close() })
	p.cache = cache.New(localcache.New(localcache.Config{Metrics: localcache.NewMetrics(p.registry)}))
	return nil
}

// makeNode makes the node of the actors and the clients that speak through it.
func (p *platform) makeNode(ctx context.Context) error {
	leases, err := localstore.Open(ctx, localstore.Config{Tables: p.tables, Fresh: p.fresh})
	if err != nil {
		return fmt.Errorf("data folder %s: %w", p.cfg.Data, err)
	}
	p.steps.add("coordination", func(context.Context) error { return leases.Close() })
	p.node, err = cluster.New(cluster.Config{
		Coordination: leases, Fencer: p.tables, Encode: p.cfg.Cluster.Encode, Log: p.log, Metrics: cluster.NewMetrics(p.registry),
	})
	if err != nil {
		return fmt.Errorf("actors: %w", err)
	}
	return p.openClients()
}

// audience is what the actors of a node know of its sockets.
type audience interface {
	revocation.Sockets
	room.Fanout
}

// nobody is the audience of a command that opens no sockets.
type nobody struct{}

// Revoke implements revocation.Sockets.
func (nobody) Revoke(id.Session, id.User) {}

// Deliver implements room.Fanout.
func (nobody) Deliver(id.Node, *room.Batch) {}

// startActors lets the node run for the audience.
func (p *platform) startActors(ctx context.Context, to audience) error {
	board, err := p.openBoard(ctx, to)
	if err != nil {
		return err
	}
	p.undone = outbox.NewUndone(p.registry)
	p.steps.add("broadcasts", p.origin.Drain) // after the actors, whose last word they hear
	err = p.node.Start(ctx, actors.Kinds(p.node, actors.Deps{
		Events: p.events, Tables: p.tables, Followers: follower.NewMetrics(p.registry), Undone: p.undone,
		Account: account.Deps{Table: p.tables, Revoker: board},
		Session: session.Deps{Table: p.tables, Revoker: board, Config: p.cfg.sessions(), Metrics: session.NewMetrics(p.registry)},
		Channel: channel.Deps{
			Table: p.tables, Origins: p.origin, Recordings: p.origin, Metrics: p.channelMetrics,
			Config: channel.Config{Grace: p.cfg.Live.Grace, Overlap: p.cfg.Live.KeyOverlap},
		},
		Room: room.Deps{
			Store:  p.tables,
			Fanout: to,
			Config: room.Config{
				Retention: p.cfg.Room.Retention, WriteBudget: p.cfg.Room.Writes,
				PostRate: p.cfg.Room.Posts, PostBurst: p.cfg.Room.Burst,
			},
			Metrics: p.roomMetrics,
		},
	}))
	if err != nil {
		return fmt.Errorf("actors: %w", err)
	}
	p.steps.add("actors", func(ctx context.Context) error {
		err := p.node.Drain(ctx)
		p.node.Close()
		return err
	})
	return nil
}

// openBoard reads what was revoked before a token can be looked at, and goes on reading.
func (p *platform) openBoard(ctx context.Context, to revocation.Sockets) (*revocation.Board, error) {
	board := revocation.New(revocation.Config{
		Table: p.tables, Known: &p.revoked, Lifetime: p.tokens.Lifetime(), Sockets: to, Log: p.log, Metrics: revocation.NewMetrics(p.registry),
	})
	if err := board.Load(ctx); err != nil {
		return nil, fmt.Errorf("revocations: %w", err)
	}
	p.background("revocations", board.Run)
	return board, nil
}

// background runs something until the platform stops, which waits for its end.
func (p *platform) background(what string, run func(ctx context.Context)) {
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		run(ctx)
	}()
	p.steps.add(what, func(context.Context) error {
		stop()
		<-ended
		return nil
	})
}

func (p *platform) openClients() error {
	ring, err := auth.OpenRing(keysOf(p.cfg.Data), time.Now())
	if err != nil {
		return fmt.Errorf("token keys: %w", err)
	}
	p.tokens = auth.NewTokens(auth.TokenConfig{TTL: p.cfg.Account.Token, Revocations: &p.revoked}, ring)
	hasher, err := auth.NewHasher(auth.HasherConfig{})
	if err != nil {
		return err
	}
	p.accounts = account.NewClient(p.node, p.tables, hasher, account.NewMetrics(p.registry))
	p.directory = accountlist.NewClient(p.node, p.tables)
	p.sessions = session.NewClient(p.node, p.tables, p.cfg.sessions())
	p.channels = channel.NewClient(p.node, p.tables)
	p.channelMetrics = channel.NewMetrics(p.registry)
	p.origin = origin.New(origin.Config{
		Recordings: p.recordings, Waiting: new(media.Waiting), Window: p.cfg.Live.DVR, Cut: segmenter.Config{PartTarget: p.cfg.Live.Part},
		Log: p.log, Metrics: media.NewMetrics(p.registry),
	})
	p.gate = channel.NewGate(p.node, p.origin, p.channelMetrics)
	p.rooms, p.roomMetrics = room.NewClient(p.node), room.NewMetrics(p.registry)
	p.timeIndex = room.NewTimeIndex(p.node, p.tables, p.roomMetrics)
	p.broadcasts = broadcast.NewClient(p.channels, p.recordings)
	return nil
}

// sessions is what the session actors and their clients are to know.
func (c Config) sessions() session.Config { return session.Config{RefreshTTL: c.Account.Idle} }
