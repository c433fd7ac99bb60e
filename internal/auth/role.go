package auth

import (
	"slices"

	"github.com/barrage-live/barrage/internal/fault"
)

// Role is a right that an account holds on the whole platform. Ownership of a channel is not a role.
type Role string

// The roles.
const (
	// Viewer may post danmaku; every account has it.
	Viewer Role = "viewer"
	// Streamer may own a channel.
	Streamer Role = "streamer"
	// Moderator may mute and configure any room.
	Moderator Role = "moderator"
	// Admin may do everything.
	Admin Role = "admin"
)

// ParseRole refuses anything but the roles above.
func ParseRole(s string) (Role, error) {
	switch r := Role(s); r {
	case Viewer, Streamer, Moderator, Admin:
		return r, nil
	}
	return "", fault.New(fault.Invalid, "bad_role", "a role is viewer, streamer, moderator or admin").In("roles")
}

// Roles is a set of roles, sorted, without repeats.
type Roles []Role

// NewRoles makes a set; it always holds Viewer.
func NewRoles(roles ...Role) Roles {
	set := append(Roles{Viewer}, roles...)
	slices.Sort(set)
	return slices.Compact(set)
}

// Has reports whether the set holds one of the wanted roles.
func (rs Roles) Has(wanted ...Role) bool {
	return slices.ContainsFunc(wanted, func(r Role) bool { return slices.Contains(rs, r) })
}

// Strings is the set as words.
func (rs Roles) Strings() []string {
	out := make([]string, len(rs))
	for i, r := range rs {
		out[i] = string(r)
	}
	return out
}
