package rest

import (
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/problem"
)

// maxErrors is how many faults of one request are named: an answer is not to be longer than what it answers.
const maxErrors = 16

// badForm is a refusal of the request's form, which has statuses of its own.
func badForm(status int, code, detail string) *problem.Problem {
	return problem.At(status, fault.New(kindOf(status), code, detail))
}

// fromHuma turns the refusals of huma's own checks into ours. It drops the values, which may be passwords.
func fromHuma(_ huma.Context, _ string, v any) (any, error) {
	m, ok := v.(*huma.ErrorModel)
	if !ok {
		return v, nil
	}
	code := map[int]string{
		http.StatusBadRequest: "bad_request", http.StatusUnprocessableEntity: "validation_failed",
		http.StatusUnsupportedMediaType: "unsupported_media_type",
	}[m.Status]
	if code == "" {
		code = kindOf(m.Status).String()
	}
	p := badForm(m.Status, code, m.Detail)
	for _, e := range m.Errors[:min(len(m.Errors), maxErrors)] {
		p.Errors = append(p.Errors, problem.Field{Field: e.Location, Message: e.Message})
	}
	if m.Status >= http.StatusInternalServerError {
		p.Detail, p.Errors = fault.From(errInternal).Message, nil
	}
	if len(p.Errors) > 0 {
		p.Field = p.Errors[0].Field
		if _, field, ok := strings.Cut(p.Field, "."); ok { // where it is, such as "body" or "query", is said in errors
			p.Field = field
		}
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
