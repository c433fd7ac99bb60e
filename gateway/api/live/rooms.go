package live

import (
	"cmp"
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/barrage-live/barrage/actors/live/room"
	"github.com/barrage-live/barrage/gateway/rest"
	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/id"
	"github.com/barrage-live/barrage/internal/position"
)

var errNoRoom = fault.New(fault.NotFound, "no_room", "no such room")

// Position is a place in a room's log, as the socket has it.
type Position struct {
	Epoch  string `json:"epoch" doc:"grows when the room gets another owner; 64 bits in decimal" example:"1"`
	Offset string `json:"offset" doc:"counts the danmaku of the room from 1; 64 bits in decimal" example:"42"`
}

// Danmaku is one comment, with the members that the socket gives it. Those that the socket leaves out
// because they are the usual are here; broadcast is here only, because a page of the past may lie in
// several.
type Danmaku struct {
	Position
	User        string `json:"user" doc:"id of the author" example:"4503599627370497"`
	Name        string `json:"name" doc:"handle of the author when it was posted" example:"ann"`
	Text        string `json:"text" doc:"plain text" example:"233"`
	Mode        string `json:"mode" enum:"MODE_SCROLL,MODE_TOP,MODE_BOTTOM" doc:"where it is shown" example:"MODE_SCROLL"`
	Colour      uint32 `json:"colour" maximum:"16777215" doc:"0xRRGGBB" example:"16777215"`
	Size        string `json:"size" enum:"SIZE_NORMAL,SIZE_SMALL,SIZE_LARGE" doc:"of the letters" example:"SIZE_NORMAL"`
	Broadcast   string `json:"broadcast,omitempty" doc:"the broadcast whose clock media_time_ms is on"`
	MediaTimeMS *int64 `json:"media_time_ms,omitempty" doc:"of the picture the author saw, on the clock of the broadcast; absent if unknown" example:"61500"`
	SentAtMS    int64  `json:"sent_at_ms" doc:"the room's clock, in ms since 1970" example:"1795000000000"`
}

// DanmakuPage is a part of a room's past.
type DanmakuPage struct {
	To      *Position `json:"to,omitempty" doc:"of the newest danmaku in it; absent from an empty page"`
	More    bool      `json:"more" doc:"there are older ones" example:"false"`
	Next    string    `json:"next,omitempty" doc:"before, for the page of older ones; absent if there are none" example:"1-41"`
	Danmaku []Danmaku `json:"danmaku" nullable:"false" doc:"in order, the oldest first"`
}

// Room is how a room is set, and what is true of it now.
type Room struct {
	ID              string `json:"id" doc:"the room's id" example:"4503599627370498"`
	Channel         string `json:"channel" doc:"id of the channel" example:"4503599627370499"`
	SlowModeSeconds int    `json:"slow_mode_seconds" doc:"least time between two danmaku of one user; 0: none" example:"0"`
	MaxLength       int    `json:"max_length" doc:"most characters of a danmaku" example:"100"`
	Online          int    `json:"online" doc:"viewers" example:"7"`
	Live            bool   `json:"live" doc:"a broadcast goes on" example:"true"`
	Broadcast       string `json:"broadcast,omitempty" doc:"the broadcast that goes on"`
	StartMS         int64  `json:"broadcast_start_ms,omitempty" doc:"media time zero of the broadcast, in ms since 1970" example:"1795000000000"`
	CreatedMS       int64  `json:"created_at_ms" doc:"in ms since 1970" example:"1794000000000"`
}

// RoomChange sets what it names.
type RoomChange struct {
	SlowModeSeconds *int `json:"slow_mode_seconds,omitempty" minimum:"0" maximum:"3600" doc:"least time between two danmaku of one user; 0: none" example:"5"`
	MaxLength       *int `json:"max_length,omitempty" minimum:"1" maximum:"1000" doc:"most characters of a danmaku" example:"100"`
}

// RoomRef names a room in a path.
type RoomRef struct {
	Room string `path:"room" doc:"id of the room" example:"4503599627370498"`
}

type historyIn struct {
	RoomRef
	Before string `query:"before" doc:"a position, EPOCH-OFFSET: only older danmaku; absent: the newest" example:"1-42"`
	Limit  int    `query:"limit" minimum:"0" maximum:"200" doc:"at most so many; 0: 50"`
}

// Cost is that of the rows.
func (in *historyIn) Cost() float64 { return rest.RowsCost(cmp.Or(in.Limit, 50)) }

type historyOut struct{ Body DanmakuPage }

type patchRoomIn struct {
	RoomRef
	Body RoomChange
}

type roomOut struct{ Body Room }

