package identity

import (
	"context"
	"net/netip"
	"time"

	"github.com/barrage-live/barrage/gateway/rest"
	"github.com/barrage-live/barrage/internal/auth"
	"github.com/barrage-live/barrage/internal/quota"
)

const (
	// fold is the factor between the limit of one account from one address and the limits of either alone.
	fold = 5
	// trickleEvery is the time between two guesses that all strangers together still have at an account whose
	// limit they have used up.
	trickleEvery = 10 * time.Second
)

// networkTrickle is what one network, an IPv4 /24 or an IPv6 /48, gets of these: three of them, and one in
// five minutes. Who asks without end from a few networks wins few, and leaves the others to the owner.
func networkTrickle() quota.Rate { return quota.Rate{PerSecond: 1.0 / 300, Burst: 3} }

// trickle counts what strangers still have. It is this process's memory.
type trickle struct {
	start time.Time
	taken *quota.Rates[string] // by account, and by account and network
}

func newTrickle() trickle { return trickle{time.Now(), quota.NewRates[string](1 << 16)} }

// take takes the next guess at an account, or says when to try again.
func (t trickle) take(name string, addr netip.Addr) (ok bool, retryAfter time.Duration) {
	var levels [quota.Levels]netip.Prefix
	around := quota.Around(&levels, addr)
	all := quota.Demand[string]{Key: name, Rate: quota.Rate{PerSecond: 1 / trickleEvery.Seconds(), Burst: 1}}
	own := quota.Demand[string]{Key: name + "@" + around[len(around)-1].String(), Rate: networkTrickle()} // no handle has an @
	return t.taken.Take(time.Since(t.start), 1, all, own), trickleEvery
}

// ownLimit counts a guess by account and address.
func (h *handlers) ownLimit(ctx context.Context, handle string) rest.Limit {
	return rest.Limit{Name: "login_account_address", Key: folded(handle) + "@" + rest.CallerOf(ctx).Prefix(), Max: h.Config.Logins}
}

// hashing says for whom passwords are hashed under ctx: whom the line of the hasher knows, it keeps places
// for.
func (h *handlers) hashing(ctx context.Context, handle string) context.Context {
	who := rest.CallerOf(ctx)
	return auth.WithSource(ctx, auth.Source{Addr: who.Addr, Familiar: h.familiar.knows(folded(handle), who.Prefix())})
}

// loginLimits counts a guess by account and address, by address and its networks, and by account, which
// bounds guessing from many addresses. Where the account was logged in to before only the first counts, or
// neighbours could lock the owner out at home. Past the last is a delay and no wall: five addresses could
// lock the owner out for the length of the window, whose telephone has a new address every day.
func (h *handlers) loginLimits(ctx context.Context, handle string) []rest.Limit {
	own, name, who := h.ownLimit(ctx, handle), folded(handle), rest.CallerOf(ctx)
	if h.familiar.knows(name, who.Prefix()) {
		return []rest.Limit{own}
	}
	limits := append([]rest.Limit{own}, rest.AddressLimits(ctx, "login_address", h.Config.Logins*fold)...)
	return append(limits, rest.Limit{
		Name: "login_account", Key: name, Max: h.Config.Logins * fold,
		Past: func() (bool, time.Duration) { return h.trickle.take(name, who.Addr) },
	})
}

// passwordLimits counts the guesses of who has a token, which strangers and neighbours have not: they cannot
// use these up.
func (h *handlers) passwordLimits(ctx context.Context, handle string, who auth.Identity) []rest.Limit {
	return []rest.Limit{h.ownLimit(ctx, handle), rest.UserLimit("change_password", who, h.Config.Logins*fold)}
}

// folded is the name by which guesses at an account are counted; what is no handle counts as one.
func folded(handle string) string {
	h, err := auth.ParseHandle(handle)
	if err != nil {
		return "?"
	}
	return h.Folded
}

func (h *handlers) registerLimits(ctx context.Context) []rest.Limit {
	return rest.AddressLimits(ctx, "register_address", h.Config.Registrations)
}
