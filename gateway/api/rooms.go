package api

import (
	"context"
	"net/http"
	"time"

	"github.com/barrage-live/barrage/actors/account"
	"github.com/barrage-live/barrage/actors/room"
	"github.com/barrage-live/barrage/internal/auth"
	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/id"
	"github.com/barrage-live/barrage/internal/position"
)

var errNoRoom = fault.New(fault.NotFound, "no_room", "no such room")

// Danmaku is one comment.
type Danmaku struct {
	Position    string `json:"position" doc:"epoch-offset; the place in the room's log"`
	User        string `json:"user"`
	Name        string `json:"name"`
	Text        string `json:"text" doc:"plain text"`
	Mode        string `json:"mode" enum:"scroll,top,bottom"`
	Colour      uint32 `json:"colour" doc:"0xRRGGBB"`
	Size        string `json:"size" enum:"normal,small,large"`
	Broadcast   string `json:"broadcast,omitempty" doc:"the broadcast whose clock media_time_ms is on"`
	MediaTimeMS *int64 `json:"media_time_ms,omitempty" doc:"absent if unknown"`
	SentAtMS    int64  `json:"sent_at_ms" doc:"the room's clock, in ms since 1970"`
}

// Room is how a room is set.
type Room struct {
	ID              string `json:"id"`
	Channel         string `json:"channel"`
	SlowModeSeconds int    `json:"slow_mode_seconds" doc:"least time between two danmaku of one user; 0: none"`
	MaxLength       int    `json:"max_length" doc:"most characters of a danmaku"`
}

type historyIn struct {
	Room   string `path:"room"`
	Before string `query:"before" doc:"a position: only older danmaku; empty: the newest"`
	Limit  int    `query:"limit" minimum:"0" maximum:"200" doc:"at most so many; 0: the room decides"`
}

type historyOut struct {
	Body struct {
		Danmaku []Danmaku `json:"danmaku" nullable:"false" doc:"in order, the oldest first"`
		More    bool      `json:"more" doc:"there may be older ones"`
	}
}

type patchRoomIn struct {
	Room string `path:"room"`
	Body struct {
		SlowModeSeconds *int `json:"slow_mode_seconds,omitempty" minimum:"0" maximum:"3600"`
		MaxLength       *int `json:"max_length,omitempty" minimum:"1" maximum:"1000"`
	}
}

type roomOut struct{ Body Room }

type muteIn struct {
	Room string `path:"room"`
	User string `path:"user"`
	Body struct {
		Seconds int64 `json:"seconds" minimum:"1" maximum:"31536000" doc:"how long"`
	}
}

type unmuteIn struct {
	Room string `path:"room"`
	User string `path:"user"`
}

func (s *server) rooms() {
	add(s, operation{"list-danmaku", http.MethodGet, "/v1/rooms/{room}/danmaku", "Read a room's past", "rooms", 0, guests}, s.history)
	add(s, operation{"update-room", http.MethodPatch, "/v1/rooms/{room}", "Set slow mode and length limit", "rooms", 0, users}, s.patchRoom)
	add(s, operation{"mute", http.MethodPut, "/v1/rooms/{room}/mutes/{user}", "Keep a user from posting", "rooms", http.StatusNoContent, users}, s.mute)
	add(s, operation{"unmute", http.MethodDelete, "/v1/rooms/{room}/mutes/{user}", "Let a user post again", "rooms", http.StatusNoContent, users}, s.unmute)
}

func (s *server) history(ctx context.Context, in *historyIn) (*historyOut, error) {
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
	list, more, err := s.Rooms.History(ctx, r, before, in.Limit)
	out := &historyOut{}
	out.Body.More = more
	out.Body.Danmaku = make([]Danmaku, 0, len(list))
	for _, d := range list {
		out.Body.Danmaku = append(out.Body.Danmaku, danmakuOf(d))
	}
	return out, err
}

func (s *server) patchRoom(ctx context.Context, in *patchRoomIn) (*roomOut, error) {
	card, err := s.govern(ctx, in.Room)
	if err != nil {
		return nil, err
	}
	adjust := room.Adjustment{MaxLength: in.Body.MaxLength}
	if in.Body.SlowModeSeconds != nil {
		adjust.SlowMode = new(time.Duration(*in.Body.SlowModeSeconds) * time.Second)
	}
	if err := s.Rooms.Configure(ctx, card.Room, adjust); err != nil {
		return nil, err
	}
	if card, err = s.Rooms.Card(ctx, card.Room); err != nil {
		return nil, err
	}
	set := card.Settings
	return &roomOut{Room{string(card.Room), string(card.Channel), int(set.SlowMode / time.Second), set.MaxLength}}, nil
}

func (s *server) mute(ctx context.Context, in *muteIn) (*struct{}, error) {
	card, err := s.govern(ctx, in.Room)
	if err != nil {
		return nil, err
	}
	i, err := asker(ctx)
	if err != nil {
		return nil, err
	}
	target, err := s.Accounts.Get(ctx, id.User(in.User))
	if err != nil {
		return nil, err
	}
	until := time.Now().Add(time.Duration(in.Body.Seconds) * time.Second)
	return nil, s.Rooms.Mute(ctx, card.Room, target.User, until, i.User)
}

func (s *server) unmute(ctx context.Context, in *unmuteIn) (*struct{}, error) {
	card, err := s.govern(ctx, in.Room)
	if err != nil {
		return nil, err
	}
	user, err := id.ParseNumber[id.User](in.User)
	if err != nil {
		return nil, account.ErrNoAccount
	}
	return nil, s.Rooms.Unmute(ctx, card.Room, user)
}

// govern finds a room whose owner the asker is, or that a role lets the asker govern.
func (s *server) govern(ctx context.Context, name string) (room.Card, error) {
	i, err := asker(ctx)
	if err != nil {
		return room.Card{}, err
	}
	r, err := roomID(name)
	if err != nil {
		return room.Card{}, err
	}
	card, err := s.Rooms.Card(ctx, r)
	if err != nil {
		return room.Card{}, err
	}
	return card, s.allowed(ctx, card.Owner == i.User, auth.Moderator, auth.Admin)
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
		Position: d.Position.String(), User: string(d.User), Name: d.Name, Text: d.Text, Mode: "scroll", Colour: d.Colour,
		Size: "normal", Broadcast: string(d.Broadcast), SentAtMS: d.At.UnixMilli(),
	}
	switch d.Mode {
	case room.Scroll:
	case room.Top:
		out.Mode = "top"
	case room.Bottom:
		out.Mode = "bottom"
	}
	switch d.Size {
	case room.Normal:
	case room.Small:
		out.Size = "small"
	case room.Large:
		out.Size = "large"
	}
	if d.MediaTime >= 0 {
		ms := d.MediaTime.Milliseconds()
		out.MediaTimeMS = &ms
	}
	return out
}
