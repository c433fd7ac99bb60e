package channel

import (
	pb "github.com/barrage-live/barrage/actors/live/channel/channelpb"
	"github.com/barrage-live/barrage/actors/live/livepb"
	"github.com/barrage-live/barrage/cluster"
	"github.com/barrage-live/barrage/internal/auth"
	"github.com/barrage-live/barrage/internal/id"
	"github.com/barrage-live/barrage/internal/moment"
	"github.com/barrage-live/barrage/internal/position"
	"github.com/barrage-live/barrage/live/origin"
)

// messages are what crosses between channels and those who ask them. A number is never given a second
// meaning.
func messages() []cluster.Message {
	return append(commands(), answers()...)
}

func commands() []cluster.Message {
	return []cluster.Message{
		cluster.MessageOf(1,
			func(c create) *pb.Create {
				return &pb.Create{Channel: string(c.id), Name: c.name, Title: c.title, Owner: string(c.owner), Room: string(c.room)}
			},
			func(m *pb.Create) (create, error) {
				return create{id.Channel(m.GetChannel()), m.GetName(), m.GetTitle(), id.User(m.GetOwner()), id.Room(m.GetRoom())}, nil
			}),
		cluster.MessageOf(2, func(c setTitle) *pb.SetTitle { return &pb.SetTitle{Title: c.title} },
			func(m *pb.SetTitle) (setTitle, error) { return setTitle{m.GetTitle()}, nil }),
		cluster.MessageOf(3, func(get) *pb.Get { return &pb.Get{} }, func(*pb.Get) (get, error) { return get{}, nil }),
		cluster.MessageOf(4, func(c mintKey) *pb.MintKey { return &pb.MintKey{Id: c.id, Key: c.key.Reveal(), Rights: c.rights} },
			func(m *pb.MintKey) (mintKey, error) {
				key, err := auth.ParseStreamKey(m.GetKey())
				return mintKey{m.GetId(), key, m.GetRights()}, err
			}),
		cluster.MessageOf(5, func(listKeys) *pb.GetKeys { return &pb.GetKeys{} },
			func(*pb.GetKeys) (listKeys, error) { return listKeys{}, nil }),
		cluster.MessageOf(6, func(c revokeKey) *pb.RevokeKey { return &pb.RevokeKey{Id: []byte(c.id)} },
			func(m *pb.RevokeKey) (revokeKey, error) { return revokeKey{string(m.GetId())}, nil }),
		cluster.MessageOf(7, func(c revokeKeys) *pb.RevokeKeys { return &pb.RevokeKeys{Rights: c.rights} },
			func(m *pb.RevokeKeys) (revokeKeys, error) { return revokeKeys{m.GetRights()}, nil }),
		cluster.MessageOf(8, func(c check) *pb.Check { return &pb.Check{Key: c.key.Reveal()} },
			func(m *pb.Check) (check, error) {
				key, err := auth.ParseStreamKey(m.GetKey())
				return check{key}, err
			}),
		cluster.MessageOf(9,
			func(c begin) *pb.Begin {
				return &pb.Begin{Key: c.key.Reveal(), Broadcast: string(c.broadcast)}
			},
			func(m *pb.Begin) (begin, error) {
				key, err := auth.ParseStreamKey(m.GetKey())
				return begin{key, id.Broadcast(m.GetBroadcast())}, err
			}),
		cluster.MessageOf(10, func(c ended) *pb.Ended { return &pb.Ended{Fence: c.fence, Goodbye: c.goodbye} },
			func(m *pb.Ended) (ended, error) { return ended{m.GetFence(), m.GetGoodbye()}, nil }),
		cluster.MessageOf(11, func(c abandoned) *pb.Abandoned { return &pb.Abandoned{Request: string(c.request)} },
			func(m *pb.Abandoned) (abandoned, error) { return abandoned{id.Broadcast(m.GetRequest())}, nil }),
		cluster.MessageOf(12, func(measure) *pb.Measure { return &pb.Measure{} }, func(*pb.Measure) (measure, error) { return measure{}, nil }),
		cluster.MessageOf(13, func(c opened) *pb.Opened { return &pb.Opened{Fence: c.fence} },
			func(m *pb.Opened) (opened, error) { return opened{m.GetFence()}, nil }),
		cluster.MessageOf(14, func(c openFailed) *pb.OpenFailed { return &pb.OpenFailed{Fence: c.fence, Ended: c.ended} },
			func(m *pb.OpenFailed) (openFailed, error) { return openFailed{m.GetFence(), m.GetEnded()}, nil }),
		cluster.MessageOf(15, func(c erase) *pb.Erase { return &pb.Erase{Broadcast: string(c.broadcast)} },
			func(m *pb.Erase) (erase, error) { return erase{id.Broadcast(m.GetBroadcast())}, nil }),
		cluster.MessageOf(17, func(c refused) *pb.Refused { return &pb.Refused{Key: c.key.Reveal(), Refusal: refusalOut(c.refusal)} },
			func(m *pb.Refused) (refused, error) {
				key, err := auth.ParseStreamKey(m.GetKey())
				return refused{key, refusalIn(m.GetRefusal())}, err
			}),
		cluster.MessageOf(16, func(c settle) *pb.Settle { return &pb.Settle{Broadcast: string(c.broadcast)} },
			func(m *pb.Settle) (settle, error) { return settle{id.Broadcast(m.GetBroadcast())}, nil }),
	}
}

