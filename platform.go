package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/barrage-live/barrage/actors"
	"github.com/barrage-live/barrage/actors/account"
	"github.com/barrage-live/barrage/actors/channel"
	"github.com/barrage-live/barrage/actors/packager"
	"github.com/barrage-live/barrage/actors/room"
	"github.com/barrage-live/barrage/actors/session"
	"github.com/barrage-live/barrage/cluster"
	"github.com/barrage-live/barrage/cluster/coordination/localstore"
	"github.com/barrage-live/barrage/gateway/hub"
	"github.com/barrage-live/barrage/internal/auth"
	"github.com/barrage-live/barrage/internal/id"
	"github.com/barrage-live/barrage/internal/metrics"
	media "github.com/barrage-live/barrage/live/packager"
	"github.com/barrage-live/barrage/storage/blob"
	"github.com/barrage-live/barrage/storage/blob/fileblob"
	"github.com/barrage-live/barrage/storage/cache"
	"github.com/barrage-live/barrage/storage/cache/localcache"
	"github.com/barrage-live/barrage/storage/table"
	"github.com/barrage-live/barrage/storage/table/pebbletable"
)

// platform is what runs below the listeners: storage, actors and their clients. openPlatform makes it floor by floor, and every
// floor adds how it is taken down again to steps.
type platform struct {
	cfg      Config
	log      *slog.Logger
	registry *prometheus.Registry
	steps    steps
	failed   chan error        // listeners that ended by themselves
	open     atomic.Bool       // viewers are welcome
	faces    map[string]string // where each listener listens

	tables *table.Store
	blobs  *blob.Store
	cache  *cache.Cache

	node     *cluster.Node
	bridge   *actors.Bridge
	logins   logins
	fanout   fanout
	tokens   *auth.Tokens
	accounts *account.Client
	sessions *session.Client
	channels *channel.Client
	gate     *channel.Gate
	rooms    *room.Client
	packages *packager.Client
}

// openPlatform opens storage and actors. On an error everything that was opened is closed again.
func openPlatform(ctx context.Context, cfg Config, log *slog.Logger) (*platform, error) {
	p := &platform{cfg: cfg, log: log, registry: metrics.New(metrics.Build{Version: version}), failed: make(chan error, 8), faces: map[string]string{}}
	if err := p.openAll(ctx); err != nil {
		return nil, errors.Join(err, p.steps.undo(ctx, log))
	}
	return p, nil
}

func (p *platform) openAll(ctx context.Context) error {
	if err := os.MkdirAll(p.cfg.Data, 0o755); err != nil {
		return fmt.Errorf("data folder: %w", err)
	}
	if err := p.openStorage(); err != nil {
		return err
	}
	return p.openActors(ctx)
}

func (p *platform) openStorage() error {
	engine, err := pebbletable.Open(pebbletable.Config{
		Dir: filepath.Join(p.cfg.Data, "tables"), CacheBytes: int64(p.cfg.Storage.Cache),
		Log: p.log, Metrics: pebbletable.NewMetrics(p.registry),
	})
	if err != nil {
		return fmt.Errorf("data folder %s: %w", p.cfg.Data, err)
	}
	p.tables = table.New(engine)
	p.steps.add("tables", func(context.Context) error { return p.tables.Close() })

	objects, err := fileblob.Open(fileblob.Config{Dir: filepath.Join(p.cfg.Data, "blobs")})
	if err != nil {
		return fmt.Errorf("blobs: %w", err)
	}
	p.blobs = blob.New(objects)
	p.steps.add("blobs", func(context.Context) error { return p.blobs.Close() })
	p.cache = cache.New(localcache.New(localcache.Config{Metrics: localcache.NewMetrics(p.registry)}))
	return nil
}

// logins tells sockets that their login has ended. The actors are made before the sockets, so the target is set later, before
// any listener opens.
type logins struct {
	to atomic.Pointer[session.Sockets]
}

// CloseSession implements session.Sockets.
func (l *logins) CloseSession(s id.Session, reason error) {
	if to := l.to.Load(); to != nil {
		(*to).CloseSession(s, reason)
	}
}

// fanout carries batches of rooms to the sockets of this node. Like logins it is given its target later.
type fanout struct {
	to atomic.Pointer[hub.Hub]
}

// Deliver implements room.Fanout.
func (f *fanout) Deliver(node id.Node, b *room.Batch) {
	if to := f.to.Load(); to != nil {
		to.Deliver(node, b)
	}
}

func (p *platform) openActors(ctx context.Context) error {
	leases, err := localstore.Open(localstore.Config{Folder: filepath.Join(p.cfg.Data, "node")})
	if err != nil {
		return fmt.Errorf("node folder: %w", err)
	}
	p.steps.add("coordination", func(context.Context) error { return leases.Close() })

	channelMetrics := channel.NewMetrics(p.registry)
	sessionConfig := session.Config{RefreshTTL: p.cfg.Account.Idle}
	p.bridge = &actors.Bridge{}
	p.node, err = cluster.Start(ctx, cluster.Config{
		Coordination: leases, Log: p.log, Metrics: cluster.NewMetrics(p.registry),
		Kinds: actors.Kinds(actors.Deps{
			Account: account.Deps{Table: p.tables},
			Session: session.Deps{Table: p.tables, Sockets: &p.logins, Config: sessionConfig, Metrics: session.NewMetrics(p.registry)},
			Channel: channel.Deps{
				Table: p.tables, Metrics: channelMetrics,
				Config: channel.Config{Grace: p.cfg.Live.Grace, Overlap: p.cfg.Live.KeyOverlap},
			},
			Room: room.Deps{
				Store:   p.tables,
				Fanout:  &p.fanout,
				Config:  room.Config{Retention: p.cfg.Room.Retention, WriteBudget: p.cfg.Room.Writes},
				Metrics: room.NewMetrics(p.registry),
			},
			Packager: packager.Deps{
				Blobs: p.blobs, Config: packager.Config{Window: p.cfg.Live.DVR}, Log: p.log, Metrics: media.NewMetrics(p.registry),
			},
			Bridge: p.bridge,
		}),
	})
	if err != nil {
		return fmt.Errorf("actors: %w", err)
	}
	p.steps.add("actors", func(ctx context.Context) error {
		err := p.node.Drain(ctx)
		p.node.Close()
		return err
	})
	p.bridge.Connect(p.node)
	return p.openClients(sessionConfig, channelMetrics)
}

func (p *platform) openClients(sessions session.Config, m *channel.Metrics) error {
	ring, err := auth.OpenRing(auth.KeyFile{Path: filepath.Join(p.cfg.Data, "keys", "tokens")}, time.Now())
	if err != nil {
		return fmt.Errorf("token keys: %w", err)
	}
	p.tokens = auth.NewTokens(auth.TokenConfig{TTL: p.cfg.Account.Token}, ring)
	hasher, err := auth.NewHasher(auth.HasherConfig{})
	if err != nil {
		return err
	}
	p.accounts = account.NewClient(p.node, p.tables, hasher, account.NewMetrics(p.registry))
	p.sessions = session.NewClient(p.node, p.tables, sessions)
	p.channels = channel.NewClient(p.node, p.tables)
	p.gate = channel.NewGate(p.node, m)
	p.rooms = room.NewClient(p.node)
	p.packages = packager.NewClient(p.node)
	return nil
}
