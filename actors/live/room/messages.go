package room

import (
	"math"

	"google.golang.org/protobuf/types/known/durationpb"

	pb "github.com/barrage-live/barrage/actors/live/room/roompb"
	"github.com/barrage-live/barrage/cluster"
	"github.com/barrage-live/barrage/internal/id"
	"github.com/barrage-live/barrage/internal/moment"
	"github.com/barrage-live/barrage/internal/position"
)

// messages are what crosses between rooms and those who ask them. A number is never given a second meaning.
func messages() []cluster.Message {
	return append(commands(), answers()...)
}

func commands() []cluster.Message {
	return []cluster.Message{
		cluster.MessageOf(1, func(c createRoom) *pb.Create { return &pb.Create{Channel: string(c.Channel), Owner: string(c.Owner)} },
			func(m *pb.Create) (createRoom, error) {
				return createRoom{id.Channel(m.GetChannel()), id.User(m.GetOwner())}, nil
			}),
		cluster.MessageOf(2, postOut, postIn),
		cluster.MessageOf(3, func(c attach) *pb.Attach { return &pb.Attach{Node: string(c.Node), Attachment: c.Attachment} },
			func(m *pb.Attach) (attach, error) { return attach{id.Node(m.GetNode()), m.GetAttachment()}, nil }),
		cluster.MessageOf(4, func(c detach) *pb.Detach { return &pb.Detach{Node: string(c.Node), Attachment: c.Attachment} },
			func(m *pb.Detach) (detach, error) { return detach{id.Node(m.GetNode()), m.GetAttachment()}, nil }),
		cluster.MessageOf(5,
			func(c report) *pb.Report {
				return &pb.Report{Node: string(c.Node), Attachment: c.Attachment, Viewers: int64(c.Viewers)}
			},
			func(m *pb.Report) (report, error) {
				return report{id.Node(m.GetNode()), m.GetAttachment(), int(m.GetViewers())}, nil
			}),
		cluster.MessageOf(6, func(c resume) *pb.Resume { return &pb.Resume{Since: positionOut(c.Since)} },
			func(m *pb.Resume) (resume, error) { return resume{positionIn(m.GetSince())}, nil }),
		cluster.MessageOf(7, func(c history) *pb.History { return &pb.History{Before: positionOut(c.Before), Limit: int64(c.Limit)} },
			func(m *pb.History) (history, error) {
				return history{positionIn(m.GetBefore()), int(m.GetLimit())}, nil
			}),
		cluster.MessageOf(8, configureOut, configureIn),
		cluster.MessageOf(9,
			func(c mute) *pb.MuteUser {
				return &pb.MuteUser{User: string(c.User), Until: moment.Proto(c.Until), By: string(c.By)}
			},
			func(m *pb.MuteUser) (mute, error) {
				return mute{id.User(m.GetUser()), moment.Time(m.GetUntil()), id.User(m.GetBy())}, nil
			}),
		cluster.MessageOf(10, func(c unmute) *pb.Unmute { return &pb.Unmute{User: string(c.User)} },
			func(m *pb.Unmute) (unmute, error) { return unmute{id.User(m.GetUser())}, nil }),
		cluster.MessageOf(11, func(mutes) *pb.GetMutes { return &pb.GetMutes{} }, func(*pb.GetMutes) (mutes, error) { return mutes{}, nil }),
		cluster.MessageOf(12,
			func(c setLive) *pb.SetLive {
				return &pb.SetLive{By: fenceOut(c.By), Broadcast: string(c.Broadcast), Start: moment.Proto(c.Start)}
			},
			func(m *pb.SetLive) (setLive, error) {
				return setLive{fenceIn(m.GetBy()), id.Broadcast(m.GetBroadcast()), moment.Time(m.GetStart())}, nil
			}),
		cluster.MessageOf(13, func(c setOffline) *pb.SetOffline { return &pb.SetOffline{By: fenceOut(c.By)} },
			func(m *pb.SetOffline) (setOffline, error) { return setOffline{fenceIn(m.GetBy())}, nil }),
		cluster.MessageOf(14, func(getCard) *pb.GetCard { return &pb.GetCard{} }, func(*pb.GetCard) (getCard, error) { return getCard{}, nil }),
		cluster.MessageOf(15, func(getInfo) *pb.GetInfo { return &pb.GetInfo{} }, func(*pb.GetInfo) (getInfo, error) { return getInfo{}, nil }),
		cluster.MessageOf(16, func(c settle) *pb.Settle { return &pb.Settle{Broadcast: string(c.Broadcast)} },
			func(m *pb.Settle) (settle, error) { return settle{id.Broadcast(m.GetBroadcast())}, nil }),
	}
}

