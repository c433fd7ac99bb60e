package api

import (
	"cmp"
	"encoding/json"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humachi"
	"github.com/go-chi/chi/v5"

	"github.com/barrage-live/barrage/actors/identity/account"
	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/problem"
)

var errDisabled = account.ErrDisabled

// server holds the ports; it is immutable after New.
type server struct {
	Deps
	api     huma.API
	refusal *huma.Response
}

// New puts the API together. The handler serves /v1, /openapi.json and /.well-known/jwks.json and answers 404 to all else.
func New(d Deps) (http.Handler, error) {
	d.Config = d.Config.filled()
	if err := d.Config.Validate(); err != nil {
		return nil, err
	}
	s := &server{Deps: d}
	router := chi.NewRouter()
	router.Use(s.observe, s.harden, s.cors, s.csrf, s.bound)
	router.NotFound(func(w http.ResponseWriter, _ *http.Request) {
		badForm(http.StatusNotFound, "no_route", "there is nothing at this address").Write(w)
	})
	router.MethodNotAllowed(func(w http.ResponseWriter, r *http.Request) {
		for _, m := range methods() {
			if router.Match(chi.NewRouteContext(), m, r.URL.Path) {
				w.Header().Add("Allow", m)
			}
		}
		badForm(http.StatusMethodNotAllowed, "method_not_allowed", "this method is not for this address").Write(w)
	})
	s.describe(router)
	for _, o := range s.operations() {
		o.register(s, o)
	}
	return router, s.publish(router)
}

// describe makes the empty API.
func (s *server) describe(router chi.Router) {
	registry := huma.NewMapRegistry("#/components/schemas/", huma.DefaultSchemaNamer)
	s.refusal = &huma.Response{
		Content: map[string]*huma.MediaType{
			problem.ContentType: {Schema: problemSchema(registry)},
		},
	}
	s.api = humachi.New(router, huma.Config{
		OpenAPI: &huma.OpenAPI{
			OpenAPI: "3.1.0",
			Info: &huma.Info{
				Title: "Barrage", Version: "1",
				Description: overview,
			},
			Servers: []*huma.Server{{URL: cmp.Or(s.Config.Public, "/"), Description: "this service"}},
			Tags:    tags(),
			Components: &huma.Components{
				Schemas: registry,
				SecuritySchemes: map[string]*huma.SecurityScheme{
					"bearer": {Type: "http", Scheme: "bearer", BearerFormat: "JWT"},
				},
			},
		},
		Formats: formats(), DefaultFormat: "application/json",
		RejectUnknownQueryParameters: true,
		Transformers:                 []huma.Transformer{fromHuma},
	})
}

// publish serves the description and the public keys.
func (s *server) publish(router chi.Router) error {
	delete(s.api.OpenAPI().Components.Schemas.Map(), "ErrorModel") // huma's own refusals, which fromHuma replaces
	delete(s.api.OpenAPI().Components.Schemas.Map(), "ErrorDetail")
	examples(s.api.OpenAPI())
	spec, err := json.MarshalIndent(s.api.OpenAPI(), "", "  ")
	if err != nil {
		return fault.Wrap(fault.Internal, "openapi", "the description cannot be encoded", err)
	}
	document := func(contentType string, body func() []byte) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", contentType)
			w.Header().Set("Cache-Control", "public, max-age=300")
			_, _ = w.Write(body()) // the client is gone if this fails
		}
	}
	router.Get("/openapi.json", document("application/openapi+json", func() []byte { return append(spec, '\n') }))
	router.Get("/.well-known/jwks.json", document("application/jwk-set+json", func() []byte {
		b, _ := json.Marshal(s.Tokens.JWKS()) // strings only
		return b
	}))
	return nil
}

const overview = `Accounts, channels, stream keys and rooms. Danmaku are posted and pushed on the socket at /ws; here their past is read.

Times are integers, milliseconds since 1970, and named *_ms. A user is named by handle or id in paths and by id in bodies, a channel by name
or id in paths; names and handles have a letter, ids have none. Lists take limit and cursor and answer next while there is more.
Refusals are problem documents (RFC 9457): GET /v1/errors explains every code. A request too many is answered 429 with Retry-After.
An input that an operation does not know is refused.`

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
