package account

import (
	pb "github.com/barrage-live/barrage/actors/identity/account/accountpb"
	"github.com/barrage-live/barrage/cluster"
	"github.com/barrage-live/barrage/internal/auth"
	"github.com/barrage-live/barrage/internal/id"
	"github.com/barrage-live/barrage/internal/moment"
)

// messages are what crosses between accounts and those who ask them. A number is never given a second
// meaning.
func messages() []cluster.Message {
	return []cluster.Message{
		cluster.MessageOf(1,
			func(c create) *pb.Create {
				return &pb.Create{User: string(c.user), Handle: handleOut(c.handle), Hash: c.hash, Roles: c.roles.Strings()}
			},
			func(m *pb.Create) (create, error) {
				return create{id.User(m.GetUser()), handleIn(m.GetHandle()), m.GetHash(), rolesIn(m.GetRoles())}, nil
			}),
		cluster.MessageOf(2, func(c rehash) *pb.Rehash { return &pb.Rehash{Old: c.old, Hash: c.hash} },
			func(m *pb.Rehash) (rehash, error) { return rehash{m.GetOld(), m.GetHash()}, nil }),
		cluster.MessageOf(3,
			func(c changePassword) *pb.ChangePassword {
				return &pb.ChangePassword{Old: c.old, Hash: c.hash, Keep: string(c.keep)}
			},
			func(m *pb.ChangePassword) (changePassword, error) {
				return changePassword{m.GetOld(), m.GetHash(), id.Session(m.GetKeep())}, nil
			}),
		cluster.MessageOf(4, func(c setRoles) *pb.SetRoles { return &pb.SetRoles{Roles: c.roles.Strings()} },
			func(m *pb.SetRoles) (setRoles, error) { return setRoles{rolesIn(m.GetRoles())}, nil }),
		cluster.MessageOf(5, func(c grantRole) *pb.GrantRole { return &pb.GrantRole{Role: string(c.role)} },
			func(m *pb.GrantRole) (grantRole, error) { return grantRole{auth.Role(m.GetRole())}, nil }),
		cluster.MessageOf(6, func(c setDisabled) *pb.SetDisabled { return &pb.SetDisabled{Disabled: c.disabled} },
			func(m *pb.SetDisabled) (setDisabled, error) { return setDisabled{m.GetDisabled()}, nil }),
		cluster.MessageOf(7, func(get) *pb.Get { return &pb.Get{} }, func(*pb.Get) (get, error) { return get{}, nil }),
		cluster.MessageOf(8, func(secrets) *pb.GetCredentials { return &pb.GetCredentials{} },
			func(*pb.GetCredentials) (secrets, error) { return secrets{}, nil }),

		cluster.MessageOf(32, accountOut, func(m *pb.Account) (Account, error) { return accountIn(m), nil }),
		cluster.MessageOf(33,
			func(a credentials) *pb.Credentials {
				return &pb.Credentials{Account: accountOut(a.account), Handle: handleOut(a.handle), Hash: a.hash}
			},
			func(m *pb.Credentials) (credentials, error) {
				return credentials{accountIn(m.GetAccount()), handleIn(m.GetHandle()), m.GetHash()}, nil
			}),
	}
}

func handleOut(h auth.Handle) *pb.Handle {
	return &pb.Handle{Shown: h.Shown, Folded: h.Folded, Skeleton: h.Skeleton, Likeness: h.Likeness}
}

func handleIn(m *pb.Handle) auth.Handle {
	return auth.Handle{Shown: m.GetShown(), Folded: m.GetFolded(), Skeleton: m.GetSkeleton(), Likeness: m.GetLikeness()}
}

// rolesIn makes no difference between nil and empty: a set of roles that somebody looks at holds one.
func rolesIn(words []string) auth.Roles {
	if len(words) == 0 {
		return nil
	}
	roles := make(auth.Roles, len(words))
	for i, word := range words {
		roles[i] = auth.Role(word)
	}
	return roles
}

func accountOut(a Account) *pb.Account {
	return &pb.Account{
		User: string(a.User), Handle: a.Handle, Roles: a.Roles.Strings(), Disabled: a.Disabled, Created: moment.Proto(a.Created),
		Logins: a.Logins, Kept: string(a.Kept), RightsVersion: a.RightsVersion,
	}
}

func accountIn(m *pb.Account) Account {
	return Account{
		User: id.User(m.GetUser()), Handle: m.GetHandle(), Roles: rolesIn(m.GetRoles()), Disabled: m.GetDisabled(),
		Created: moment.Time(m.GetCreated()), Logins: m.GetLogins(), Kept: id.Session(m.GetKept()), RightsVersion: m.GetRightsVersion(),
	}
}
