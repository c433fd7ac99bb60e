package live

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/barrage-live/barrage/actors/live/broadcast"
	"github.com/barrage-live/barrage/actors/live/channel"
	"github.com/barrage-live/barrage/gateway/rest"
	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/id"
)

// Broadcast is one broadcast of a channel, as far as it was recorded.
type Broadcast struct {
	ID         string `json:"id" doc:"the broadcast's id" example:"0123456789abcdef0123456789abcdef"`
	Title      string `json:"title" doc:"of the channel, when it began" example:"Evening stream"`
	StartMS    int64  `json:"start_ms" doc:"media time zero, in ms since 1970" example:"1795000000000"`
	DurationMS int64  `json:"duration_ms" doc:"what was recorded so far" example:"3600000"`
	State      string `json:"state" enum:"live,interrupted,ended" doc:"interrupted: the publisher is gone and may return"`
	Bytes      int64  `json:"bytes" doc:"what the recording takes" example:"1800000000"`
	Playlist   string `json:"playlist" doc:"path of its multivariant playlist" example:"/live/ann/0123456789abcdef0123456789abcdef/index.m3u8"`
}

// BroadcastPage is a part of a channel's broadcasts.
type BroadcastPage struct {
	Broadcasts []Broadcast `json:"broadcasts" nullable:"false" doc:"the newest first"`
	Next       string      `json:"next,omitempty" doc:"the cursor of the next page; absent at the end"`
}

type broadcastsIn struct {
	ChannelRef
	rest.PageQuery
}

// Cost is that of the rows, each of which is looked up.
func (in *broadcastsIn) Cost() float64 { return 2 * in.PageQuery.Cost() }

// BroadcastRef names a broadcast in a path.
type BroadcastRef struct {
	ChannelRef
	Broadcast string `path:"broadcast" doc:"id of the broadcast" example:"0123456789abcdef0123456789abcdef"`
}

type broadcastsOut struct{ Body BroadcastPage }

type broadcastOut struct{ Body Broadcast }

func (h *handlers) broadcastOperations() []rest.Operation {
	return []rest.Operation{
		rest.Handle(rest.Operation{
			ID: "list-broadcasts", Method: http.MethodGet, Path: "/v1/channels/{channel}/broadcasts",
			Summary: "List the broadcasts of a channel",
			Text:    "Those of which there is a recording, the newest first, the one that goes on among them.",
			Tag:     "channels", Access: rest.Guests, Cached: fresh, Codes: []string{"no_channel", "bad_cursor"},
		}, h.listBroadcasts),
		rest.Handle(rest.Operation{
			ID: "get-broadcast", Method: http.MethodGet, Path: "/v1/channels/{channel}/broadcasts/{broadcast}",
			Summary: "Look at a broadcast",
			Text:    "As far as it was recorded.",
			Tag:     "channels", Access: rest.Guests, Cached: fresh, Codes: []string{"no_channel", "no_broadcast"},
		}, h.getBroadcast),
		rest.Handle(rest.Operation{
			ID: "delete-broadcast", Method: http.MethodDelete, Path: "/v1/channels/{channel}/broadcasts/{broadcast}",
			Summary: "Delete the recording of a broadcast",
			Text:    "For good, with the danmaku on its pictures, and at once but for players that have a part of it. One that was not recorded is deleted too: its danmaku are. One that goes on has to end first.",
			Tag:     "channels", Status: http.StatusNoContent, Access: rest.Users, Right: channelOwner(), Codes: []string{"no_channel", "no_broadcast", "broadcast_live", "broadcast_running", "room_busy"},
		}, h.deleteBroadcast),
	}
}

func (h *handlers) listBroadcasts(ctx context.Context, in *broadcastsIn) (*broadcastsOut, error) {
	after, err := in.After()
	if err != nil {
		return nil, err
	}
	ch, err := h.find(ctx, in.Channel)
	if err != nil {
		return nil, err
	}
	list, next, err := h.Broadcasts.Recordings(ctx, ch.ID, after, in.Limit)
	if err != nil {
		return nil, err
	}
	out := &broadcastsOut{BroadcastPage{Broadcasts: make([]Broadcast, 0, len(list))}}
	for _, r := range list {
		out.Body.Broadcasts = append(out.Body.Broadcasts, broadcastOf(ch, r))
	}
	if next != "" {
		out.Body.Next = rest.Cursor(next)
	}
	return out, nil
}

func (h *handlers) getBroadcast(ctx context.Context, in *BroadcastRef) (*broadcastOut, error) {
	ch, err := h.find(ctx, in.Channel)
	if err != nil {
		return nil, err
	}
	r, err := h.recording(ctx, ch, in.Broadcast)
	if err != nil {
		return nil, err
	}
	return &broadcastOut{broadcastOf(ch, r)}, nil
}

func (h *handlers) deleteBroadcast(ctx context.Context, in *BroadcastRef) (*struct{}, error) {
	ch, err := h.own(ctx, in.Channel)
	if err != nil {
		return nil, err
	}
	if !isBroadcast(in.Broadcast) {
		return nil, broadcast.ErrNoBroadcast
	}
	if ch.Broadcast == id.Broadcast(in.Broadcast) && ch.Phase != channel.Offline {
		return nil, broadcast.ErrLive
	}
	b := id.Broadcast(in.Broadcast)
	_, none := h.recording(ctx, ch, in.Broadcast)
	if errors.Is(none, broadcast.ErrNoBroadcast) {
		had, err := h.TimeIndex.Has(ctx, ch.Room, b)
		if err != nil {
			return nil, err
		}
		if had {
			return nil, h.TimeIndex.Delete(ctx, ch.Room, b)
		}
	}
	if none != nil && fault.KindOf(none) != fault.Internal { // what is damaged can be removed
		return nil, none
	}
	// The danmaku first: while the recording is there, whoever was not answered can ask again.
	if err := h.TimeIndex.Delete(ctx, ch.Room, b); err != nil {
		return nil, err
	}
	return nil, h.Broadcasts.Erase(ctx, ch.ID, b)
}

// isBroadcast reports whether a text has the form of a broadcast's id.
func isBroadcast(s string) bool { return len(s) == 32 && strings.Trim(s, "0123456789abcdef") == "" }

// recording finds what was recorded under an id as a path has it.
func (h *handlers) recording(ctx context.Context, ch channel.Channel, b string) (broadcast.Recording, error) {
	if !isBroadcast(b) {
		return broadcast.Recording{}, broadcast.ErrNoBroadcast
	}
	return h.Broadcasts.Recording(ctx, ch.ID, id.Broadcast(b))
}

// broadcastOf shows a recording. Whether it goes on is known to its channel: a crash may have left it open.
func broadcastOf(ch channel.Channel, r broadcast.Recording) Broadcast {
	state := "ended"
	if !r.Ended && r.Broadcast == ch.Broadcast && ch.Phase != channel.Offline {
		state = string(ch.Phase)
	}
	return Broadcast{
		ID: string(r.Broadcast), Title: r.Title, StartMS: r.Start.UnixMilli(), DurationMS: r.Duration.Milliseconds(), State: state, Bytes: r.Bytes,
		Playlist: "/live/" + ch.Name + "/" + string(r.Broadcast) + "/index.m3u8",
	}
}