func answers() []cluster.Message {
	return []cluster.Message{
		cluster.MessageOf(32, func(a posted) *pb.Posted {
			return &pb.Posted{Position: positionOut(a.Position), Duplicate: a.Duplicate}
		},
			func(m *pb.Posted) (posted, error) { return posted{positionIn(m.GetPosition()), m.GetDuplicate()}, nil }),
		cluster.MessageOf(33,
			func(a Attached) *pb.Attached {
				return &pb.Attached{Info: infoOut(a.Info), Seq: a.Seq, Position: positionOut(a.Position)}
			},
			func(m *pb.Attached) (Attached, error) {
				info, err := infoIn(m.GetInfo())
				return Attached{info, m.GetSeq(), positionIn(m.GetPosition())}, err
			}),
		cluster.MessageOf(34, recoveryOut, recoveryIn),
		cluster.MessageOf(35, func(a page) *pb.Page { return &pb.Page{Danmaku: danmakuOut(a.Danmaku), More: a.More} },
			func(m *pb.Page) (page, error) {
				danmaku, err := danmakuIn(m.GetDanmaku())
				return page{danmaku, m.GetMore()}, err
			}),
		cluster.MessageOf(36, cardOut, cardIn),
		cluster.MessageOf(37, infoOut, infoIn),
		cluster.MessageOf(38, mutesOut, mutesIn),
	}
}

func positionOut(p position.Position) *pb.Position {
	return &pb.Position{Epoch: uint64(p.Epoch), Offset: uint64(p.Offset)}
}

func positionIn(m *pb.Position) position.Position {
	return position.Position{Epoch: position.Epoch(m.GetEpoch()), Offset: position.Offset(m.GetOffset())}
}

func fenceOut(f position.Fence) *pb.Fence {
	return &pb.Fence{Epoch: uint64(f.Epoch), Activation: f.Activation}
}

func fenceIn(m *pb.Fence) position.Fence {
	return position.Fence{Epoch: position.Epoch(m.GetEpoch()), Activation: m.GetActivation()}
}

func postOut(c post) *pb.Post {
	return &pb.Post{
		User: string(c.Author.User), Name: []byte(c.Author.Name), Roles: c.Author.Roles, Key: []byte(c.Draft.Key), Text: []byte(c.Draft.Text),
		Mode: uint32(c.Draft.Mode), Colour: c.Draft.Colour, Size: uint32(c.Draft.Size), MediaTime: durationpb.New(c.Draft.MediaTime),
	}
}

func postIn(m *pb.Post) (post, error) {
	if m.GetMode() > math.MaxUint8 || m.GetSize() > math.MaxUint8 { // what is within a byte the room judges itself
		return post{}, errRow
	}
	return post{
		Author{id.User(m.GetUser()), string(m.GetName()), m.GetRoles()},
		Draft{
			Key: string(m.GetKey()), Text: string(m.GetText()), Mode: Mode(m.GetMode()), Colour: m.GetColour(), Size: Size(m.GetSize()),
			MediaTime: m.GetMediaTime().AsDuration(),
		},
	}, nil
}

func configureOut(c configure) *pb.Configure {
	m := &pb.Configure{}
	if c.SlowMode != nil {
		m.SlowMode = durationpb.New(*c.SlowMode)
	}
	if c.MaxLength != nil {
		length := int64(*c.MaxLength)
		m.MaxLength = &length
	}
	return m
}