func (h *handlers) roomOperations() []rest.Operation {
	return []rest.Operation{
		rest.Handle(rest.Operation{
			ID: "get-room", Method: http.MethodGet, Path: "/v1/rooms/{room}",
			Summary: "Look at a room",
			Text:    "Its settings and what is true of it now, in the words of room_state of the socket.",
			Tag:     "rooms", Access: rest.Guests, Cached: fresh, Codes: []string{"no_room"},
		}, h.getRoom),
		rest.Handle(rest.Operation{
			ID: "update-room", Method: http.MethodPatch, Path: "/v1/rooms/{room}",
			Summary: "Change slow mode and length limit",
			Text:    "What is absent stays. Answers the room as it is then.",
			Tag:     "rooms", Access: rest.Users, Right: roomGovernor(), Codes: []string{"no_room"},
		}, h.patchRoom),
		rest.Handle(rest.Operation{
			ID: "list-danmaku", Method: http.MethodGet, Path: "/v1/rooms/{room}/danmaku",
			Summary: "Read the past of a room",
			Text:    "The newest, or those before a position, the oldest first, in the words of history_page of the socket.",
			Tag:     "rooms", Access: rest.Guests, Cached: fresh, Codes: []string{"no_room", "bad_position", "room_busy"},
		}, h.history),
	}
}

func (h *handlers) history(ctx context.Context, in *historyIn) (*historyOut, error) {
	r, err := roomID(in.Room)
	if err != nil {
		return nil, err
	}
	var before position.Position
	if in.Before != "" {
		if before, err = position.Parse(in.Before); err != nil {
			return nil, fault.From(err).In("before")
		}
	}
	list, more, err := h.Rooms.History(ctx, r, before, in.Limit)
	if err != nil {
		return nil, err
	}
	page := DanmakuPage{More: more, Danmaku: make([]Danmaku, 0, len(list))}
	for _, d := range list {
		page.Danmaku = append(page.Danmaku, danmakuOf(d))
	}
	if len(list) > 0 {
		page.To = &page.Danmaku[len(list)-1].Position
	}
	if more && len(list) > 0 {
		page.Next = list[0].Position.String()
	}
	return &historyOut{page}, nil
}

func (h *handlers) getRoom(ctx context.Context, in *RoomRef) (*roomOut, error) {
	r, err := roomID(in.Room)
	if err != nil {
		return nil, err
	}
	return h.showRoom(ctx, r)
}

func (h *handlers) patchRoom(ctx context.Context, in *patchRoomIn) (*roomOut, error) {
	card, err := h.govern(ctx, in.Room)
	if err != nil {
		return nil, err
	}
	adjust := room.Adjustment{MaxLength: in.Body.MaxLength}
	if in.Body.SlowModeSeconds != nil {
		adjust.SlowMode = new(time.Duration(*in.Body.SlowModeSeconds) * time.Second)
	}
	if err := h.Rooms.Configure(ctx, card.Room, adjust); err != nil {
		return nil, err
	}
	return h.showRoom(ctx, card.Room)
}

func (h *handlers) showRoom(ctx context.Context, r id.Room) (*roomOut, error) {
	card, err := h.Rooms.Card(ctx, r)
	if err != nil {
		return nil, err
	}
	out := Room{
		ID: string(card.Room), Channel: string(card.Channel), CreatedMS: card.Created.UnixMilli(),
		SlowModeSeconds: int(card.Settings.SlowMode / time.Second), MaxLength: card.Settings.MaxLength,
	}
	now, err := h.Audience.Info(ctx, r)
	if err != nil {
		return nil, err
	}
	out.Online, out.Live, out.Broadcast = now.Online, now.Live, string(now.Broadcast)
	if !now.BroadcastStart.IsZero() {
		out.StartMS = now.BroadcastStart.UnixMilli()
	}
	return &roomOut{out}, nil
}

func roomID(s string) (id.Room, error) {
	r, err := id.ParseNumber[id.Room](s)
	if err != nil {
		return "", errNoRoom
	}
	return r, nil
}

func danmakuOf(d room.Danmaku) Danmaku {
	out := Danmaku{
		Position: positionOf(d.Position), User: string(d.User), Name: d.Name, Text: d.Text, Mode: "MODE_SCROLL", Colour: d.Colour,
		Size: "SIZE_NORMAL", Broadcast: string(d.Broadcast), SentAtMS: d.At.UnixMilli(),
	}
	switch d.Mode {
	case room.Scroll:
	case room.Top:
		out.Mode = "MODE_TOP"
	case room.Bottom:
		out.Mode = "MODE_BOTTOM"
	}
	switch d.Size {
	case room.Normal:
	case room.Small:
		out.Size = "SIZE_SMALL"
	case room.Large:
		out.Size = "SIZE_LARGE"
	}
	if d.MediaTime >= 0 {
		ms := d.MediaTime.Milliseconds()
		out.MediaTimeMS = &ms
	}
	return out
}

func positionOf(p position.Position) Position {
	return Position{strconv.FormatUint(uint64(p.Epoch), 10), strconv.FormatUint(uint64(p.Offset), 10)}
}

// govern finds a room on which the asker has the right of the operation.
func (h *handlers) govern(ctx context.Context, name string) (room.Card, error) {
	i, err := rest.RequireIdentity(ctx)
	if err != nil {
		return room.Card{}, err
	}
	r, err := roomID(name)
	if err != nil {
		return room.Card{}, err
	}
	card, err := h.Rooms.Card(ctx, r)
	if err != nil {
		return room.Card{}, err
	}
	return card, rest.RequireRight(ctx, card.Owner == i.User)
}
