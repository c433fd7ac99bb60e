package api

import (
	"context"
	"log/slog"
	"time"

	"github.com/barrage-live/barrage/internal/auth"
	"github.com/barrage-live/barrage/internal/fault"
)

// fold is the factor between the limit of one account from one address and the limits of either alone.
const fold = 5

// limit is one counted window.
type limit struct {
	name, key string
	max       int
}

// within counts an event in each limit in turn, up to the first that is used up, which refuses: what a narrow limit has refused
// must not use up a wide one, or one caller could lock an account for everyone. If a counter cannot be asked the request goes
// on: the hash pool bounds what it costs, and a broken cache must not lock everyone out.
func (s *server) within(ctx context.Context, limits ...limit) error {
	for _, l := range limits {
		ok, after, err := s.Limiter.Allow(ctx, l.name+":"+l.key, l.max, s.Config.Window)
		switch {
		case err != nil:
			s.Metrics.limited.WithLabelValues(l.name, "failed").Inc()
			s.Log.WarnContext(ctx, "a rate limit could not be asked", slog.String("limit", l.name), slog.Any("error", err))
		case !ok:
			s.Metrics.limited.WithLabelValues(l.name, "refused").Inc()
			return fault.New(fault.Exhausted, "rate_limited", "too many attempts; try again later").After(max(after, time.Second))
		}
	}
	return nil
}

// loginLimits counts a guess by account and address, by address, and by account.
func (s *server) loginLimits(ctx context.Context, handle string) []limit {
	prefix, n := callerOf(ctx).prefix(), s.Config.Logins
	name := "?"
	if h, err := auth.ParseHandle(handle); err == nil {
		name = h.Folded
	}
	return []limit{
		{"login_account_address", name + "@" + prefix, n},
		{"login_address", prefix, n * fold},
		{"login_account", name, n * fold},
	}
}

func (s *server) registerLimits(ctx context.Context) []limit {
	return []limit{{"register_address", callerOf(ctx).prefix(), s.Config.Registrations}}
}

// userLimit bounds what one account makes.
func userLimit(name string, who auth.Identity, n int) limit { return limit{name, string(who.User), n} }
