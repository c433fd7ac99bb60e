package identity

import (
	"context"

	"github.com/barrage-live/barrage/gateway/rest"
	"github.com/barrage-live/barrage/internal/auth"
)

// fold is the factor between the limit of one account from one address and the limits of either alone.
const fold = 5

// loginLimits counts a guess by account and address, by address, and by account.
func (f *face) loginLimits(ctx context.Context, handle string) []rest.Limit {
	prefix, n := rest.CallerOf(ctx).Prefix(), f.Config.Logins
	name := "?"
	if h, err := auth.ParseHandle(handle); err == nil {
		name = h.Folded
	}
	return []rest.Limit{
		{Name: "login_account_address", Key: name + "@" + prefix, Max: n},
		{Name: "login_address", Key: prefix, Max: n * fold},
		{Name: "login_account", Key: name, Max: n * fold},
	}
}

func (f *face) registerLimits(ctx context.Context) []rest.Limit {
	return []rest.Limit{{Name: "register_address", Key: rest.CallerOf(ctx).Prefix(), Max: f.Config.Registrations}}
}
