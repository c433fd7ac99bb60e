package api

import (
	"context"
	"errors"
	"net/http"

	"github.com/barrage-live/barrage/internal/auth"
	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/id"
)

var errNoSession = fault.New(fault.NotFound, "no_session", "no such session")

// Session is one login.
type Session struct {
	ID       string `json:"id"`
	Device   string `json:"device" doc:"what the device said of itself"`
	OpenedMS int64  `json:"opened_at_ms"`
	UsedMS   int64  `json:"used_at_ms" doc:"the last refresh"`
	Sockets  int    `json:"sockets" doc:"open sockets"`
	Current  bool   `json:"current" doc:"the asker's own"`
}

type sessionsOut struct {
	Body struct {
		Sessions []Session `json:"sessions" nullable:"false"`
	}
}

type sessionIn struct {
	Session string `path:"session"`
}

type endedOut struct {
	Body struct {
		Ended int `json:"ended" doc:"how many sessions were ended"`
	}
}

func (s *server) sessions() {
	add(s, operation{"list-sessions", http.MethodGet, "/v1/me/sessions", "List one's own logins", "me", 0, users}, s.listSessions)
	add(s, operation{"end-session", http.MethodDelete, "/v1/me/sessions/{session}", "End one of one's own logins", "me", http.StatusNoContent, users}, s.endSession)
	add(s, operation{"end-sessions", http.MethodPost, "/v1/auth/logout-all", "End all of one's logins but this one", "auth", 0, users}, s.endSessions)
}

func (s *server) listSessions(ctx context.Context, _ *struct{}) (*sessionsOut, error) {
	i, err := asker(ctx)
	if err != nil {
		return nil, err
	}
	list, err := s.SessionViews.List(ctx, i.User)
	out := &sessionsOut{}
	out.Body.Sessions = make([]Session, 0, len(list))
	for _, l := range list {
		out.Body.Sessions = append(out.Body.Sessions, Session{
			string(l.Session), l.Device, l.Opened.UnixMilli(), l.Used.UnixMilli(), l.Sockets, l.Session == i.Session,
		})
	}
	return out, err
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
	out := &endedOut{}
	out.Body.Ended = n
	return out, err
}
