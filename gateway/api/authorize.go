package api

import (
	"context"
	"errors"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humachi"

	"github.com/barrage-live/barrage/actors/session"
	"github.com/barrage-live/barrage/internal/auth"
	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/problem"
)

// access is what an operation demands before it looks at objects.
type access uint8

const (
	// anyone: a token is not looked at.
	anyone access = iota
	// guests: a token may be missing, but not wrong.
	guests
	// users: a valid token of a living session.
	users
)

var (
	errLogin = fault.New(fault.Unauthenticated, "login_required", "log in first")
	errRight = fault.New(fault.Denied, "not_allowed", "the account may not do this")
)

// authorize puts the identity of the bearer token into the context, or answers 401.
func (s *server) authorize(a access) func(huma.Context, func(huma.Context)) {
	return func(ctx huma.Context, next func(huma.Context)) {
		if a == anyone {
			next(ctx)
			return
		}
		identity, err := s.identify(ctx.Context(), ctx.Header("Authorization"), a)
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

func (s *server) identify(ctx context.Context, header string, a access) (auth.Identity, error) {
	if header == "" {
		if a == guests {
			return auth.Identity{}, nil
		}
		return auth.Identity{}, errLogin
	}
	scheme, token, _ := strings.Cut(header, " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return auth.Identity{}, auth.ErrTokenInvalid
	}
	identity, err := s.Tokens.Verify(token)
	if err != nil || a == guests {
		return identity, err
	}
	return identity, s.alive(ctx, identity)
}

// alive refuses a token whose session was ended since it was minted, or is not this user's.
func (s *server) alive(ctx context.Context, who auth.Identity) error {
	i, err := s.SessionViews.Get(ctx, who.Session)
	switch {
	case err == nil && i.User != who.User:
		return auth.ErrTokenInvalid
	case errors.Is(err, auth.ErrTokenInvalid), errors.Is(err, auth.ErrTokenExpired):
		return session.ErrEnded // its row is gone
	}
	return err
}

// asker is the identity of an operation that demands one.
func asker(ctx context.Context) (auth.Identity, error) {
	i, ok := who(ctx)
	if !ok {
		return auth.Identity{}, errLogin
	}
	return i, nil
}

// allowed passes the owner of an object, and accounts that hold one of the roles now.
func (s *server) allowed(ctx context.Context, owner bool, roles ...auth.Role) error {
	i, err := asker(ctx)
	if err != nil {
		return err
	}
	a, err := s.Accounts.Get(ctx, i.User)
	switch {
	case fault.KindOf(err) == fault.NotFound && err != nil:
		return auth.ErrTokenInvalid
	case err != nil:
		return err
	case a.Disabled:
		return errDisabled
	case owner || a.Roles.Has(roles...):
		return nil
	}
	return errRight
}
