package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/barrage-live/barrage/actors/identity/session"
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

type sessionIn struct {
	Session string `path:"session" doc:"id of the login" example:"9f86d081884c7d659a2feaa0c55ad015"`
}

type endedOut struct{ Body EndedSessions }

func sessions() []operation {
	return []operation{
		handle(operation{
			id: "list-sessions", method: http.MethodGet, path: "/v1/me/sessions",
			summary: "List one's own logins",
			text:    "The oldest first.",
			tag:     "me", access: users, codes: []string{"bad_cursor"},
		}, func(s *server) func(context.Context, *PageQuery) (*sessionsOut, error) { return s.listSessions }),
		handle(operation{
			id: "end-session", method: http.MethodDelete, path: "/v1/me/sessions/{session}",
			summary: "End one of one's own logins",
			text:    "Its tokens are refused from then on and its sockets closed.",
			tag:     "me", status: http.StatusNoContent, access: users, codes: []string{"no_session"},
		}, func(s *server) func(context.Context, *sessionIn) (*struct{}, error) { return s.endSession }),
		handle(operation{
			id: "end-sessions", method: http.MethodPost, path: "/v1/auth/logout-all",
			summary: "End all of one's logins but this one",
			text:    "Their tokens are refused from then on and their sockets closed.",
			tag:     "auth", access: users,
		}, func(s *server) func(context.Context, *struct{}) (*endedOut, error) { return s.endSessions }),
	}
}

func (s *server) listSessions(ctx context.Context, in *PageQuery) (*sessionsOut, error) {
	i, err := asker(ctx)
	if err != nil {
		return nil, err
	}
	list, err := s.SessionViews.List(ctx, i.User)
	if err != nil {
		return nil, err
	}
	list, next, err := part(*in, list, oldestFirst)
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

func (s *server) endSession(ctx context.Context, in *sessionIn) (*struct{}, error) {
	i, err := asker(ctx)
	if err != nil {
		return nil, err
	}
	err = s.Sessions.Revoke(ctx, i.User, id.Session(in.Session))
	if errors.Is(err, auth.ErrSessionEnded) || errors.Is(err, auth.ErrTokenInvalid) {
		err = errNoSession
	}
	return nil, err
}

func (s *server) endSessions(ctx context.Context, _ *struct{}) (*endedOut, error) {
	i, err := asker(ctx)
	if err != nil {
		return nil, err
	}
	n, err := s.Sessions.RevokeAll(ctx, i.User, i.Session)
	return &endedOut{EndedSessions{n}}, err
}
