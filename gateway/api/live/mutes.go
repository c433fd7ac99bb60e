package live

import (
	"context"
	"fmt"
	"math"
	"net/http"
	"slices"
	"time"

	"github.com/barrage-live/barrage/actors/live/room"
	"github.com/barrage-live/barrage/gateway/rest"
)

// Mute keeps a user from posting in a room.
type Mute struct {
	User    string `json:"user" doc:"id of the muted user" example:"4503599627370497"`
	UntilMS int64  `json:"until_ms" doc:"when it ends, in ms since 1970" example:"1795000000000"`
	By      string `json:"by" doc:"id of who muted" example:"4503599627370500"`
	AtMS    int64  `json:"muted_at_ms" doc:"in ms since 1970" example:"1794999400000"`
}

// MutePage is a part of the mutes of a room.
type MutePage struct {
	Mutes []Mute `json:"mutes" nullable:"false" doc:"those in force, the newest first"`
	Next  string `json:"next,omitempty" doc:"the cursor of the next page; absent at the end"`
}

// MuteOrder says how long a mute lasts.
type MuteOrder struct {
	UntilMS int64 `json:"until_ms" minimum:"1" maximum:"4102444800000" doc:"when it ends, in ms since 1970; in the future" example:"1795000000000"`
}

type mutesIn struct {
	RoomRef
	rest.PageQuery
}

// Cost is that of all mutes of a room: the room looks through them, however few are asked for.
func (in *mutesIn) Cost() float64 { return 50 + in.PageQuery.Cost() }

type mutesOut struct{ Body MutePage }

type muteIn struct {
	RoomRef
	rest.UserRef
	Body MuteOrder
}

type muteOut struct{ Body Mute }

type unmuteIn struct {
	RoomRef
	rest.UserRef
}

func (h *handlers) muteOperations() []rest.Operation {
	return []rest.Operation{
		rest.Handle(rest.Operation{
			ID: "list-mutes", Method: http.MethodGet, Path: "/v1/rooms/{room}/mutes",
			Summary: "List who may not post",
			Text:    "The mutes in force, the newest first.",
			Tag:     "mutes", Access: rest.Users, Right: roomGovernor(), Codes: []string{"no_room", "bad_cursor"},
		}, h.listMutes),
		rest.Handle(rest.Operation{
			ID: "mute-user", Method: http.MethodPut, Path: "/v1/rooms/{room}/mutes/{user}",
			Summary: "Keep a user from posting",
			Text:    "Replaces an earlier mute of the user; the same request again changes nothing.",
			Tag:     "mutes", Access: rest.Users, Right: roomGovernor(),
			Codes: []string{"no_room", "no_account", "bad_mute", "owner_immune", "too_many_mutes"},
		}, h.mute),
		rest.Handle(rest.Operation{
			ID: "unmute-user", Method: http.MethodDelete, Path: "/v1/rooms/{room}/mutes/{user}",
			Summary: "Let a user post again",
			Text:    "It is no error if nothing kept the user from it.",
			Tag:     "mutes", Status: http.StatusNoContent, Access: rest.Users, Right: roomGovernor(), Codes: []string{"no_room", "no_account"},
		}, h.unmute),
	}
}

func (h *handlers) listMutes(ctx context.Context, in *mutesIn) (*mutesOut, error) {
	card, err := h.govern(ctx, in.Room)
	if err != nil {
		return nil, err
	}
	list, err := h.Mutes.Mutes(ctx, card.Room)
	if err != nil {
		return nil, err
	}
	list, next, err := rest.Part(in.PageQuery, list, newestFirst)
	if err != nil {
		return nil, err
	}
	out := &mutesOut{MutePage{Mutes: make([]Mute, 0, len(list)), Next: next}}
	for _, m := range list {
		out.Body.Mutes = append(out.Body.Mutes, muteOf(m))
	}
	return out, nil
}

func newestFirst(m room.Mute) string {
	return fmt.Sprintf("%019d-%s", math.MaxInt64-m.At.UnixMilli(), m.User)
}

func (h *handlers) mute(ctx context.Context, in *muteIn) (*muteOut, error) {
	card, err := h.govern(ctx, in.Room)
	if err != nil {
		return nil, err
	}
	i, err := rest.RequireIdentity(ctx)
	if err != nil {
		return nil, err
	}
	target, err := h.Accounts.Find(ctx, in.User)
	if err != nil {
		return nil, err
	}
	until := time.UnixMilli(in.Body.UntilMS)
	if err := h.Mutes.Mute(ctx, card.Room, target.User, until, i.User); err != nil {
		return nil, err
	}
	list, err := h.Mutes.Mutes(ctx, card.Room)
	if err != nil {
		return nil, err
	}
	n := slices.IndexFunc(list, func(m room.Mute) bool { return m.User == target.User })
	if n < 0 { // it has ended, or somebody has lifted it, since
		return &muteOut{Mute{User: string(target.User), UntilMS: in.Body.UntilMS, By: string(i.User), AtMS: time.Now().UnixMilli()}}, nil
	}
	return &muteOut{muteOf(list[n])}, nil
}

func (h *handlers) unmute(ctx context.Context, in *unmuteIn) (*struct{}, error) {
	card, err := h.govern(ctx, in.Room)
	if err != nil {
		return nil, err
	}
	target, err := h.Accounts.Find(ctx, in.User)
	if err != nil {
		return nil, err
	}
	return nil, h.Mutes.Unmute(ctx, card.Room, target.User)
}

func muteOf(m room.Mute) Mute {
	return Mute{string(m.User), m.Until.UnixMilli(), string(m.By), m.At.UnixMilli()}
}
