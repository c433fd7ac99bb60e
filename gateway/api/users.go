package api

import (
	"context"
	"errors"
	"log/slog"
	"net/http"

	"github.com/barrage-live/barrage/actors/identity/account"
	"github.com/barrage-live/barrage/actors/live/channel"
	"github.com/barrage-live/barrage/internal/auth"
	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/id"
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
	PageQuery
	Prefix string `query:"prefix" maxLength:"256" doc:"only handles that begin so, capitals or not" example:"an"`
}

type membersOut struct{ Body MemberPage }

// UserRef names a user in a path.
type UserRef struct {
	User string `path:"user" maxLength:"256" doc:"handle or id" example:"ann"`
}

type memberIn struct{ UserRef }

type patchMemberIn struct {
	UserRef
	Body MemberChange
}

func members() []operation {
	return []operation{
		handle(operation{
			id: "list-users", method: http.MethodGet, path: "/v1/users",
			summary: "List accounts",
			text:    "By handle. An account or a change of one is in the list a moment after it was answered.",
			tag:     "users", access: users, right: accountReader, codes: []string{"bad_cursor"},
		}, func(s *server) func(context.Context, *membersIn) (*membersOut, error) { return s.listMembers }),
		handle(operation{
			id: "get-user", method: http.MethodGet, path: "/v1/users/{user}",
			summary: "Look at an account",
			text:    "By handle or id.",
			tag:     "users", access: users, right: accountReader, codes: []string{"no_account"},
		}, func(s *server) func(context.Context, *memberIn) (*memberOut, error) { return s.getMember }),
		handle(operation{
			id: "update-user", method: http.MethodPatch, path: "/v1/users/{user}",
			summary: "Change the roles of an account, or shut it out",
			text:    "What is absent stays. Tokens from before are out of date at once; shutting out ends all logins and stream keys.",
			tag:     "users", access: users, right: accountGovernor, codes: []string{"no_account", "own_account"},
		}, func(s *server) func(context.Context, *patchMemberIn) (*memberOut, error) { return s.patchMember }),
	}
}

func (s *server) listMembers(ctx context.Context, in *membersIn) (*membersOut, error) {
	if err := s.permit(ctx, false); err != nil {
		return nil, err
	}
	after, err := in.after()
	if err != nil {
		return nil, err
	}
	list, next, err := s.Directory.List(ctx, in.Prefix, after, in.Limit)
	if err != nil {
		return nil, err
	}
	out := &membersOut{MemberPage{Users: make([]Member, 0, len(list))}}
	for _, a := range list {
		out.Body.Users = append(out.Body.Users, showMember(a).Body)
	}
	if next != "" {
		out.Body.Next = cursor(next)
	}
	return out, nil
}

func (s *server) getMember(ctx context.Context, in *memberIn) (*memberOut, error) {
	if err := s.permit(ctx, false); err != nil {
		return nil, err
	}
	a, err := s.account(ctx, in.User)
	return showMember(a), err
}

func (s *server) patchMember(ctx context.Context, in *patchMemberIn) (*memberOut, error) {
	if err := s.permit(ctx, false); err != nil {
		return nil, err
	}
	roles, err := parseRoles(in.Body.Roles)
	if err != nil {
		return nil, err
	}
	i, err := asker(ctx)
	if err != nil {
		return nil, err
	}
	a, err := s.account(ctx, in.User)
	if err != nil {
		return nil, err
	}
	if a.User == i.User {
		return nil, errOwnAccount
	}
	if in.Body.Roles != nil {
		if a, err = s.Members.SetRoles(ctx, a.User, roles); err != nil {
			return nil, err
		}
	}
	if in.Body.Disabled != nil {
		if a, err = s.disable(ctx, a, *in.Body.Disabled); err != nil {
			return nil, err
		}
	}
	s.Log.Info("account changed", slog.String("user", string(a.User)), slog.Any("roles", a.Roles.Strings()),
		slog.Bool("disabled", a.Disabled), slog.String("by", string(i.User)))
	return showMember(a), nil
}

// disable shuts an account out or lets it in again. Its logins and stream keys are ended after no new ones can be had; keys
// have to be made anew when it is let in.
func (s *server) disable(ctx context.Context, a account.Account, disabled bool) (account.Account, error) {
	a, err := s.Members.SetDisabled(ctx, a.User, disabled)
	if err != nil || !disabled {
		return a, err
	}
	_, err = s.Sessions.RevokeAll(ctx, a.User, "")
	return a, errors.Join(err, s.revokeKeys(ctx, a.User))
}

// revokeKeys ends every stream key of a user's channel, and with them a broadcast that goes on.
func (s *server) revokeKeys(ctx context.Context, user id.User) error {
	c, err := s.ChannelViews.Owned(ctx, user)
	if errors.Is(err, channel.ErrNoChannel) {
		return nil
	}
	if err != nil {
		return err
	}
	return s.StreamKeys.RevokeKeys(ctx, c.ID)
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
