package identity

import (
	"context"
	"log/slog"
	"net/http"

	"github.com/barrage-live/barrage/actors/identity/account"
	"github.com/barrage-live/barrage/gateway/rest"
	"github.com/barrage-live/barrage/internal/auth"
	"github.com/barrage-live/barrage/internal/fault"
)

// An administrator who shut everybody out, themselves last, could only be helped at the command line.
var errOwnAccount = fault.New(fault.Conflict, "own_account", "ask another administrator to change your own account")

// Member is an account as those see it who look after the platform.
type Member struct {
	User
	Disabled bool `json:"disabled" doc:"may not log in"`
}

type memberOut struct{ Body Member }

// MemberChange sets what it names.
type MemberChange struct {
	Roles    *[]string `json:"roles,omitempty" enum:"viewer,streamer,moderator,admin" doc:"all that the account has from now on; viewer is always among them" nullable:"false"`
	Disabled *bool     `json:"disabled,omitempty" doc:"true ends all logins and refuses new ones, and revokes the stream keys of the channel"`
}

// MemberPage is a part of the list of accounts.
type MemberPage struct {
	Users []Member `json:"users" doc:"in the order of their handles" nullable:"false"`
	Next  string   `json:"next,omitempty" doc:"the cursor of the next page; absent: there is none"`
}

type membersIn struct {
	rest.PageQuery
	Prefix string `query:"prefix" maxLength:"256" doc:"only handles that begin so, capitals or not" example:"an"`
}

type membersOut struct{ Body MemberPage }

type memberIn struct{ rest.UserRef }

type patchMemberIn struct {
	rest.UserRef
	Body MemberChange
}

func (h *handlers) memberOperations() []rest.Operation {
	return []rest.Operation{
		rest.Handle(rest.Operation{
			ID: "list-users", Method: http.MethodGet, Path: "/v1/users",
			Summary: "List accounts",
			Text:    "By handle. An account or a change of one is in the list a moment after it was answered.",
			Tag:     "users", Access: rest.Users, Right: reader(), Codes: []string{"bad_cursor", "list_being_built"},
		}, h.listMembers),
		rest.Handle(rest.Operation{
			ID: "get-user", Method: http.MethodGet, Path: "/v1/users/{user}",
			Summary: "Look at an account",
			Text:    "By handle or id.",
			Tag:     "users", Access: rest.Users, Right: reader(), Codes: []string{"no_account"},
		}, h.getMember),
		rest.Handle(rest.Operation{
			ID: "update-user", Method: http.MethodPatch, Path: "/v1/users/{user}",
			Summary: "Change the roles of an account, or shut it out",
			Text:    "What is absent stays. Tokens from before are out of date at once; shutting out ends all logins and stream keys.",
			Tag:     "users", Access: rest.Users, Right: governor(), Codes: []string{"no_account", "own_account"},
		}, h.patchMember),
	}
}

func (h *handlers) listMembers(ctx context.Context, in *membersIn) (*membersOut, error) {
	if err := rest.RequireRight(ctx, false); err != nil {
		return nil, err
	}
	after, err := in.After()
	if err != nil {
		return nil, err
	}
	list, next, err := h.Directory.List(ctx, in.Prefix, after, in.Limit)
	if err != nil {
		return nil, err
	}
	out := &membersOut{MemberPage{Users: make([]Member, 0, len(list))}}
	for _, a := range list {
		out.Body.Users = append(out.Body.Users, showMember(a).Body)
	}
	if next != "" {
		out.Body.Next = rest.Cursor(next)
	}
	return out, nil
}

func (h *handlers) getMember(ctx context.Context, in *memberIn) (*memberOut, error) {
	if err := rest.RequireRight(ctx, false); err != nil {
		return nil, err
	}
	a, err := h.Members.Find(ctx, in.User)
	return showMember(a), err
}

func (h *handlers) patchMember(ctx context.Context, in *patchMemberIn) (*memberOut, error) {
	if err := rest.RequireRight(ctx, false); err != nil {
		return nil, err
	}
	roles, err := parseRoles(in.Body.Roles)
	if err != nil {
		return nil, err
	}
	i, err := rest.RequireIdentity(ctx)
	if err != nil {
		return nil, err
	}
	a, err := h.Members.Find(ctx, in.User)
	if err != nil {
		return nil, err
	}
	if a.User == i.User {
		return nil, errOwnAccount
	}
	if in.Body.Roles != nil {
		if a, err = h.Members.SetRoles(ctx, a.User, roles); err != nil {
			return nil, err
		}
	}
	if in.Body.Disabled != nil {
		if a, err = h.Members.SetDisabled(ctx, a.User, *in.Body.Disabled); err != nil {
			return nil, err
		}
	}
	h.Log.Info("account changed", slog.String("user", string(a.User)), slog.Any("roles", a.Roles.Strings()),
		slog.Bool("disabled", a.Disabled), slog.String("by", string(i.User)))
	return showMember(a), nil
}

func parseRoles(names *[]string) (auth.Roles, error) {
	if names == nil {
		return nil, nil
	}
	roles := make([]auth.Role, 0, len(*names))
	for _, name := range *names {
		role, err := auth.ParseRole(name)
		if err != nil {
			return nil, err
		}
		roles = append(roles, role)
	}
	return auth.NewRoles(roles...), nil
}

func showMember(a account.Account) *memberOut {
	return &memberOut{Member{User{string(a.User), a.Handle, a.Roles.Strings()}, a.Disabled}}
}
