package api

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/barrage-live/barrage/actors/identity/account"
	"github.com/barrage-live/barrage/actors/identity/session"
	"github.com/barrage-live/barrage/actors/live/channel"
	"github.com/barrage-live/barrage/internal/auth"
	"github.com/barrage-live/barrage/internal/fault"
)

// User is an account as its owner sees it.
type User struct {
	ID     string   `json:"id" doc:"the account's id"`
	Handle string   `json:"handle" doc:"the name it is known by"`
	Roles  []string `json:"roles" doc:"viewer, streamer, moderator, admin" nullable:"false"`
}

// Grant is what a login gives.
type Grant struct {
	User         User   `json:"user" doc:"whose login it is"`
	AccessToken  string `json:"access_token" doc:"a bearer token"`
	ExpiresIn    int    `json:"expires_in" doc:"seconds until the access token expires"`
	RefreshToken string `json:"refresh_token,omitempty" doc:"for POST /v1/auth/refresh; absent if it went into the cookie"`
}

// Me is the asker's account.
type Me struct {
	User
	Channel *Channel `json:"channel,omitempty" doc:"the account's channel, if it has one"`
}

// Credentials are a handle and its password.
type Credentials struct {
	Handle   string `json:"handle" doc:"2 to 32 letters or digits of one script, also _ and -" maxLength:"256" example:"ann"`
	Password string `json:"password" doc:"8 to 256 bytes" example:"correct horse battery"`
	Cookie   bool   `json:"cookie,omitempty" doc:"put the refresh token into a cookie"`
}

// RefreshToken is what a login lives by.
type RefreshToken struct {
	RefreshToken string `json:"refresh_token,omitempty" doc:"the refresh token, where the client keeps it itself"`
	Cookie       bool   `json:"cookie,omitempty" doc:"use the cookie"`
}

// PasswordChange replaces the password of who knows it.
type PasswordChange struct {
	Current string `json:"current" doc:"the present password" example:"correct horse battery"`
	New     string `json:"new" doc:"8 to 256 bytes" example:"staple correct horse"`
}

type credentialsIn struct{ Body Credentials }

type passwordIn struct{ Body PasswordChange }

type grantOut struct {
	SetCookie []http.Cookie `header:"Set-Cookie"`
	Body      Grant
}

type refreshIn struct {
	Cookie string `cookie:"barrage_refresh" doc:"the refresh token, where it lives in the cookie"`
	Body   *RefreshToken
}

// token is the refresh token and whether it came in the cookie. One in the body goes first.
func (in *refreshIn) token() (token string, cookie bool) {
	if in.Body != nil && in.Body.RefreshToken != "" {
		return in.Body.RefreshToken, in.Body.Cookie
	}
	return in.Cookie, true
}

type meOut struct{ Body Me }

type cookieOut struct {
	SetCookie []http.Cookie `header:"Set-Cookie"`
}

