package session

import (
	"math"
	"time"

	"github.com/barrage-live/barrage/actors/room"
	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/id"
	"github.com/barrage-live/barrage/internal/wire"
	"github.com/barrage-live/barrage/internal/wire/wirepb"
)

// longest is the largest media time that still is a time.Duration.
const longest = math.MaxInt64 / int64(time.Millisecond)

// BatchFrame is the batch of danmaku in a room.
func BatchFrame(r id.Room, danmaku []room.Danmaku) *wirepb.ServerFrame {
	return &wirepb.ServerFrame{Body: &wirepb.ServerFrame_Batch{Batch: &wirepb.Batch{Room: string(r), Danmaku: danmakuFrames(danmaku)}}}
}

// StateFrame is the news of a room's state.
func StateFrame(info room.Info) *wirepb.ServerFrame {
	return &wirepb.ServerFrame{Body: &wirepb.ServerFrame_RoomState{RoomState: stateFrame(info)}}
}

func (s *State) welcome(n uint64) *wirepb.ServerFrame {
	w := &wirepb.Welcome{User: string(s.who.User), Name: s.who.Name, Session: s.name, PingSeconds: s.ping}
	if s.who.User != "" {
		w.Roles = s.who.Roles.Strings()
	}
	return &wirepb.ServerFrame{Id: n, Body: &wirepb.ServerFrame_Welcome{Welcome: w}}
}

func joinedFrame(e Entered) *wirepb.ServerFrame {
	return &wirepb.ServerFrame{Id: e.ID, Body: &wirepb.ServerFrame_Joined{Joined: &wirepb.Joined{
		Room:      string(e.Room),
		Position:  wire.FromPosition(e.Entry.Head),
		Recovered: e.Entry.Recovered,
		Reason:    e.Entry.Reason,
		Danmaku:   danmakuFrames(e.Entry.Danmaku),
		State:     stateFrame(e.Entry.Info),
	}}}
}

func leftFrame(n uint64, r id.Room) *wirepb.ServerFrame {
	return &wirepb.ServerFrame{Id: n, Body: &wirepb.ServerFrame_Left{Left: &wirepb.Left{Room: string(r)}}}
}

func postedFrame(e Posted) *wirepb.ServerFrame {
	return &wirepb.ServerFrame{Id: e.ID, Body: &wirepb.ServerFrame_Posted{Posted: &wirepb.Posted{
		Room: string(e.Room), Key: e.Key, Position: wire.FromPosition(e.Position), Duplicate: e.Duplicate,
	}}}
}

func historyFrame(e Read) *wirepb.ServerFrame {
	return &wirepb.ServerFrame{Id: e.ID, Body: &wirepb.ServerFrame_HistoryPage{HistoryPage: &wirepb.HistoryPage{
		Room: string(e.Room), Danmaku: danmakuFrames(e.Danmaku), More: e.More,
	}}}
}

func pongFrame(n uint64, now time.Time) *wirepb.ServerFrame {
	return &wirepb.ServerFrame{Id: n, Body: &wirepb.ServerFrame_Pong{Pong: &wirepb.Pong{ServerTimeMs: now.UnixMilli()}}}
}

func reconnectFrame(within time.Duration) *wirepb.ServerFrame {
	return &wirepb.ServerFrame{Body: &wirepb.ServerFrame_Reconnect{Reconnect: &wirepb.Reconnect{
		MaxDelayMs: uint32(within.Milliseconds()), Reason: "drain",
	}}}
}

func danmakuFrames(danmaku []room.Danmaku) []*wirepb.Danmaku {
	if len(danmaku) == 0 {
		return nil
	}
	frames := make([]*wirepb.Danmaku, len(danmaku))
	backing := make([]wirepb.Danmaku, len(danmaku)) // one allocation for all
	for i := range danmaku {
		fillDanmaku(&backing[i], &danmaku[i])
		frames[i] = &backing[i]
	}
	return frames
}

func fillDanmaku(f *wirepb.Danmaku, d *room.Danmaku) {
	f.Position = wire.FromPosition(d.Position)
	f.Key, f.User, f.Name, f.Text = d.Key, string(d.User), d.Name, d.Text
	f.Mode, f.Colour, f.Size = wirepb.Mode(d.Mode), d.Colour, wirepb.Size(d.Size)
	f.MediaTimeMs = wire.NoMediaTime
	if d.MediaTime != room.MediaUnknown {
		f.MediaTimeMs = d.MediaTime.Milliseconds()
	}
	f.SentAtMs = d.At.UnixMilli()
}

func stateFrame(info room.Info) *wirepb.RoomState {
	s := &wirepb.RoomState{
		Room: string(info.Room), Online: uint32(max(0, info.Online)), SlowModeSeconds: uint32(info.SlowMode / time.Second),
		MaxLength: uint32(info.MaxLength), Live: info.Live, Broadcast: string(info.Broadcast),
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
		Key: p.GetKey(), Text: p.GetText(), Mode: room.Mode(p.GetMode()), Colour: p.GetColour(), Size: room.Size(p.GetSize()),
		MediaTime: room.MediaUnknown,
	}
	if ms := p.GetMediaTimeMs(); ms >= 0 {
		d.MediaTime = time.Duration(min(ms, longest)) * time.Millisecond
	}
	return d, nil
}
