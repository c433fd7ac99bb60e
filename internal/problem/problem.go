// Package problem writes refusals as HTTP has them: problem documents of RFC 9457 with the kind and the
// code of a fault.
//
// Every face that speaks HTTP (API, pages, playback, the handshake of websockets, the limits in front of
// them) answers in this one shape, so that a client needs one decoder. The package owns the shape and the
// headers that belong to it (Content-Type, Cache-Control, Retry-After, WWW-Authenticate); which status a
// refusal has is said by its kind unless the caller knows better.
//
// It promises that a cause never leaves the process: what was wrapped in a fault is for logs. Nothing here
// can fail.
package problem

import (
	"encoding/json"
	"maps"
	"net/http"
	"strconv"
	"time"

	"github.com/barrage-live/barrage/internal/fault"
)

// ContentType is the media type of a problem document (RFC 9457 section 6.1).
const ContentType = "application/problem+json"

// Catalogue is where every code is explained; a problem's type is the code's place in it.
const Catalogue = "/v1/errors"

// Problem is a refusal on its way out. The members are those of RFC 9457 section 3.1 and, from Kind on, ours.
type Problem struct {
	Type         string  `json:"type" format:"uri-reference" doc:"which refusal this is: the place of the code in the list of all codes" example:"/v1/errors#name_taken"`
	Title        string  `json:"title" doc:"the status in words" example:"Conflict"`
	Status       int     `json:"status" doc:"the HTTP status" example:"409"`
	Detail       string  `json:"detail" doc:"what was wrong, for people" example:"this name is taken"`
	Kind         string  `json:"kind" enum:"invalid,unauthenticated,denied,not_found,conflict,fenced,exhausted,timeout,unavailable,internal" doc:"how to treat it" example:"conflict"`
	Code         string  `json:"code" doc:"what was wrong, for programs; stable, see GET /v1/errors" example:"name_taken"`
	Field        string  `json:"field,omitempty" doc:"the input that was wrong" example:"name"`
	RetryAfterMS int64   `json:"retry_after_ms,omitempty" minimum:"1" doc:"when to try again, in ms from now; the same as Retry-After, which has whole seconds"`
	Errors       []Field `json:"errors,omitempty" doc:"every input that was wrong"`
}

// Field is one wrong input. The value is not repeated: it may be a secret.
type Field struct {
	Field   string `json:"field" doc:"where: a path such as body.title" example:"body.title"`
	Message string `json:"message" doc:"what was wrong, for people" example:"expected string"`
}

// Of shows an error, which is a fault or is taken for one (fault.From), with the status of its kind.
func Of(err error) *Problem { return At(fault.KindOf(err).HTTP(), err) }

// At is Of with another status.
func At(status int, err error) *Problem {
	e := fault.From(err)
	return &Problem{
		Type: Catalogue + "#" + e.Code, Title: http.StatusText(status), Status: status, Detail: e.Message, Kind: e.Kind.String(),
		Code: e.Code, Field: e.Field, RetryAfterMS: milliseconds(e.RetryAfter),
	}
}

// milliseconds rounds up, so that who comes back at that time does not come too early.
func milliseconds(d time.Duration) int64 {
	return int64((d + time.Millisecond - 1) / time.Millisecond)
}

// Error is the code and the detail, for logs.
func (p *Problem) Error() string { return p.Code + ": " + p.Detail }

// GetStatus is the HTTP status. With Error, ContentType and GetHeaders it lets huma write a Problem.
func (p *Problem) GetStatus() int { return p.Status }

// ContentType is that of every problem.
func (p *Problem) ContentType(string) string { return ContentType }

// GetHeaders gives the headers that belong to the problem, without its type: Cache-Control; Retry-After
// (RFC 9110 section 10.2.3) where there is advice; WWW-Authenticate (section 11.6.1) with 401.
func (p *Problem) GetHeaders() http.Header {
	h := http.Header{"Cache-Control": {"no-store"}}
	if p.RetryAfterMS > 0 {
		h.Set("Retry-After", strconv.FormatInt((p.RetryAfterMS+999)/1000, 10))
	}
	if p.Status == http.StatusUnauthorized {
		h.Set("Www-Authenticate", `Bearer realm="barrage"`)
	}
	return h
}

// Write answers with the problem. Headers that were set before stay, except those of GetHeaders and of the
// content.
func (p *Problem) Write(w http.ResponseWriter) {
	b, err := json.Marshal(p)
	if err != nil {
		b = nil // strings and numbers always marshal
	}
	h := w.Header()
	maps.Copy(h, p.GetHeaders())
	h.Set("Content-Type", ContentType)
	h.Set("Content-Length", strconv.Itoa(len(b)))
	w.WriteHeader(p.Status)
	_, _ = w.Write(b) // the client is gone if this fails, and nobody is left to tell
}
