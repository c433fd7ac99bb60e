package identity

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/barrage-live/barrage/actors/identity/account"
	"github.com/barrage-live/barrage/actors/identity/session"
	"github.com/barrage-live/barrage/gateway/api/live"
	"github.com/barrage-live/barrage/gateway/rest"
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
	Channel *live.Channel `json:"channel,omitempty" doc:"the account's channel, if it has one"`
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

func (h *handlers) accountOperations() []rest.Operation {
	return []rest.Operation{
		rest.Handle(rest.Operation{
			ID: "register", Method: http.MethodPost, Path: "/v1/auth/register",
			Summary: "Make an account and log in",
			Text:    "The handle is what others see; one that looks like another one is taken. With cookie the refresh token goes into an HttpOnly cookie.",
			Tag:     "auth", Status: http.StatusCreated, Access: rest.Anyone, Codes: []string{"handle_taken", "handle_reserved", "handle_length", "handle_edge", "handle_charset", "handle_mixed_scripts", "handle_no_letter", "password_short", "password_long", "password_not_text", "password_is_handle", "password_common", "hash_pool_full"},
		}, h.register),
		rest.Handle(rest.Operation{
			ID: "login", Method: http.MethodPost, Path: "/v1/auth/login",
			Summary: "Log in",
			Text:    "An unknown handle and a wrong password are refused alike.",
			Tag:     "auth", Access: rest.Anyone, Codes: []string{"bad_credentials", "account_disabled", "hash_pool_full"},
		}, h.login),
		rest.Handle(rest.Operation{
			ID: "refresh", Method: http.MethodPost, Path: "/v1/auth/refresh",
			Summary: "Exchange the refresh token for new tokens",
			Text:    "A refresh token serves once; a retry within a short time gets the same answer, later use ends the login.",
			Tag:     "auth", Access: rest.Anyone, Codes: []string{"login_required", "token_invalid", "token_reused", "session_ended", "refreshed_often", "account_disabled"},
		}, h.refresh),
		rest.Handle(rest.Operation{
			ID: "logout", Method: http.MethodPost, Path: "/v1/auth/logout",
			Summary: "End the login of a refresh token",
			Text:    "Its sockets are closed. A login that has ended already is no error.",
			Tag:     "auth", Status: http.StatusNoContent, Access: rest.Anyone, Codes: []string{"login_required", "refreshed_often"},
		}, h.logout),
		rest.Handle(rest.Operation{
			ID: "get-me", Method: http.MethodGet, Path: "/v1/me",
			Summary: "Look at one's own account",
			Text:    "With the channel, if there is one.",
			Tag:     "me", Access: rest.Users, Codes: []string{"no_account"},
		}, h.me),
		rest.Handle(rest.Operation{
			ID: "change-password", Method: http.MethodPost, Path: "/v1/me/password",
			Summary: "Change one's own password",
			Text:    "All other logins of the account are ended. If the answer is 5xx, they may go on for as long as an access token serves: log in with the new password and use logout-all.",
			Tag:     "me", Access: rest.Users, Right: rest.Enabled(), Codes: []string{"wrong_password", "password_short", "password_long", "password_not_text", "password_is_handle", "password_common", "hash_pool_full"},
		}, h.changePassword),
	}
}

func (h *handlers) register(ctx context.Context, in *credentialsIn) (*grantOut, error) {
	if err := h.Limits.Within(ctx, h.registerLimits(ctx)...); err != nil {
		return nil, err
	}
	a, err := h.Accounts.Register(h.hashing(ctx, in.Body.Handle), in.Body.Handle, in.Body.Password)
	if err != nil {
		return nil, err
	}
	return h.open(ctx, a, in.Body.Cookie)
}

func (h *handlers) login(ctx context.Context, in *credentialsIn) (*grantOut, error) {
	if err := h.Limits.Within(ctx, h.loginLimits(ctx, in.Body.Handle)...); err != nil {
		return nil, err
	}
	a, err := h.Accounts.Authenticate(h.hashing(ctx, in.Body.Handle), in.Body.Handle, in.Body.Password)
	if err != nil {
		return nil, err
	}
	return h.open(ctx, a, in.Body.Cookie)
}

// open begins a session. Who was shut out, or whose password was changed, while the password was looked at is
// refused as well, although other sessions were ended before this one began.
func (h *handlers) open(ctx context.Context, a account.Account, cookie bool) (*grantOut, error) {
	r, err := h.Sessions.Open(ctx, a.User, a.Logins, rest.CallerOf(ctx).Device)
	if err != nil {
		return nil, err
	}
	a, err = h.present(ctx, r)
	if errors.Is(err, auth.ErrSessionEnded) {
		err = account.ErrCredentials // they were right, and are no longer
	}
	if err != nil {
		return nil, err
	}
	h.familiar.logins.note(folded(a.Handle), rest.CallerOf(ctx).Prefix())
	return h.grant(ctx, a, r, cookie)
}

