package session

import (
	"math"
	"strconv"
	"time"

	"github.com/barrage-live/barrage/actors/room"
	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/id"
	"github.com/barrage-live/barrage/internal/position"
	"github.com/barrage-live/barrage/internal/wire"
	"github.com/barrage-live/barrage/internal/wire/wirepb"
)

// longest is the largest media time that still is a time.Duration.
const longest = math.MaxInt64 / uint64(time.Millisecond)

// BatchFrame is a batch of danmaku in a room that follow a position.
func BatchFrame(r id.Room, from position.Position, danmaku []room.Danmaku) *wirepb.ServerFrame {
	to := danmaku[len(danmaku)-1].Position
	return &wirepb.ServerFrame{Body: &wirepb.ServerFrame_Batch{Batch: &wirepb.Batch{
		Room: string(r), From: wire.FromPosition(from), To: wire.FromPosition(to), Danmaku: danmakuFrames(danmaku, to),
	}}}
}

// StateFrame is the news of a room's state, under a version that grows over a connection.
func StateFrame(info room.Info, version uint64) *wirepb.ServerFrame {
	return &wirepb.ServerFrame{Body: &wirepb.ServerFrame_RoomState{RoomState: stateFrame(info, version)}}
}

func (s *State) welcome(n uint64) *wirepb.ServerFrame {
	w := &wirepb.Welcome{User: number(s.who.User), Name: s.who.Name, Connection: s.name, PingSeconds: s.ping}
	if s.who.User != "" {
		w.Roles = s.who.Roles.Strings()
	}
	return &wirepb.ServerFrame{Id: n, Body: &wirepb.ServerFrame_Welcome{Welcome: w}}
}

func joinedFrame(n uint64, r id.Room, e Entry) *wirepb.ServerFrame {
	return &wirepb.ServerFrame{Id: n, Body: &wirepb.ServerFrame_Joined{Joined: &wirepb.Joined{
		Room:      string(r),
		Position:  wire.FromPosition(e.Head),
		Recovered: e.Recovered,
		Reason:    e.Reason,
		More:      e.More,
		Danmaku:   danmakuFrames(e.Danmaku, e.Head),
		State:     stateFrame(e.Info, e.Version),
	}}}
}

func leftFrame(n uint64, r id.Room) *wirepb.ServerFrame {
	return &wirepb.ServerFrame{Id: n, Body: &wirepb.ServerFrame_Left{Left: &wirepb.Left{Room: string(r)}}}
}

func postedFrame(n uint64, p Post, e Posted) *wirepb.ServerFrame {
	return &wirepb.ServerFrame{Id: n, Body: &wirepb.ServerFrame_Posted{Posted: &wirepb.Posted{
		Room: string(p.Room), Key: p.Draft.Key, Position: wire.FromPosition(e.Position), Duplicate: e.Duplicate,
	}}}
}

func historyFrame(n uint64, r id.Room, e Read) *wirepb.ServerFrame {
	p := &wirepb.HistoryPage{Room: string(r), More: e.More}
	if n := len(e.Danmaku); n > 0 {
		to := e.Danmaku[n-1].Position
		p.To, p.Danmaku = wire.FromPosition(to), danmakuFrames(e.Danmaku, to)
	}
	return &wirepb.ServerFrame{Id: n, Body: &wirepb.ServerFrame_HistoryPage{HistoryPage: p}}
}

// gapFrame says that the connection is in a room no longer.
func gapFrame(r id.Room, why *fault.Error) *wirepb.ServerFrame {
	return &wirepb.ServerFrame{Body: &wirepb.ServerFrame_Gap{Gap: &wirepb.Gap{Room: string(r), Reason: why.Code}}}
}

func pongFrame(n uint64, now time.Time) *wirepb.ServerFrame {
	return &wirepb.ServerFrame{Id: n, Body: &wirepb.ServerFrame_Pong{Pong: &wirepb.Pong{ServerTimeMs: now.UnixMilli()}}}
}

func reconnectFrame(within time.Duration) *wirepb.ServerFrame {
	return &wirepb.ServerFrame{Body: &wirepb.ServerFrame_Reconnect{Reconnect: &wirepb.Reconnect{
		MaxDelayMs: uint32(within.Milliseconds()), Reason: "drain",
	}}}
}

// danmakuFrames are the danmaku of a message that ends at a position.
func danmakuFrames(danmaku []room.Danmaku, end position.Position) []*wirepb.Danmaku {
	if len(danmaku) == 0 {
		return nil
	}
	frames := make([]*wirepb.Danmaku, len(danmaku))
	backing := make([]wirepb.Danmaku, len(danmaku)) // one allocation for all
	for i := range danmaku {
		fillDanmaku(&backing[i], &danmaku[i])
		if e := danmaku[i].Position.Epoch; e != end.Epoch {
			backing[i].Epoch = uint64(e)
		}
		frames[i] = &backing[i]
	}
	return frames
}

// fillDanmaku fills in what is not usual; the epoch is not filled in.
func fillDanmaku(f *wirepb.Danmaku, d *room.Danmaku) {
	f.Offset, f.User = uint64(d.Position.Offset), number(d.User)
	f.Name, f.Text = d.Name, d.Text
	if d.Mode != room.Scroll {
		f.Mode = wirepb.Mode(d.Mode)
	}
	if d.Colour != wire.White {
		f.Colour = &d.Colour
	}
	if d.Size != room.Normal {
		f.Size = wirepb.Size(d.Size)
	}
	if d.MediaTime >= 0 {
		f.MediaTimeMs = new(uint64(d.MediaTime.Milliseconds()))
	}
	f.SentAtMs = d.At.UnixMilli()
}

// number is a user on the wire; 0 is none.
func number(u id.User) uint64 {
	n, _ := strconv.ParseUint(string(u), 10, 64) // users are numbers, but for nobody
	return n
}

func stateFrame(info room.Info, version uint64) *wirepb.RoomState {
	s := &wirepb.RoomState{
		Room: string(info.Room), Online: uint32(max(0, info.Online)), SlowModeSeconds: uint32(info.SlowMode / time.Second),
		MaxLength: uint32(info.MaxLength), Live: info.Live, Broadcast: string(info.Broadcast), Version: version,
	}
	if info.Live {
		s.BroadcastStartMs = info.BroadcastStart.UnixMilli()
	}
	return s
}

// draftOf reads a post. Numbers that no enum has are refused here, because they would not survive the conversion.
func draftOf(p *wirepb.Post) (room.Draft, error) {
	if _, ok := wirepb.Mode_name[int32(p.GetMode())]; !ok {
		return room.Draft{}, fault.New(fault.Invalid, "bad_mode", "no such mode").In("mode")
	}
	if _, ok := wirepb.Size_name[int32(p.GetSize())]; !ok {
		return room.Draft{}, fault.New(fault.Invalid, "bad_size", "no such size").In("size")
	}
	d := room.Draft{
		Key: p.GetKey(), Text: p.GetText(), Mode: room.Mode(p.GetMode()), Colour: wire.White, Size: room.Size(p.GetSize()),
		MediaTime: room.MediaUnknown,
	}
	if p.Colour != nil {
		d.Colour = p.GetColour()
	}
	if p.MediaTimeMs != nil {
		d.MediaTime = time.Duration(min(p.GetMediaTimeMs(), longest)) * time.Millisecond
	}
	return d, nil
}