func answers() []cluster.Message {
	return []cluster.Message{
		cluster.MessageOf(32, channelOut, channelIn),
		cluster.MessageOf(33, keyOut, func(m *pb.Key) (Key, error) { return keyIn(m), nil }),
		cluster.MessageOf(34, keysOut, keysIn),
		cluster.MessageOf(35,
			func(i Ingest) *pb.Ingest {
				return &pb.Ingest{Phase: string(i.Phase), Since: moment.Proto(i.Since), Health: livepb.OfHealth(i.Health), Refusal: refusalOut(i.Refusal)}
			},
			func(m *pb.Ingest) (Ingest, error) {
				health, err := livepb.ToHealth(m.GetHealth())
				return Ingest{Phase(m.GetPhase()), moment.Time(m.GetSince()), health, refusalIn(m.GetRefusal())}, err
			}),
		cluster.MessageOf(36, leaseOut, leaseIn),
		cluster.MessageOf(37, func(struct{}) *pb.Done { return &pb.Done{} }, func(*pb.Done) (struct{}, error) { return struct{}{}, nil }),
	}
}

func leaseOut(l origin.Lease) *pb.Leased {
	return &pb.Leased{
		Fence: l.Fence, Channel: string(l.Channel), Room: string(l.Room), Title: l.Title, Broadcast: string(l.Broadcast),
		Start: moment.Proto(l.Start), Resumes: l.Resumes, RecordEpoch: uint64(l.Record.Epoch), RecordNumber: l.Record.Activation,
	}
}

func leaseIn(m *pb.Leased) (origin.Lease, error) {
	return origin.Lease{
		Fence: m.GetFence(), Channel: id.Channel(m.GetChannel()), Room: id.Room(m.GetRoom()), Title: m.GetTitle(),
		Broadcast: id.Broadcast(m.GetBroadcast()), Start: moment.Time(m.GetStart()), Resumes: m.GetResumes(),
		Record: position.Fence{Epoch: position.Epoch(m.GetRecordEpoch()), Activation: m.GetRecordNumber()},
	}, nil
}

func refusalOut(r Refusal) *pb.Refusal {
	if r == (Refusal{}) {
		return nil
	}
	return &pb.Refusal{Code: r.Code, Message: r.Message, Protocol: r.Protocol, At: moment.Proto(r.At)}
}

func refusalIn(m *pb.Refusal) Refusal {
	return Refusal{m.GetCode(), m.GetMessage(), m.GetProtocol(), moment.Time(m.GetAt())}
}

func channelOut(c Channel) *pb.Channel {
	return &pb.Channel{
		Channel: string(c.ID), Name: c.Name, Title: c.Title, Owner: string(c.Owner), Room: string(c.Room), Created: moment.Proto(c.Created),
		Phase: string(c.Phase), Broadcast: string(c.Broadcast), Start: moment.Proto(c.Start), Since: moment.Proto(c.Since),
	}
}

func channelIn(m *pb.Channel) (Channel, error) {
	return Channel{
		ID: id.Channel(m.GetChannel()), Name: m.GetName(), Title: m.GetTitle(), Owner: id.User(m.GetOwner()), Room: id.Room(m.GetRoom()),
		Created: moment.Time(m.GetCreated()), Phase: Phase(m.GetPhase()), Broadcast: id.Broadcast(m.GetBroadcast()),
		Start: moment.Time(m.GetStart()), Since: moment.Time(m.GetSince()),
	}, nil
}

func keyOut(k Key) *pb.Key {
	return &pb.Key{
		Id: k.ID, Hint: k.Hint, Created: moment.Proto(k.Created), Used: moment.Proto(k.Used), Expires: moment.Proto(k.Expires),
		Revoked: moment.Proto(k.Revoked), InUse: k.InUse,
	}
}

func keyIn(m *pb.Key) Key {
	return Key{
		ID: m.GetId(), Hint: m.GetHint(), Created: moment.Time(m.GetCreated()), Used: moment.Time(m.GetUsed()),
		Expires: moment.Time(m.GetExpires()), Revoked: moment.Time(m.GetRevoked()), InUse: m.GetInUse(),
	}
}

func keysOut(of []Key) *pb.Keys {
	m := &pb.Keys{Keys: make([]*pb.Key, len(of))}
	for i, k := range of {
		m.Keys[i] = keyOut(k)
	}
	return m
}

// keysIn gives no keys as an empty list, as channels do.
func keysIn(m *pb.Keys) ([]Key, error) {
	out := make([]Key, len(m.GetKeys()))
	for i, k := range m.GetKeys() {
		out[i] = keyIn(k)
	}
	return out, nil
}
