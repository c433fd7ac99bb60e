package api

import (
	"encoding/json"
	"maps"
	"math"
	"net/http"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/barrage-live/barrage/internal/fault"
)

// Problem is a refusal as RFC 9457 has it, with our kind and code.
type Problem struct {
	Title        string         `json:"title" doc:"the status in words"`
	Status       int            `json:"status" doc:"the HTTP status"`
	Detail       string         `json:"detail" doc:"what was wrong, for people"`
	Kind         string         `json:"kind" doc:"how to treat it: invalid, unauthenticated, denied, not_found, conflict, fenced, exhausted, timeout, unavailable, internal"`
	Code         string         `json:"code" doc:"what was wrong, for programs; stable"`
	Field        string         `json:"field,omitempty" doc:"the input that was wrong"`
	RetryAfterMS int64          `json:"retry_after_ms,omitempty" doc:"when to try again"`
	Errors       []FieldProblem `json:"errors,omitempty" doc:"every input that was wrong"`
}

// FieldProblem is one wrong input. The value is not repeated.
type FieldProblem struct {
	Field   string `json:"field" doc:"where: a path such as body.title"`
	Message string `json:"message" doc:"what was wrong, for people"`
}

// problemOf shows a refusal. The cause stays in the log.
func problemOf(err error) *Problem {
	e := fault.From(err)
	status := e.Kind.HTTP()
	return &Problem{
		Title: http.StatusText(status), Status: status, Detail: e.Message, Kind: e.Kind.String(), Code: e.Code, Field: e.Field,
		RetryAfterMS: e.RetryAfter.Milliseconds(),
	}
}

// badRequest is a refusal of the request's form, which has statuses of its own.
func badRequest(status int, code, detail string) *Problem {
	return &Problem{Title: http.StatusText(status), Status: status, Detail: detail, Kind: kindOf(status).String(), Code: code}
}

// Error is the detail.
func (p *Problem) Error() string { return p.Code + ": " + p.Detail }

// GetStatus implements huma.StatusError.
func (p *Problem) GetStatus() int { return p.Status }

// ContentType implements huma.ContentTypeFilter.
func (p *Problem) ContentType(string) string { return "application/problem+json" }

// GetHeaders implements huma.HeadersError.
func (p *Problem) GetHeaders() http.Header {
	h := http.Header{}
	if p.RetryAfterMS > 0 {
		h.Set("Retry-After", strconv.Itoa(int(math.Ceil(float64(p.RetryAfterMS)/1000))))
	}
	if p.Status == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", `Bearer realm="barrage"`)
	}
	return h
}

// write answers with the problem outside of huma.
func (p *Problem) write(w http.ResponseWriter) {
	maps.Copy(w.Header(), p.GetHeaders())
	w.Header().Set("Content-Type", p.ContentType(""))
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(p) // the client is gone if this fails
}

// fromHuma turns the refusals of huma's own checks into ours. It drops the values, which may be passwords.
func fromHuma(_ huma.Context, _ string, v any) (any, error) {
	m, ok := v.(*huma.ErrorModel)
	if !ok {
		return v, nil
	}
	code := map[int]string{
		http.StatusBadRequest: "bad_request", http.StatusUnprocessableEntity: "validation_failed",
		http.StatusRequestEntityTooLarge: "body_too_large", http.StatusUnsupportedMediaType: "unsupported_media_type",
		http.StatusRequestTimeout: "body_timeout",
	}[m.Status]
	if code == "" {
		code = kindOf(m.Status).String()
	}
	p := badRequest(m.Status, code, m.Detail)
	for _, e := range m.Errors {
		p.Errors = append(p.Errors, FieldProblem{e.Location, e.Message})
	}
	if m.Status >= http.StatusInternalServerError {
		p.Detail, p.Errors = fault.From(errInternal).Message, nil
	}
	if len(p.Errors) > 0 {
		p.Field = strings.TrimPrefix(p.Errors[0].Field, "body.")
	}
	return p, nil
}

var errInternal = fault.New(fault.Internal, "internal", "something went wrong on our side")

// kindOf is the kind a status stands for.
func kindOf(status int) fault.Kind {
	for k := range fault.Unavailable + 1 {
		if k.HTTP() == status {
			return k
		}
	}
	switch {
	case status == http.StatusRequestTimeout:
		return fault.Timeout
	case status < http.StatusInternalServerError:
		return fault.Invalid
	}
	return fault.Internal
}
