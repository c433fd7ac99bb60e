package api

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"reflect"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humachi"
	"github.com/go-chi/chi/v5"

	"github.com/barrage-live/barrage/actors/account"
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
	s.accounts()
	s.sessions()
	s.members()
	s.channels()
	s.keys()
	s.rooms()
	s.errors()
	return router, s.publish(router)
}

// describe makes the empty API.
func (s *server) describe(router chi.Router) {
	registry := huma.NewMapRegistry("#/components/schemas/", huma.DefaultSchemaNamer)
	s.refusal = &huma.Response{
		Description: "a refusal",
		Content: map[string]*huma.MediaType{
			problem.ContentType: {Schema: registry.Schema(reflect.TypeFor[problem.Problem](), true, "Problem")},
		},
	}
	s.api = humachi.New(router, huma.Config{
		OpenAPI: &huma.OpenAPI{
			OpenAPI: "3.1.0",
			Info: &huma.Info{
				Title: "Barrage", Version: "1",
				Description: "Accounts, channels, stream keys and rooms. Danmaku themselves travel on the socket at /ws.",
			},
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

// operation declares one call.
type operation struct {
	id, method, path, summary, tag string
	status                         int // of success; zero means 200
	access                         access
}

// add declares an operation and its handler, whose refusals become problems.
func add[I, O any](s *server, o operation, handler func(context.Context, *I) (*O, error)) {
	op := huma.Operation{
		OperationID: o.id, Method: o.method, Path: o.path, Summary: o.summary, Tags: []string{o.tag},
		DefaultStatus: o.status, MaxBodyBytes: s.Config.MaxBody,
		Responses:   map[string]*huma.Response{"default": s.refusal},
		Middlewares: huma.Middlewares{s.authorize(o.access)},
	}
	switch o.access {
	case users:
		op.Security = []map[string][]string{{"bearer": {}}}
	case guests:
		op.Security = []map[string][]string{{}, {"bearer": {}}}
	case anyone:
	}
	huma.Register(s.api, op, func(ctx context.Context, in *I) (*O, error) {
		out, err := handler(ctx, in)
		if err != nil {
			return nil, s.refuse(ctx, o, err)
		}
		return out, nil
	})
}

// refuse turns an error into a problem; what is our own fault is logged with its cause.
func (s *server) refuse(ctx context.Context, o operation, err error) *problem.Problem {
	p := problem.Of(err)
	if fault.KindOf(err) == fault.Internal {
		s.Log.ErrorContext(ctx, "operation failed", slog.String("operation", o.id), slog.Any("error", err))
	}
	return p
}
