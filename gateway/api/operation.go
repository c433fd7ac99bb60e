package api

import (
	"context"
	"log/slog"
	"net/http"
	"reflect"
	"strconv"

	"github.com/danielgtaylor/huma/v2"

	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/problem"
)

// operation declares one call: what it is, who may make it, and how it refuses.
type operation struct {
	id, method, path string
	summary          string // a few words
	text             string // what one has to know to use it
	tag              string
	status           int // of success; zero means 200
	access           access
	right            right
	limited          bool     // answers 429 to who asks too often
	codes            []string // of refusals, beside those of the form, of the token and of the right
	register         func(*server, operation)
}

// handle binds an operation to its handler.
func handle[I, O any](o operation, of func(*server) func(context.Context, *I) (*O, error)) operation {
	o.register = func(s *server, o operation) { add(s, o, of(s)) }
	return o
}

// operations is everything that can be asked.
func (s *server) operations() []operation {
	var all []operation
	for _, some := range [][]operation{accounts(), sessions(), members(), channels(), keys(), rooms(), mutes(), errorCodes()} {
		all = append(all, some...)
	}
	return all
}

// add declares an operation and its handler, whose refusals become problems.
func add[I, O any](s *server, o operation, handler func(context.Context, *I) (*O, error)) {
	op := huma.Operation{
		OperationID: o.id, Method: o.method, Path: o.path, Summary: o.summary, Description: o.text, Tags: []string{o.tag},
		DefaultStatus: o.status, MaxBodyBytes: s.Config.MaxBody,
		Responses:   s.refusals(o),
		Middlewares: huma.Middlewares{s.authorize(o.access)},
		Extensions:  map[string]any{"x-barrage-access": map[string]any{"token": o.access.String(), "may": o.may()}},
	}
	switch o.access {
	case users:
		op.Security = []map[string][]string{{"bearer": {}}}
	case guests:
		op.Security = []map[string][]string{{}, {"bearer": {}}}
	case anyone:
	}
	huma.Register(s.api, op, func(ctx context.Context, in *I) (*O, error) {
		out, err := handler(context.WithValue(ctx, rightKey{}, o.right), in)
		if err != nil {
			return nil, s.refuse(ctx, o, err)
		}
		return out, nil
	})
}

// refusals describes how an operation refuses, by status; what can befall every request is the default.
func (s *server) refusals(o operation) map[string]*huma.Response {
	byStatus := map[int][]string{}
	codes := o.codes
	if o.access != anyone {
		codes = append([]string{"token_invalid", "token_expired", "token_outdated", "session_ended"}, codes...)
	}
	if o.access == users {
		codes = append([]string{"login_required"}, codes...)
	}
	if o.right != everybody {
		codes = append([]string{"account_disabled", "not_allowed"}, codes...)
	}
	if o.limited {
		codes = append([]string{"rate_limited"}, codes...)
	}
	known := map[string]problem.Code{}
	for _, c := range problem.Codes() {
		known[c.Code] = c
	}
	for _, code := range codes {
		byStatus[known[code].Status] = append(byStatus[known[code].Status], code)
	}
	all := map[string]*huma.Response{"default": {Description: "Any other refusal.", Content: s.refusal.Content}}
	for status, codes := range byStatus {
		r := &huma.Response{Description: http.StatusText(status) + ":", Content: s.refusal.Content}
		for _, code := range codes {
			r.Description += "\n* `" + code + "`: " + known[code].Meaning
		}
		if status == http.StatusTooManyRequests {
			r.Headers = map[string]*huma.Param{"Retry-After": {
				Description: "Seconds until another try can succeed.", Schema: &huma.Schema{Type: huma.TypeInteger, Minimum: new(1.0)},
			}}
		}
		all[strconv.Itoa(status)] = r
	}
	return all
}

// refuse turns an error into a problem; what is our own fault is logged with its cause.
func (s *server) refuse(ctx context.Context, o operation, err error) *problem.Problem {
	p := problem.Of(err)
	if fault.KindOf(err) == fault.Internal {
		s.Log.ErrorContext(ctx, "operation failed", slog.String("operation", o.id), slog.Any("error", err))
	}
	return p
}

// problemSchema is the schema of every refusal.
func problemSchema(r huma.Registry) *huma.Schema {
	return r.Schema(reflect.TypeFor[problem.Problem](), true, "Problem")
}
