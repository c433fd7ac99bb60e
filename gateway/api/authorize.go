package api

import (
	"context"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humachi"

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
	// users: a valid token whose login has not ended.
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
		identity, err := s.identify(ctx.Header("Authorization"), a)
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

func (s *server) identify(header string, a access) (auth.Identity, error) {
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
	return s.Tokens.Verify(token)
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
