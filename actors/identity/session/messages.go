package session

import (
	"errors"

	pb "github.com/barrage-live/barrage/actors/identity/session/sessionpb"
	"github.com/barrage-live/barrage/cluster"
	"github.com/barrage-live/barrage/internal/auth"
	"github.com/barrage-live/barrage/internal/id"
	"github.com/barrage-live/barrage/internal/moment"
)

var errLength = errors.New("a family key or a salt does not have its length")

// messages are what crosses between sessions and those who ask them. A number is never given a second
// meaning.
func messages() []cluster.Message {
	return []cluster.Message{
		cluster.MessageOf(1, openOut, openIn),
		cluster.MessageOf(2, refreshOut, refreshIn),
		cluster.MessageOf(3, func(c logout) *pb.Logout { return &pb.Logout{Token: c.token.Reveal()} },
			func(m *pb.Logout) (logout, error) {
				token, err := auth.ParseRefresh(m.GetToken())
				return logout{token}, err
			}),
		cluster.MessageOf(4, func(c revoke) *pb.Revoke {
			return &pb.Revoke{User: string(c.user), Reason: string(c.reason), Before: c.before}
		},
			func(m *pb.Revoke) (revoke, error) {
				return revoke{id.User(m.GetUser()), Reason(m.GetReason()), m.GetBefore()}, nil
			}),
		cluster.MessageOf(5, func(get) *pb.Get { return &pb.Get{} }, func(*pb.Get) (get, error) { return get{}, nil }),

		cluster.MessageOf(32, infoOut, infoIn),
		cluster.MessageOf(33, rotationOut, rotationIn),
	}
}

func openOut(c open) *pb.Open {
	return &pb.Open{
		Session: string(c.session), User: string(c.user), Device: []byte(c.device), Logins: c.logins, Family: c.family[:], Token: c.token.Reveal(),
	}
}

func openIn(m *pb.Open) (open, error) {
	c := open{session: id.Session(m.GetSession()), user: id.User(m.GetUser()), device: string(m.GetDevice()), logins: m.GetLogins()}
	if !fill(c.family[:], m.GetFamily()) {
		return c, errLength
	}
	var err error
	c.token, err = auth.ParseRefresh(m.GetToken())
	return c, err
}

func refreshOut(c refresh) *pb.Refresh {
	return &pb.Refresh{Token: c.token.Reveal(), Salt: c.salt[:]}
}

func refreshIn(m *pb.Refresh) (c refresh, err error) {
	if !fill(c.salt[:], m.GetSalt()) {
		return c, errLength
	}
	c.token, err = auth.ParseRefresh(m.GetToken())
	return c, err
}

func infoOut(i Info) *pb.Info {
	return &pb.Info{
		Session: string(i.Session), User: string(i.User), Device: []byte(i.Device), Opened: moment.Proto(i.Opened), Used: moment.Proto(i.Used),
	}
}

func infoIn(m *pb.Info) (Info, error) {
	return Info{
		id.Session(m.GetSession()), id.User(m.GetUser()), string(m.GetDevice()), moment.Time(m.GetOpened()), moment.Time(m.GetUsed()),
	}, nil
}

func rotationOut(r Rotation) *pb.Rotation {
	return &pb.Rotation{
		Session: string(r.Session), User: string(r.User), Logins: r.Logins, Token: r.Token.Reveal(), Expires: moment.Proto(r.Expires),
	}
}

func rotationIn(m *pb.Rotation) (Rotation, error) {
	token, err := auth.ParseRefresh(m.GetToken())
	return Rotation{id.Session(m.GetSession()), id.User(m.GetUser()), m.GetLogins(), token, moment.Time(m.GetExpires())}, err
}

// fill copies what is as long as its place.
func fill(dst, src []byte) bool { return copy(dst, src) == len(dst) && len(src) == len(dst) }
