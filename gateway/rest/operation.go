package rest

import (
	"context"
	"log/slog"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/barrage-live/barrage/internal/auth"
	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/problem"
)

// Operation declares one call: what it is, who may make it, and how it refuses.
type Operation struct {
	ID, Method, Path string
	Summary          string // a few words
	Text             string // what one has to know to use it
	Tag              string
	Status           int // of success; zero means 200
	Access           Access
	Right            *Right
	// Cached says that this is a public read, the same whoever asks: caches may keep its answer for so
	// long, in whole seconds, and it counts as a read of the address (Config.Reads). Zero: the answer is
	// the asker's alone and nobody keeps it.
	Cached   time.Duration
	Codes    []string // of refusals, beside those of the form, of the token and of the right
	register func(*Router, Operation)
}

// changes says that the operation may change something: none that does is a GET, which caches and browsers
// repeat as they like (RFC 9110, 9.2.1).
func (o Operation) changes() bool { return o.Method != http.MethodGet }

// Handle binds an operation to its handler, whose input and output say by their tags what is read and
// written (package huma).
func Handle[I, O any](o Operation, handler func(context.Context, *I) (*O, error)) Operation {
	o.register = func(r *Router, o Operation) { add(r, o, handler) }
	return o
}

// add declares an operation and its handler, whose refusals become problems.
func add[I, O any](r *Router, o Operation, handler func(context.Context, *I) (*O, error)) {
	op := huma.Operation{
		OperationID: o.ID, Method: o.Method, Path: o.Path, Summary: o.Summary, Description: o.Text, Tags: []string{o.Tag},
		DefaultStatus: o.Status, MaxBodyBytes: maxBody + 1, BodyReadTimeout: -1, // whole has read it
		Responses:   r.refusals(o),
		Middlewares: huma.Middlewares{r.authorize(o.Access)},
		Extensions:  map[string]any{"x-barrage-access": map[string]any{"token": o.Access.String(), "may": o.may()}},
	}
	if o.Cached > 0 {
		op.Middlewares = slices.Insert(op.Middlewares, 0, cached(o.Cached))
	}
	if o.changes() {
		if o.Access != Anyone {
			op.Middlewares = append(op.Middlewares, r.counted)
		}
		op.Middlewares = append(op.Middlewares, r.whole)
	}
	switch o.Access {
	case Users:
		op.Security = []map[string][]string{{"bearer": {}}}
	case Guests:
		op.Security = []map[string][]string{{}, {"bearer": {}}}
	case Anyone:
	}
	huma.Register(r.api, op, func(ctx context.Context, in *I) (*O, error) {
		if !o.changes() {
			var who auth.Identity
			if o.Cached == 0 {
				who, _ = ctx.Value(identityKey{}).(auth.Identity)
			}
			if !r.reads.take(who.User, CallerOf(ctx).Addr, costOf(in)) {
				r.Metrics.limited.WithLabelValues("reads", "refused").Inc()
				return nil, refusal{problem.Of(errTooMuch)}
			}
		}
		out, err := handler(context.WithValue(ctx, demandKey{}, demand{r, o.Right}), in)
		if err != nil {
			return nil, r.refuse(ctx, o, err)
		}
		return out, nil
	})
}

// refusals describes how an operation refuses, by status; what can befall every request is the default.
func (r *Router) refusals(o Operation) map[string]*huma.Response {
	byStatus := map[int][]string{}
	codes := o.Codes
	if o.Access != Anyone {
		codes = append([]string{"token_invalid", "token_expired", "token_outdated", "session_ended"}, codes...)
	}
	if o.Access == Users {
		codes = append([]string{"login_required"}, codes...)
	}
	if o.Right != nil {
		codes = append([]string{"account_disabled", "not_allowed"}, codes...)
	}
	codes = append([]string{"rate_limited"}, codes...)
	known := map[string]problem.Code{}
	for _, c := range problem.Codes() {
		known[c.Code] = c
	}
	for _, code := range codes {
		byStatus[known[code].Status] = append(byStatus[known[code].Status], code)
	}
	all := map[string]*huma.Response{"default": {Description: "Any other refusal.", Content: r.refusal.Content}}
	for status, codes := range byStatus {
		answer := &huma.Response{Description: http.StatusText(status) + ":", Content: r.refusal.Content}
		for _, code := range codes {
			answer.Description += "\n* `" + code + "`: " + known[code].Meaning
		}
		if status == http.StatusTooManyRequests {
			answer.Headers = map[string]*huma.Param{"Retry-After": {
				Description: "Seconds until another try can succeed.", Schema: &huma.Schema{Type: huma.TypeInteger, Minimum: new(1.0)},
			}}
		}
		all[strconv.Itoa(status)] = answer
	}
	return all
}

// refusal is a problem as huma writes it, which adds headers to those that are there: that nobody keeps it
// is said already (private).
type refusal struct{ *problem.Problem }

// GetHeaders gives the headers that are not there.
func (r refusal) GetHeaders() http.Header {
	h := r.Problem.GetHeaders()
	h.Del("Cache-Control")
	return h
}

// refuse turns an error into a problem; what is our own fault is logged with its cause.
func (r *Router) refuse(ctx context.Context, o Operation, err error) error {
	p := refusal{problem.Of(err)}
	if fault.KindOf(err) == fault.Internal {
		r.Log.ErrorContext(ctx, "operation failed", slog.String("operation", o.ID), slog.Any("error", err))
	}
	return p
}

// problemSchema is the schema of every refusal.
func problemSchema(registry huma.Registry) *huma.Schema {
	return registry.Schema(reflect.TypeFor[problem.Problem](), true, "Problem")
}
