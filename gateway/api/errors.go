package api

import (
	"context"
	"net/http"
	"time"

	"github.com/barrage-live/barrage/gateway/rest"
	"github.com/barrage-live/barrage/internal/problem"
)

type errorsOut struct{ Body ErrorCodes }

// ErrorCodes explains every code of a refusal.
type ErrorCodes struct {
	Errors []problem.Code `json:"errors" nullable:"false" doc:"every code, in the order of the alphabet"`
}

func errorCodes() []rest.Operation {
	return []rest.Operation{
		rest.Handle(rest.Operation{
			ID: "list-errors", Method: http.MethodGet, Path: problem.Catalogue,
			Summary: "Explain every code of a refusal",
			Text:    "The type of a problem leads here.",
			Tag:     "errors", Access: rest.Anyone, Cached: 5 * time.Minute,
		}, listErrors),
	}
}

// listErrors answers the same until the program is another.
func listErrors(context.Context, *struct{}) (*errorsOut, error) {
	return &errorsOut{ErrorCodes{problem.Codes()}}, nil
}
