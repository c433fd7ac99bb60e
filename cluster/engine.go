package cluster

import (
	"context"
	"log/slog"

	"github.com/asynkron/protoactor-go/actor"
)

// newSystem starts protoactor, which by itself would print in colours to the console.
func newSystem(log *slog.Logger) *actor.ActorSystem {
	cfg := actor.NewConfig()
	cfg.LoggerFactory = func(*actor.ActorSystem) *slog.Logger {
		return slog.New(warnings{log.Handler()}).With(slog.String("lib", "protoactor"))
	}
	return actor.NewActorSystemWithConfig(cfg)
}

// warnings passes what is at least a warning; below that protoactor tells of its own working only.
type warnings struct{ slog.Handler }

// Enabled implements slog.Handler.
func (w warnings) Enabled(ctx context.Context, l slog.Level) bool {
	return l >= slog.LevelWarn && w.Handler.Enabled(ctx, l)
}

// WithAttrs implements slog.Handler.
func (w warnings) WithAttrs(attrs []slog.Attr) slog.Handler {
	return warnings{w.Handler.WithAttrs(attrs)}
}

// WithGroup implements slog.Handler.
func (w warnings) WithGroup(name string) slog.Handler { return warnings{w.Handler.WithGroup(name)} }

// keyed adds the key to what an actor logs; it costs an idle actor nothing, which a logger made with With
// would.
type keyed struct {
	slog.Handler
	key string
}

// Handle implements slog.Handler.
func (k keyed) Handle(ctx context.Context, r slog.Record) error {
	r = r.Clone()
	r.AddAttrs(slog.String("key", k.key))
	return k.Handler.Handle(ctx, r)
}

// WithAttrs implements slog.Handler.
func (k keyed) WithAttrs(attrs []slog.Attr) slog.Handler {
	return k.Handler.WithAttrs([]slog.Attr{slog.String("key", k.key)}).WithAttrs(attrs)
}

// WithGroup implements slog.Handler.
func (k keyed) WithGroup(name string) slog.Handler {
	return k.Handler.WithAttrs([]slog.Attr{slog.String("key", k.key)}).WithGroup(name)
}

// log is the activation's logger.
func (a *activation) log() *slog.Logger { return slog.New(keyed{a.kind.log.Handler(), a.key}) }
