package rest

import (
	"context"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humachi"

	"github.com/barrage-live/barrage/internal/auth"
	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/problem"
)

// Access is what an operation demands before it looks at objects.
type Access uint8

const (
	// Anyone says that a token is not looked at.
	Anyone Access = iota
	// Guests says that a token may be missing, but not wrong.
	Guests
	// Users demands a valid token whose login has not ended.
	Users
)

var (
	// ErrLogin refuses who is not logged in.
	ErrLogin = fault.New(fault.Unauthenticated, "login_required", "log in first")
	errRight = fault.New(fault.Denied, "not_allowed", "the account may not do this")
)

// authorize puts the identity of the bearer token into the context, or answers 401.
func (r *Router) authorize(a Access) func(huma.Context, func(huma.Context)) {
	return func(ctx huma.Context, next func(huma.Context)) {
		if a == Anyone {
			next(ctx)
			return
		}
		identity, err := r.identify(ctx.Header("Authorization"), a)
		if err != nil {
			_, w := humachi.Unwrap(ctx)
			problem.Of(err).Write(w)
			return
		}
		if identity.User != "" {
			ctx = huma.WithValue(ctx, identityKey{}, identity)
		}
		next(ctx)
	}
}

// counted counts a write of who asks, and answers 429 to who asks too often.
func (r *Router) counted(ctx huma.Context, next func(huma.Context)) {
	who, _ := ctx.Context().Value(identityKey{}).(auth.Identity)
	if !r.writes.Take(who.User, CallerOf(ctx.Context()).Addr, 1) {
		r.Metrics.limited.WithLabelValues("writes", "refused").Inc()
		_, w := humachi.Unwrap(ctx)
		problem.Of(errTooMuch).Write(w)
		return
	}
	next(ctx)
}

func (r *Router) identify(header string, a Access) (auth.Identity, error) {
	if header == "" {
		if a == Guests {
			return auth.Identity{}, nil
		}
		return auth.Identity{}, ErrLogin
	}
	scheme, token, _ := strings.Cut(header, " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return auth.Identity{}, auth.ErrTokenInvalid
	}
	return r.Tokens.Verify(token)
}

// RequireIdentity is the identity of who asks, for an operation that demands one.
func RequireIdentity(ctx context.Context) (auth.Identity, error) {
	i, ok := ctx.Value(identityKey{}).(auth.Identity)
	if !ok {
		return auth.Identity{}, ErrLogin
	}
	return i, nil
}
