package protocol

import (
	"math"
	"time"

	"github.com/barrage-live/barrage/actors/live/room"
	"github.com/barrage-live/barrage/gateway/socket/frame"
	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/id"
	"github.com/barrage-live/barrage/internal/wire"
	"github.com/barrage-live/barrage/internal/wire/wirepb"
)

// longest is the largest media time that still is a time.Duration.
const longest = math.MaxInt64 / uint64(time.Millisecond)

func (s *State) welcome(n uint64) *wirepb.ServerFrame {
	w := &wirepb.Welcome{User: frame.User(s.who.User), Name: s.who.Name, Connection: s.name, PingSeconds: s.ping}
	if s.who.User != "" {
		w.Roles = s.who.Roles.Strings()
	}
	return &wirepb.ServerFrame{Id: n, Body: &wirepb.ServerFrame_Welcome{Welcome: w}}
}

// joinedFrame answers a join; the danmaku of the entry are its list.
func joinedFrame(n uint64, r id.Room, e *Entry) *wirepb.ServerFrame {
	return &wirepb.ServerFrame{Id: n, Body: &wirepb.ServerFrame_Joined{Joined: &wirepb.Joined{
		Room: string(r), Position: wire.FromPosition(e.Head), Recovered: e.Recovered, More: e.More, Reason: e.Reason,
		State: frame.RoomState(&e.Info, e.Version),
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

// historyFrame answers a history; the danmaku that were read are its list.
func historyFrame(n uint64, r id.Room, e *Read) *wirepb.ServerFrame {
	return &wirepb.ServerFrame{Id: n, Body: &wirepb.ServerFrame_HistoryPage{HistoryPage: &wirepb.HistoryPage{
		Room: string(r), To: wire.FromPosition(e.Rows.Last()), More: e.More,
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

// draftOf reads a post. Numbers that no enum has are refused here, because they would not survive the
// conversion.
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
