package identity

import (
	"context"

	"github.com/barrage-live/barrage/gateway/rest"
	"github.com/barrage-live/barrage/internal/auth"
)

// fold is the factor between the limit of one account from one address and the limits of either alone.
const fold = 5

// loginLimits counts a guess by account and address, by address, and by account. The last bounds guessing from many addresses, and
// would lock the owner out for the length of the window; so where the account was logged in to before it does not count.
func (f *face) loginLimits(ctx context.Context, handle string) []rest.Limit {
	prefix, n := rest.CallerOf(ctx).Prefix(), f.Config.Logins
	name := folded(handle)
	limits := []rest.Limit{
		{Name: "login_account_address", Key: name + "@" + prefix, Max: n},
		{Name: "login_address", Key: prefix, Max: n * fold},
	}
	if f.familiar.knows(name, prefix) {
		return limits
	}
	return append(limits, rest.Limit{Name: "login_account", Key: name, Max: n * fold})
}

// folded is the name by which guesses at an account are counted; what is no handle counts as one.
func folded(handle string) string {
	h, err := auth.ParseHandle(handle)
	if err != nil {
		return "?"
	}
	return h.Folded
}

func (f *face) registerLimits(ctx context.Context) []rest.Limit {
	return []rest.Limit{{Name: "register_address", Key: rest.CallerOf(ctx).Prefix(), Max: f.Config.Registrations}}
}