func configureIn(m *pb.Configure) (c configure, err error) {
	if m.SlowMode != nil {
		slow := m.SlowMode.AsDuration()
		c.SlowMode = &slow
	}
	if m.MaxLength != nil {
		length := int(*m.MaxLength)
		c.MaxLength = &length
	}
	return c, nil
}

func danmakuOut(of []Danmaku) []*pb.Placed {
	out := make([]*pb.Placed, len(of))
	for i := range of {
		out[i] = &pb.Placed{Offset: uint64(of[i].Position.Offset), Danmaku: rowOf(&of[i])}
	}
	return out
}

func danmakuIn(of []*pb.Placed) ([]Danmaku, error) {
	if len(of) == 0 {
		return nil, nil
	}
	out := make([]Danmaku, len(of))
	for i, m := range of {
		var err error
		if out[i], err = danmakuAt(position.Offset(m.GetOffset()), m.GetDanmaku()); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func recoveryOut(r Recovery) *pb.Recovery {
	return &pb.Recovery{
		Danmaku: danmakuOut(r.Danmaku), Recovered: r.Recovered, More: r.More, Reason: r.Reason,
		To: positionOut(r.To), Head: positionOut(r.Head),
	}
}

func recoveryIn(m *pb.Recovery) (Recovery, error) {
	danmaku, err := danmakuIn(m.GetDanmaku())
	return Recovery{danmaku, m.GetRecovered(), m.GetMore(), m.GetReason(), positionIn(m.GetTo()), positionIn(m.GetHead())}, err
}

func cardOut(c Card) *pb.RoomCard {
	return &pb.RoomCard{
		Room: string(c.Room), Channel: string(c.Channel), Owner: string(c.Owner), SlowMode: durationpb.New(c.Settings.SlowMode),
		MaxLength: int64(c.Settings.MaxLength), Created: moment.Proto(c.Created),
	}
}

func cardIn(m *pb.RoomCard) (Card, error) {
	return Card{
		Room: id.Room(m.GetRoom()), Channel: id.Channel(m.GetChannel()), Owner: id.User(m.GetOwner()),
		Settings: Settings{m.GetSlowMode().AsDuration(), int(m.GetMaxLength())}, Created: moment.Time(m.GetCreated()),
	}, nil
}

func infoOut(i Info) *pb.Info {
	return &pb.Info{
		Room: string(i.Room), Epoch: uint64(i.Epoch), Version: i.Version, Online: int64(i.Online), SlowMode: durationpb.New(i.SlowMode),
		MaxLength: int64(i.MaxLength), Live: i.Live, Broadcast: string(i.Broadcast), BroadcastStart: moment.Proto(i.BroadcastStart),
	}
}

func infoIn(m *pb.Info) (Info, error) {
	return Info{
		Room: id.Room(m.GetRoom()), Epoch: position.Epoch(m.GetEpoch()), Version: m.GetVersion(), Online: int(m.GetOnline()),
		SlowMode: m.GetSlowMode().AsDuration(), MaxLength: int(m.GetMaxLength()), Live: m.GetLive(),
		Broadcast: id.Broadcast(m.GetBroadcast()), BroadcastStart: moment.Time(m.GetBroadcastStart()),
	}, nil
}

func mutesOut(of []Mute) *pb.Mutes {
	m := &pb.Mutes{}
	for _, one := range of {
		m.Mutes = append(m.Mutes, &pb.Muted{
			User: string(one.User), Until: moment.Proto(one.Until), By: string(one.By), At: moment.Proto(one.At),
		})
	}
	return m
}

func mutesIn(m *pb.Mutes) ([]Mute, error) {
	out := make([]Mute, 0, len(m.GetMutes()))
	for _, one := range m.GetMutes() {
		out = append(out, Mute{id.User(one.GetUser()), moment.Time(one.GetUntil()), id.User(one.GetBy()), moment.Time(one.GetAt())})
	}
	return out, nil
}
