package rest

import (
	"context"
	"log/slog"
	"net/netip"
	"time"

	"github.com/barrage-live/barrage/internal/auth"
	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/quota"
)

// Limiter counts within sliding windows; the cache's driver fills it.
type Limiter interface {
	// Allow counts one event of the key and reports whether it is within limit per window; if not, when to
	// try again.
	Allow(ctx context.Context, key string, limit int, window time.Duration) (ok bool, retryAfter time.Duration, err error)
}

// LimiterFunc is a Limiter made of one function.
type LimiterFunc func(ctx context.Context, key string, limit int, window time.Duration) (bool, time.Duration, error)

// Allow calls f.
func (f LimiterFunc) Allow(ctx context.Context, key string, limit int, window time.Duration) (bool, time.Duration, error) {
	return f(ctx, key, limit, window)
}

// Limits bounds how often things are tried. It is immutable.
type Limits struct {
	Limiter Limiter
	Window  time.Duration
	Log     *slog.Logger
	Metrics *Metrics
}

// Limit is one counted window.
type Limit struct {
	Name, Key string
	Max       int // in the window of Limits
	// Past is asked when this one is used up, and may allow it all the same or say when to try again, so that
	// there is a delay where there would be a wall; nil: refused.
	Past func() (ok bool, retryAfter time.Duration)
}

// Within counts an event in each limit in turn, up to the first that is used up, which refuses Exhausted
// "rate_limited": what a narrow limit has refused must not use up a wide one, or one caller could lock an
// account for everyone. If a counter cannot be asked the request goes on: what it costs is bounded
// elsewhere, and a broken cache must not lock everyone out.
func (l *Limits) Within(ctx context.Context, limits ...Limit) error {
	for _, one := range limits {
		if err := l.within(ctx, one); err != nil {
			return err
		}
	}
	return nil
}

func (l *Limits) within(ctx context.Context, one Limit) error {
	ok, after, err := l.Limiter.Allow(ctx, one.Name+":"+one.Key, one.Max, l.Window)
	if err != nil {
		l.Metrics.limited.WithLabelValues(one.Name, "failed").Inc()
		l.Log.WarnContext(ctx, "a rate limit could not be asked", slog.String("limit", one.Name), slog.Any("error", err))
		return nil
	}
	if !ok && one.Past != nil {
		ok, after = one.Past()
	}
	if ok {
		return nil
	}
	l.Metrics.limited.WithLabelValues(one.Name, "refused").Inc()
	return TooOften("too many attempts; try again later", max(after, time.Second))
}

// TooOften refuses what was asked for too often, Exhausted "rate_limited", until so much time has gone by.
func TooOften(message string, after time.Duration) error {
	return fault.New(fault.Exhausted, "rate_limited", message).After(after)
}

// UserLimit bounds what one account makes.
func UserLimit(name string, who auth.Identity, n int) Limit {
	return Limit{Name: name, Key: string(who.User), Max: n}
}

// AddressLimits bounds what the address that asks may try: n times, and its networks quota.Factor as often.
func AddressLimits(ctx context.Context, name string, n int) []Limit {
	var levels [quota.Levels]netip.Prefix
	around := quota.Around(&levels, CallerOf(ctx).Addr)
	limits := make([]Limit, len(around))
	for i, prefix := range around {
		limits[i] = Limit{Name: name, Key: prefix.String(), Max: n * quota.Factor(i)}
	}
	return limits
}
