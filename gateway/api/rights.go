package api

import (
	"context"
	"fmt"
	"strings"

	"github.com/barrage-live/barrage/actors/live/channel"
	"github.com/barrage-live/barrage/actors/live/room"
	"github.com/barrage-live/barrage/internal/auth"
	"github.com/barrage-live/barrage/internal/fault"
)

// right is what an operation demands of the account behind the token, once it knows the object. It is declared beside the access
// and asked with permit or one of the finders below it; testdata/rights.txt lists who may do what.
type right uint8

const (
	// everybody who has the access.
	everybody right = iota
	// enabled: any account that is not shut out.
	enabled
	// channelOwner: the owner of the channel.
	channelOwner
	// channelWatcher: the owner of the channel, and who looks after the platform.
	channelWatcher
	// roomGovernor: the owner of the room's channel, and who looks after the platform.
	roomGovernor
	// accountReader: who looks after the platform.
	accountReader
	// accountGovernor: who decides on other accounts.
	accountGovernor
)

// rule is what a right means: the word for the owner who has it ("": owning does not help), and the roles that have it as well.
type rule struct {
	owner string
	roles []auth.Role
}

func (r right) rule() rule {
	switch r {
	case everybody:
	case enabled:
		return rule{owner: "any account that is not disabled"}
	case channelOwner:
		return rule{"the owner of the channel", []auth.Role{auth.Admin}}
	case channelWatcher:
		return rule{"the owner of the channel", []auth.Role{auth.Moderator, auth.Admin}}
	case roomGovernor:
		return rule{"the owner of the room", []auth.Role{auth.Moderator, auth.Admin}}
	case accountReader:
		return rule{"", []auth.Role{auth.Moderator, auth.Admin}}
	case accountGovernor:
		return rule{"", []auth.Role{auth.Admin}}
	}
	return rule{}
}

// may names those who have the right, in words.
func (o operation) may() []string {
	var all []string
	switch {
	case o.right != everybody:
	case o.access == users:
		return []string{"whoever is logged in"}
	default:
		return []string{"everybody"}
	}
	r := o.right.rule()
	if r.owner != "" {
		all = append(all, r.owner)
	}
	for _, role := range r.roles {
		all = append(all, "role "+string(role))
	}
	return all
}

// String is the access as the description has it.
func (a access) String() string {
	switch a {
	case guests:
		return "optional"
	case users:
		return "required"
	case anyone:
	}
	return "ignored"
}

// Rights is a table of who may do what, a line an operation: id, method, path, whether a token is ignored, optional or required,
// and who has the right.
func Rights() string {
	var b strings.Builder
	s := &server{}
	for _, o := range s.operations() {
		_, _ = fmt.Fprintf(&b, "%-16s %-6s %-42s %-9s %s\n", o.id, o.method, o.path, o.access, strings.Join(o.may(), ", ")) // never fails
	}
	return b.String()
}

type rightKey struct{}

// permit asks for the right of the operation under way. A handler of an operation that declares none is refused.
func (s *server) permit(ctx context.Context, owner bool) error {
	r, _ := ctx.Value(rightKey{}).(right)
	if r == everybody {
		return fault.New(fault.Internal, "no_right", "the operation declares no right")
	}
	rule := r.rule()
	return s.allowed(ctx, owner && rule.owner != "", rule.roles...)
}

// own finds a channel on which the asker has the right of the operation.
func (s *server) own(ctx context.Context, nameOrID string) (channel.Channel, error) {
	i, err := asker(ctx)
	if err != nil {
		return channel.Channel{}, err
	}
	ch, err := s.find(ctx, nameOrID)
	if err != nil {
		return channel.Channel{}, err
	}
	return ch, s.permit(ctx, ch.Owner == i.User)
}

// govern finds a room on which the asker has the right of the operation.
func (s *server) govern(ctx context.Context, name string) (room.Card, error) {
	i, err := asker(ctx)
	if err != nil {
		return room.Card{}, err
	}
	r, err := roomID(name)
	if err != nil {
		return room.Card{}, err
	}
	card, err := s.Rooms.Card(ctx, r)
	if err != nil {
		return room.Card{}, err
	}
	return card, s.permit(ctx, card.Owner == i.User)
}
