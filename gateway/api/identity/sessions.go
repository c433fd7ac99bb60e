package identity

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/barrage-live/barrage/actors/identity/session"
	"github.com/barrage-live/barrage/gateway/rest"
	"github.com/barrage-live/barrage/internal/auth"
	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/id"
)

var errNoSession = fault.New(fault.NotFound, "no_session", "no such session")

// Session is one login.
type Session struct {
	ID       string `json:"id" doc:"the login's id" example:"9f86d081884c7d659a2feaa0c55ad015"`
	Device   string `json:"device" doc:"what the device said of itself" example:"Mozilla/5.0"`
	OpenedMS int64  `json:"opened_at_ms" doc:"in ms since 1970" example:"1794000000000"`
	UsedMS   int64  `json:"used_at_ms" doc:"the last refresh, in ms since 1970" example:"1795000000000"`
	Current  bool   `json:"current" doc:"the asker's own"`
}

// SessionPage is a part of one's logins.
type SessionPage struct {
	Sessions []Session `json:"sessions" nullable:"false" doc:"the oldest first"`
	Next     string    `json:"next,omitempty" doc:"the cursor of the next page; absent at the end"`
}

// EndedSessions tells how many logins were ended.
type EndedSessions struct {
	Ended int `json:"ended" doc:"how many logins were ended" example:"2"`
}

type sessionsOut struct{ Body SessionPage }

type sessionsIn struct{ rest.PageQuery }

// Cost is that of all logins that an account may have: each is asked how it is, however few are listed.
func (in *sessionsIn) Cost() float64 { return 64 + in.PageQuery.Cost() }

type sessionIn struct {
	Session string `path:"session" doc:"id of the login" example:"9f86d081884c7d659a2feaa0c55ad015"`
}

type endedOut struct{ Body EndedSessions }

func (h *handlers) sessionOperations() []rest.Operation {
	return []rest.Operation{
		rest.Handle(rest.Operation{
			ID: "list-sessions", Method: http.MethodGet, Path: "/v1/me/sessions",
			Summary: "List one's own logins",
			Text:    "The oldest first.",
			Tag:     "me", Access: rest.Users, Codes: []string{"bad_cursor"},
		}, h.listSessions),
		rest.Handle(rest.Operation{
			ID: "end-session", Method: http.MethodDelete, Path: "/v1/me/sessions/{session}",
			Summary: "End one of one's own logins",
			Text:    "Its tokens are refused from then on and its sockets closed.",
			Tag:     "me", Status: http.StatusNoContent, Access: rest.Users, Codes: []string{"no_session"},
		}, h.endSession),
		rest.Handle(rest.Operation{
			ID: "end-sessions", Method: http.MethodPost, Path: "/v1/auth/logout-all",
			Summary: "End all of one's logins but this one",
			Text:    "Their tokens are refused from then on and their sockets closed.",
			Tag:     "auth", Access: rest.Users,
		}, h.endSessions),
	}
}

func (h *handlers) listSessions(ctx context.Context, in *sessionsIn) (*sessionsOut, error) {
	i, err := rest.RequireIdentity(ctx)
	if err != nil {
		return nil, err
	}
	list, err := h.SessionViews.List(ctx, i.User)
	if err != nil {
		return nil, err
	}
	list, next, err := rest.Part(in.PageQuery, list, oldestFirst)
	if err != nil {
		return nil, err
	}
	out := &sessionsOut{SessionPage{Sessions: make([]Session, 0, len(list)), Next: next}}
	for _, l := range list {
		out.Body.Sessions = append(out.Body.Sessions, Session{
			string(l.Session), l.Device, l.Opened.UnixMilli(), l.Used.UnixMilli(), l.Session == i.Session,
		})
	}
	return out, nil
}

func oldestFirst(i session.Info) string {
	return fmt.Sprintf("%019d-%s", i.Opened.UnixNano(), i.Session)
}

func (h *handlers) endSession(ctx context.Context, in *sessionIn) (*struct{}, error) {
	i, err := rest.RequireIdentity(ctx)
	if err != nil {
		return nil, err
	}
	err = h.Sessions.Revoke(ctx, i.User, id.Session(in.Session))
	if errors.Is(err, auth.ErrSessionEnded) || errors.Is(err, auth.ErrTokenInvalid) {
		err = errNoSession
	}
	return nil, err
}

func (h *handlers) endSessions(ctx context.Context, _ *struct{}) (*endedOut, error) {
	i, err := rest.RequireIdentity(ctx)
	if err != nil {
		return nil, err
	}
	n, err := h.Sessions.RevokeAll(ctx, i.User, i.Session, 0)
	return &endedOut{EndedSessions{n}}, err
}
