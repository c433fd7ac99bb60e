package api

import (
	"context"
	"net/http"

	"github.com/barrage-live/barrage/internal/problem"
)

type errorsOut struct {
	CacheControl string `header:"Cache-Control"`
	Body         ErrorCodes
}

// ErrorCodes explains every code of a refusal.
type ErrorCodes struct {
	Errors []problem.Code `json:"errors" nullable:"false" doc:"every code, in the order of the alphabet"`
}

func errorCodes() []operation {
	return []operation{
		handle(operation{
			id: "list-errors", method: http.MethodGet, path: problem.Catalogue,
			summary: "Explain every code of a refusal",
			text:    "The type of a problem leads here.",
			tag:     "errors", access: anyone,
		}, func(s *server) func(context.Context, *struct{}) (*errorsOut, error) { return s.listErrors }),
	}
}

// listErrors answers the same until the program is another.
func (s *server) listErrors(context.Context, *struct{}) (*errorsOut, error) {
	return &errorsOut{"public, max-age=300", ErrorCodes{problem.Codes()}}, nil
}
