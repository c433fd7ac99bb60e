package rest

import (
	"cmp"
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humachi"
	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"

	"github.com/barrage-live/barrage/internal/auth"
	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/id"
	"github.com/barrage-live/barrage/internal/problem"
	"github.com/barrage-live/barrage/internal/quota"
)

// documentLife is how long caches may keep the description and the public keys.
const documentLife = 5 * time.Minute

// Description is what the whole says of itself.
type Description struct {
	Title, Version, Text string
	Tags                 []*huma.Tag
}

// Deps is what the chassis stands on.
type Deps struct {
	Config      Config
	Description Description
	Tokens      *auth.Tokens
	// Roles gives the roles that an account has now. It refuses NotFound what is no account, and Denied one
	// that is shut out.
	Roles   func(ctx context.Context, user id.User) (auth.Roles, error)
	Log     *slog.Logger
	Metrics *Metrics
}

// Router is the operations of a face; what is declared does not change after New.
type Router struct {
	Deps
	api     huma.API
	refusal *huma.Response
	reads   *reads
	writes  *quota.Users[id.User]
	bodies  *quota.Callers
}

// New puts a face together. The handler serves the operations, /openapi.json and /.well-known/jwks.json,
// and answers 404 to all else. It fails with what Config.Validate says.
func New(d Deps, operations []Operation) (http.Handler, error) {
	d.Config = d.Config.filled()
	if err := d.Config.Validate(); err != nil {
		return nil, err
	}
	rt := &Router{Deps: d, reads: newReads(d.Config), writes: newWrites(d.Config), bodies: newBodies(d.Config)}
	mux := chi.NewRouter()
	mux.Use(rt.observe, rt.private, rt.cors, rt.csrf, rt.bound, middleware.GetHead)
	mux.NotFound(func(w http.ResponseWriter, _ *http.Request) {
		badForm(http.StatusNotFound, "no_route", "there is nothing at this address").Write(w)
	})
	mux.MethodNotAllowed(func(w http.ResponseWriter, r *http.Request) {
		for _, m := range methods() {
			known := m
			if m == http.MethodHead {
				known = http.MethodGet // HEAD is there wherever GET is
			}
			if mux.Match(chi.NewRouteContext(), known, r.URL.Path) {
				w.Header().Add("Allow", m)
			}
		}
		badForm(http.StatusMethodNotAllowed, "method_not_allowed", "this method is not for this address").Write(w)
	})
	rt.describe(mux)
	for _, o := range operations {
		o.register(rt, o)
	}
	return mux, rt.publish(mux)
}

// describe makes the empty API.
func (rt *Router) describe(mux chi.Router) {
	registry := huma.NewMapRegistry("#/components/schemas/", huma.DefaultSchemaNamer)
	rt.refusal = &huma.Response{
		Content: map[string]*huma.MediaType{
			problem.ContentType: {Schema: problemSchema(registry)},
		},
	}
	rt.api = humachi.New(mux, huma.Config{
		OpenAPI: &huma.OpenAPI{
			OpenAPI: "3.1.0",
			Info: &huma.Info{
				Title: rt.Description.Title, Version: rt.Description.Version, Description: rt.Description.Text,
			},
			Servers: []*huma.Server{{URL: cmp.Or(rt.Config.Public, "/"), Description: "this service"}},
			Tags:    rt.Description.Tags,
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
func (rt *Router) publish(mux chi.Router) error {
	delete(rt.api.OpenAPI().Components.Schemas.Map(), "ErrorModel") // huma's own refusals, which fromHuma replaces
	delete(rt.api.OpenAPI().Components.Schemas.Map(), "ErrorDetail")
	examples(rt.api.OpenAPI())
	spec, err := json.MarshalIndent(rt.api.OpenAPI(), "", "  ")
	if err != nil {
		return fault.Wrap(fault.Internal, "openapi", "the description cannot be encoded", err)
	}
	spec = append(spec, '\n')
	tag := tagOf(spec)
	mux.Get("/openapi.json", document("application/openapi+json", func() ([]byte, string) { return spec, tag }))
	mux.Get("/.well-known/jwks.json", document("application/jwk-set+json", func() ([]byte, string) {
		b, _ := json.Marshal(rt.Tokens.JWKS()) // strings only
		return b, tagOf(b)
	}))
	return nil
}
