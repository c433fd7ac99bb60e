package api

import (
	"cmp"
	"context"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/barrage-live/barrage/actors/identity/account"
	"github.com/barrage-live/barrage/gateway/api/identity"
	"github.com/barrage-live/barrage/gateway/api/live"
	"github.com/barrage-live/barrage/gateway/rest"
	"github.com/barrage-live/barrage/internal/auth"
	"github.com/barrage-live/barrage/internal/id"
)

// Config shapes the API. The zero value works.
type Config struct {
	rest.Config
	// RTMPPort is where streamers publish to, on the host of Public or of the request; zero means 1935.
	// RTMPS says that it speaks TLS.
	RTMPPort int
	RTMPS    bool
	// Logins and Registrations are those of identity.Config.
	Logins, Registrations int
	// Window is the window of the limits; zero means 10 minutes.
	Window time.Duration
}

// Deps is everything the API stands on.
type Deps struct {
	Config   Config
	Tokens   *auth.Tokens
	Identity identity.Ports
	Live     live.Ports
	Limiter  rest.Limiter
	Log      *slog.Logger
	Metrics  *rest.Metrics
}

// New puts the wings together. The handler serves /v1, /openapi.json and /.well-known/jwks.json and answers
// 404 to all else.
func New(d Deps) (http.Handler, error) {
	d.Config.Public = strings.TrimSuffix(d.Config.Public, "/")
	limits := &rest.Limits{Limiter: d.Limiter, Window: cmp.Or(d.Config.Window, 10*time.Minute), Log: d.Log, Metrics: d.Metrics}
	liveDeps := live.Deps{
		Ports: d.Live, Limits: limits,
		Config: live.Config{Public: d.Config.Public, RTMPPort: d.Config.RTMPPort, RTMPS: d.Config.RTMPS},
	}
	identityDeps := identity.Deps{
		Ports: d.Identity, Tokens: d.Tokens, Outlets: live.NewOutlets(liveDeps), Limits: limits, Log: d.Log,
		Config: identity.Config{Public: d.Config.Public, Logins: d.Config.Logins, Registrations: d.Config.Registrations},
	}
	return rest.New(rest.Deps{
		Config: d.Config.Config, Tokens: d.Tokens, Log: d.Log, Metrics: d.Metrics,
		Description: rest.Description{Title: "Barrage", Version: "1", Text: overview, Tags: tags()},
		Roles: func(ctx context.Context, user id.User) (auth.Roles, error) {
			a, err := d.Identity.Accounts.Get(ctx, user)
			if err == nil && a.Disabled {
				err = account.ErrDisabled
			}
			return a.Roles, err
		},
	}, operations(identityDeps, liveDeps))
}

// operations is everything that can be asked, wing after wing.
func operations(i identity.Deps, l live.Deps) []rest.Operation {
	return slices.Concat(identity.Operations(i), live.Operations(l), errorCodes())
}

// Rights is a table of who may do what: see rest.Rights.
func Rights() string { return rest.Rights(operations(identity.Deps{}, live.Deps{})) }

const overview = `Accounts, channels, stream keys and rooms. Danmaku are posted and pushed on the socket at /ws; here their past is read.

Times are integers, milliseconds since 1970, and named *_ms. A user is named by handle or id in paths and by id in bodies, a channel by name
or id in paths; names and handles have a letter, ids have none. Lists take limit and cursor and answer next while there is more.
Refusals are problem documents (RFC 9457): GET /v1/errors explains every code. A request too many is answered 429 with Retry-After.
An input that an operation does not know is refused.

HEAD is GET without the body. What everybody may read has an ETag, and caches may keep it as long as Cache-Control says; nobody keeps the rest.
Such reads count by what they cost against the address that asks and its networks: a short answer 1, each row of a list a tenth. What is no
read counts as one change of the account, and of the address and its networks.`

func tags() []*huma.Tag {
	return []*huma.Tag{
		{Name: "auth", Description: "Making accounts, logging in and out, tokens."},
		{Name: "me", Description: "One's own account, logins and channel."},
		{Name: "users", Description: "Other accounts, for those who look after the platform."},
		{Name: "channels", Description: "Broadcasters' outlets: what is on, titles, how the publisher is doing."},
		{Name: "keys", Description: "Stream keys: the right to publish to a channel."},
		{Name: "rooms", Description: "Rooms and the past of their danmaku."},
		{Name: "mutes", Description: "Who may not post in a room."},
		{Name: "errors", Description: "The meaning of every refusal."},
	}
}
