package rest

import (
	"context"
	"fmt"
	"strings"

	"github.com/barrage-live/barrage/internal/auth"
	"github.com/barrage-live/barrage/internal/fault"
)

// Right is what an operation demands of the account behind the token, once it knows the object. It is
// declared beside the access, and asked with RequireRight; Rights lists who may do what. Operations without
// one are for everybody who has the access.
type Right struct {
	// Owner is the word for the owner, who has the right; "": owning does not help.
	Owner string
	// Roles have it as well.
	Roles []auth.Role
}

// Enabled is the right of any account that is not shut out.
func Enabled() *Right { return &Right{Owner: "any account that is not disabled"} }

// may names those who have the right, in words.
func (o Operation) may() []string {
	switch {
	case o.Right != nil:
	case o.Access == Users:
		return []string{"whoever is logged in"}
	default:
		return []string{"everybody"}
	}
	var all []string
	if o.Right.Owner != "" {
		all = append(all, o.Right.Owner)
	}
	for _, role := range o.Right.Roles {
		all = append(all, "role "+string(role))
	}
	return all
}

// String is the access as the description has it.
func (a Access) String() string {
	switch a {
	case Guests:
		return "optional"
	case Users:
		return "required"
	case Anyone:
	}
	return "ignored"
}

// Rights is a table of who may do what, a line an operation: id, method, path, whether a token is ignored,
// optional or required, and who has the right.
func Rights(operations []Operation) string {
	var b strings.Builder
	for _, o := range operations {
		_, _ = fmt.Fprintf(&b, "%-16s %-6s %-42s %-9s %s\n", o.ID, o.Method, o.Path, o.Access, strings.Join(o.may(), ", ")) // never fails
	}
	return b.String()
}

type demandKey struct{}

// demand is the right that the operation under way declares, and who knows the roles of accounts.
type demand struct {
	r     *Router
	right *Right
}

// RequireRight asks for the right of the operation under way; owner says that the object is the asker's. It
// refuses Unauthenticated "login_required", Denied "account_disabled" and "not_allowed", and everything in
// an operation that declares no right.
func RequireRight(ctx context.Context, owner bool) error {
	d, _ := ctx.Value(demandKey{}).(demand)
	if d.right == nil {
		return fault.New(fault.Internal, "no_right", "the operation declares no right")
	}
	i, err := RequireIdentity(ctx)
	if err != nil {
		return err
	}
	roles, err := d.r.Roles(ctx, i.User)
	switch {
	case fault.KindOf(err) == fault.NotFound && err != nil:
		return auth.ErrTokenInvalid
	case err != nil:
		return err
	case owner && d.right.Owner != "" || roles.Has(d.right.Roles...):
		return nil
	}
	return errRight
}