func accounts() []operation {
	return []operation{
		handle(operation{
			id: "register", method: http.MethodPost, path: "/v1/auth/register",
			summary: "Make an account and log in",
			text:    "The handle is what others see; one that looks like another one is taken. With cookie the refresh token goes into an HttpOnly cookie.",
			tag:     "auth", status: http.StatusCreated, access: anyone, limited: true, codes: []string{"handle_taken", "handle_reserved", "handle_length", "handle_edge", "handle_charset", "handle_mixed_scripts", "handle_no_letter", "password_short", "password_long", "password_not_text", "password_is_handle", "password_common", "hash_pool_full"},
		}, func(s *server) func(context.Context, *credentialsIn) (*grantOut, error) { return s.register }),
		handle(operation{
			id: "login", method: http.MethodPost, path: "/v1/auth/login",
			summary: "Log in",
			text:    "An unknown handle and a wrong password are refused alike.",
			tag:     "auth", access: anyone, limited: true, codes: []string{"bad_credentials", "account_disabled", "hash_pool_full"},
		}, func(s *server) func(context.Context, *credentialsIn) (*grantOut, error) { return s.login }),
		handle(operation{
			id: "refresh", method: http.MethodPost, path: "/v1/auth/refresh",
			summary: "Exchange the refresh token for new tokens",
			text:    "A refresh token serves once; a retry within a short time gets the same answer, later use ends the login.",
			tag:     "auth", access: anyone, codes: []string{"login_required", "token_invalid", "token_reused", "session_ended", "account_disabled"},
		}, func(s *server) func(context.Context, *refreshIn) (*grantOut, error) { return s.refresh }),
		handle(operation{
			id: "logout", method: http.MethodPost, path: "/v1/auth/logout",
			summary: "End the login of a refresh token",
			text:    "Its sockets are closed. A login that has ended already is no error.",
			tag:     "auth", status: http.StatusNoContent, access: anyone, codes: []string{"login_required"},
		}, func(s *server) func(context.Context, *refreshIn) (*cookieOut, error) { return s.logout }),
		handle(operation{
			id: "get-me", method: http.MethodGet, path: "/v1/me",
			summary: "Look at one's own account",
			text:    "With the channel, if there is one.",
			tag:     "me", access: users, codes: []string{"no_account"},
		}, func(s *server) func(context.Context, *struct{}) (*meOut, error) { return s.me }),
		handle(operation{
			id: "change-password", method: http.MethodPost, path: "/v1/me/password",
			summary: "Change one's own password",
			text:    "All other logins of the account are ended. If the answer is 5xx, they may not be: use logout-all.",
			tag:     "me", access: users, right: enabled, limited: true, codes: []string{"wrong_password", "password_short", "password_long", "password_not_text", "password_is_handle", "password_common", "hash_pool_full"},
		}, func(s *server) func(context.Context, *passwordIn) (*endedOut, error) { return s.changePassword }),
	}
}

func (s *server) register(ctx context.Context, in *credentialsIn) (*grantOut, error) {
	if err := s.within(ctx, s.registerLimits(ctx)...); err != nil {
		return nil, err
	}
	a, err := s.Accounts.Register(ctx, in.Body.Handle, in.Body.Password)
	if err != nil {
		return nil, err
	}
	return s.open(ctx, a, in.Body.Cookie)
}

func (s *server) login(ctx context.Context, in *credentialsIn) (*grantOut, error) {
	if err := s.within(ctx, s.loginLimits(ctx, in.Body.Handle)...); err != nil {
		return nil, err
	}
	a, err := s.Accounts.Authenticate(ctx, in.Body.Handle, in.Body.Password)
	if err != nil {
		return nil, err
	}
	return s.open(ctx, a, in.Body.Cookie)
}

// open begins a session. Who was shut out while the password was looked at, and whose sessions were ended before this one
// began, is refused as well.
func (s *server) open(ctx context.Context, a account.Account, cookie bool) (*grantOut, error) {
	r, err := s.Sessions.Open(ctx, a.User, callerOf(ctx).device)
	if err != nil {
		return nil, err
	}
	if a, err = s.present(ctx, r); err != nil {
		return nil, err
	}
	return s.grant(ctx, a, r, cookie)
}

// present gives the account of a session as it is now; if it is shut out the session is ended.
func (s *server) present(ctx context.Context, r session.Rotation) (account.Account, error) {
	a, err := s.Accounts.Get(ctx, r.User)
	if err == nil && a.Disabled {
		err = errors.Join(errDisabled, s.Sessions.Revoke(ctx, a.User, r.Session))
	}
	return a, err
}

// refresh rotates the token, and looks at the account as it is now.
func (s *server) refresh(ctx context.Context, in *refreshIn) (*grantOut, error) {
	token, cookie := in.token()
	if token == "" {
		return nil, errLogin
	}
	r, err := s.Sessions.Refresh(ctx, token)
	if err != nil {
		return nil, err
	}
	a, err := s.present(ctx, r)
	if err != nil {
		return nil, err
	}
	return s.grant(ctx, a, r, cookie)
}