// present gives the account of a session as it is now. One that may not go on is ended: its account is shut
// out, or what ended the account's logins did not get as far as this one.
func (h *handlers) present(ctx context.Context, r session.Rotation) (account.Account, error) {
	a, err := h.Accounts.Get(ctx, r.User)
	switch {
	case err != nil:
		return a, err
	case a.Disabled:
		err = account.ErrDisabled
	case a.Ends(r.Session, r.Logins):
		err = auth.ErrSessionEnded
	default:
		return a, nil
	}
	return a, errors.Join(err, h.Sessions.Revoke(ctx, a.User, r.Session))
}

// refresh rotates the token, and looks at the account as it is now.
func (h *handlers) refresh(ctx context.Context, in *refreshIn) (*grantOut, error) {
	token, cookie := in.token()
	if token == "" {
		return nil, rest.ErrLogin
	}
	r, err := h.Sessions.Refresh(ctx, token)
	if err != nil {
		return nil, err
	}
	a, err := h.present(ctx, r)
	if err != nil {
		return nil, err
	}
	h.familiar.refreshes.note(folded(a.Handle), rest.CallerOf(ctx).Prefix())
	return h.grant(ctx, a, r, cookie)
}

// grant answers with the tokens of a session.
func (h *handlers) grant(ctx context.Context, a account.Account, r session.Rotation, cookie bool) (*grantOut, error) {
	now := time.Now()
	token, err := h.Tokens.Mint(auth.Identity{
		User: a.User, Session: r.Session, Name: a.Handle, Roles: a.Roles, RightsVersion: a.RightsVersion,
	}, now)
	if err != nil {
		return nil, err
	}
	out := &grantOut{Body: Grant{User: userOf(a), AccessToken: token, ExpiresIn: int(h.Tokens.TTL().Seconds())}}
	if cookie {
		out.SetCookie = []http.Cookie{h.cookie(ctx, r.Token.Reveal(), wholeDays(r.Expires.Sub(now)))}
	} else {
		out.Body.RefreshToken = r.Token.Reveal()
	}
	return out, nil
}

// wholeDays is a time in seconds, rounded up to days: to the second, the answer to a repeated refresh would
// tell a thief of the token when the owner's page has refreshed it, and so when it will again.
func wholeDays(d time.Duration) int {
	const day = 24 * time.Hour
	return int((d + day - 1).Truncate(day).Seconds())
}

// cookie keeps the refresh token from scripts, from other sites and from every path but its own.
func (h *handlers) cookie(ctx context.Context, value string, maxAge int) http.Cookie {
	return http.Cookie{
		Name: "barrage_refresh", Value: value, Path: "/v1/auth", MaxAge: maxAge,
		HttpOnly: true, SameSite: http.SameSiteStrictMode, Secure: h.secure(ctx),
	}
}

// logout is done when the session is ended, whoever ended it: a token that is no good is no reason to stay.
func (h *handlers) logout(ctx context.Context, in *refreshIn) (*cookieOut, error) {
	token, cookie := in.token()
	if token == "" {
		return nil, rest.ErrLogin
	}
	if err := h.Sessions.Logout(ctx, token); err != nil && fault.KindOf(err) != fault.Unauthenticated {
		return nil, err
	}
	out := &cookieOut{}
	if cookie {
		out.SetCookie = []http.Cookie{h.cookie(ctx, "", -1)}
	}
	return out, nil
}

func (h *handlers) me(ctx context.Context, _ *struct{}) (*meOut, error) {
	i, err := rest.RequireIdentity(ctx)
	if err != nil {
		return nil, err
	}
	a, err := h.Accounts.Get(ctx, i.User)
	if err != nil {
		return nil, err
	}
	out := &meOut{Me{User: userOf(a)}}
	out.Body.Channel, err = h.Outlets.Owned(ctx, i.User)
	return out, err
}

// changePassword ends all logins but the asker's after the old password serves no more. Guesses count as
// those of logins do.
func (h *handlers) changePassword(ctx context.Context, in *passwordIn) (*endedOut, error) {
	if err := rest.RequireRight(ctx, true); err != nil {
		return nil, err
	}
	i, err := rest.RequireIdentity(ctx)
	if err != nil {
		return nil, err
	}
	a, err := h.Accounts.Get(ctx, i.User)
	if err != nil {
		return nil, err
	}
	if err := h.Limits.Within(ctx, h.passwordLimits(ctx, a.Handle, i)...); err != nil {
		return nil, err
	}
	a, err = h.Accounts.ChangePassword(h.hashing(ctx, a.Handle), i.User, i.Session, in.Body.Current, in.Body.New)
	if err != nil {
		return nil, passwordFault(err)
	}
	h.Log.InfoContext(ctx, "password changed", slog.String("user", string(i.User)))
	n, err := h.Sessions.RevokeAll(ctx, i.User, i.Session, a.Logins) // and none that was opened with the new one
	return &endedOut{EndedSessions{n}}, err
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
func (h *handlers) secure(ctx context.Context) bool {
	return rest.CallerOf(ctx).Secure || strings.HasPrefix(h.Config.Public, "https:")
}