func (s *server) grant(ctx context.Context, a account.Account, r session.Rotation, cookie bool) (*grantOut, error) {
	now := time.Now()
	token, err := s.Tokens.Mint(auth.Identity{
		User: a.User, Session: r.Session, Name: a.Handle, Roles: a.Roles, RightsVersion: a.RightsVersion,
	}, now)
	if err != nil {
		return nil, err
	}
	out := &grantOut{Body: Grant{User: userOf(a), AccessToken: token, ExpiresIn: int(s.Tokens.TTL().Seconds())}}
	if cookie {
		out.SetCookie = []http.Cookie{s.cookie(ctx, r.Token.Reveal(), int(r.Expires.Sub(now).Seconds()))}
	} else {
		out.Body.RefreshToken = r.Token.Reveal()
	}
	return out, nil
}

// cookie keeps the refresh token from scripts, from other sites and from every path but its own.
func (s *server) cookie(ctx context.Context, value string, maxAge int) http.Cookie {
	return http.Cookie{
		Name: "barrage_refresh", Value: value, Path: "/v1/auth", MaxAge: maxAge,
		HttpOnly: true, SameSite: http.SameSiteStrictMode, Secure: s.secure(ctx),
	}
}

// logout is done when the session is ended, whoever ended it: a token that is no good is no reason to stay.
func (s *server) logout(ctx context.Context, in *refreshIn) (*cookieOut, error) {
	token, cookie := in.token()
	if token == "" {
		return nil, errLogin
	}
	if err := s.Sessions.Logout(ctx, token); err != nil && fault.KindOf(err) != fault.Unauthenticated {
		return nil, err
	}
	out := &cookieOut{}
	if cookie {
		out.SetCookie = []http.Cookie{s.cookie(ctx, "", -1)}
	}
	return out, nil
}

func (s *server) me(ctx context.Context, _ *struct{}) (*meOut, error) {
	i, err := asker(ctx)
	if err != nil {
		return nil, err
	}
	a, err := s.Accounts.Get(ctx, i.User)
	if err != nil {
		return nil, err
	}
	out := &meOut{Me{User: userOf(a)}}
	ch, err := s.ChannelViews.Owned(ctx, i.User)
	if errors.Is(err, channel.ErrNoChannel) {
		return out, nil
	}
	if err != nil {
		return nil, err
	}
	view, err := s.watched(ctx, ch)
	out.Body.Channel = &view
	return out, err
}

// changePassword ends all logins but the asker's after the old password serves no more. Guesses count as those of logins do.
func (s *server) changePassword(ctx context.Context, in *passwordIn) (*endedOut, error) {
	if err := s.permit(ctx, true); err != nil {
		return nil, err
	}
	i, err := asker(ctx)
	if err != nil {
		return nil, err
	}
	a, err := s.Accounts.Get(ctx, i.User)
	if err != nil {
		return nil, err
	}
	if err := s.within(ctx, s.loginLimits(ctx, a.Handle)...); err != nil {
		return nil, err
	}
	if _, err := s.Accounts.ChangePassword(ctx, i.User, in.Body.Current, in.Body.New); err != nil {
		return nil, passwordFault(err)
	}
	s.Log.InfoContext(ctx, "password changed", slog.String("user", string(i.User)))
	return s.endSessions(ctx, nil)
}

// errPassword is not account.ErrCredentials: the token was good, and another would not help.
var errPassword = fault.New(fault.Denied, "wrong_password", "the present password is wrong").In("current")

// passwordFault names the members as this request does: a bad password is the new one.
func passwordFault(err error) error {
	if errors.Is(err, account.ErrCredentials) {
		return errPassword
	}
	if f := fault.From(err); f.Field == "password" {
		return f.In("new")
	}
	return err
}

func userOf(a account.Account) User { return User{string(a.User), a.Handle, a.Roles.Strings()} }

// secure tells whether the browser reaches us by TLS.
func (s *server) secure(ctx context.Context) bool {
	return callerOf(ctx).secure || strings.HasPrefix(s.Config.Public, "https:")
}
