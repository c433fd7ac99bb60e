package live

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/barrage-live/barrage/actors/identity/account"
	"github.com/barrage-live/barrage/actors/live/channel"
	"github.com/barrage-live/barrage/gateway/rest"
	"github.com/barrage-live/barrage/internal/auth"
)

// createLimit is how often one account may try to make a channel in the window.
const createLimit = 20

// fresh is how long caches may keep what changes while one watches: long enough to make one question of a
// crowd's.
const fresh = time.Second

// Owner names the account of a channel.
type Owner struct {
	ID     string `json:"id" doc:"the account's id" example:"4503599627370497"`
	Handle string `json:"handle" doc:"the name it is known by" example:"ann"`
}

// Channel is a broadcaster's outlet.
type Channel struct {
	ID          string `json:"id" doc:"the channel's id" example:"4503599627370499"`
	Name        string `json:"name" doc:"what it is called in addresses" example:"ann"`
	Title       string `json:"title" doc:"plain text" example:"Evening stream"`
	Owner       Owner  `json:"owner" doc:"whose it is"`
	Room        string `json:"room" doc:"the room its danmaku are in" example:"4503599627370498"`
	Live        bool   `json:"live" doc:"a publisher is sending"`
	State       string `json:"state" enum:"offline,live,interrupted" doc:"interrupted: the publisher is gone and may return"`
	Broadcast   string `json:"broadcast,omitempty" doc:"the broadcast that is going on"`
	StartMS     int64  `json:"broadcast_start_ms,omitempty" doc:"media time zero of the broadcast, in ms since 1970"`
	Viewers     int    `json:"viewers" doc:"viewers in the room" example:"7"`
	PlaylistURL string `json:"playlist_url" doc:"the multivariant playlist" example:"/live/ann/index.m3u8"`
}

// Ingest is how a publisher is doing.
type Ingest struct {
	State      string    `json:"state" enum:"offline,live,interrupted" doc:"of the channel"`
	Bitrate    int64     `json:"bitrate_bps" doc:"bits a second" example:"4500000"`
	FPS        float64   `json:"fps" doc:"pictures a second" example:"60"`
	KeyframeMS int64     `json:"keyframe_interval_ms" doc:"between two keyframes" example:"2000"`
	Width      int       `json:"width" doc:"of the picture" example:"1920"`
	Height     int       `json:"height" doc:"of the picture" example:"1080"`
	VideoCodec string    `json:"video_codec" doc:"RFC 6381" example:"avc1.640028"`
	AudioCodec string    `json:"audio_codec" doc:"RFC 6381; empty without sound" example:"mp4a.40.2"`
	SinceMS    int64     `json:"since_ms" doc:"when the state began, in ms since 1970; 0 while offline"`
	Warnings   []Warning `json:"warnings" nullable:"false" doc:"what the streamer should change"`
	Refusal    *Refusal  `json:"last_refusal,omitempty" doc:"why the last publisher with a key of the channel that was turned away, or let go, was; absent when none is remembered"`
}

// Refusal is why a publisher was turned away.
type Refusal struct {
	Code     string `json:"code" doc:"of the reason" example:"codec_unsupported"`
	Message  string `json:"message" doc:"as the publisher was told" example:"MP3 is not carried over RTMP"`
	Protocol string `json:"protocol" doc:"by which it came" example:"rtmp"`
	AtMS     int64  `json:"at_ms" doc:"when, in ms since 1970"`
}

// Warning is one advice to a streamer.
type Warning struct {
	Code    string `json:"code" doc:"what it is, for programs" example:"no_audio"`
	Message string `json:"message" doc:"what it is, for people" example:"no sound arrives"`
}

// ChannelRef names a channel in a path.
type ChannelRef struct {
	Channel string `path:"channel" doc:"name or id" example:"ann"`
}

type channelOut struct{ Body Channel }

// ChannelPage is a part of a list of channels.
type ChannelPage struct {
	Channels []Channel `json:"channels" nullable:"false" doc:"those with the most viewers first, then the newest"`
	Next     string    `json:"next,omitempty" doc:"the cursor of the next page; absent at the end"`
}

// ChannelDraft is a channel to be made.
type ChannelDraft struct {
	Name  string `json:"name" doc:"2 to 32 of a-z, 0-9, _ and -; unique" example:"ann"`
	Title string `json:"title,omitempty" doc:"1 to 120 characters; the name if empty" example:"Evening stream"`
}

// ChannelChange sets what it names.
type ChannelChange struct {
	Title string `json:"title" doc:"1 to 120 characters" example:"Evening stream"`
}

type channelsOut struct{ Body ChannelPage }

type listChannelsIn struct {
	Live bool `query:"live" required:"true" enum:"true" doc:"only live channels are listed" example:"true"`
	rest.PageQuery
}

type createChannelIn struct{ Body ChannelDraft }

type patchChannelIn struct {
	ChannelRef
	Body ChannelChange
}

type ingestOut struct{ Body Ingest }

func (h *handlers) channelOperations() []rest.Operation {
	return []rest.Operation{
		rest.Handle(rest.Operation{
			ID: "list-channels", Method: http.MethodGet, Path: "/v1/channels",
			Summary: "List live channels",
			Text:    "Channels that are live or interrupted, those with the most viewers first, as they were within the last 10 s. There is no list of all channels yet, so live must be true.",
			Tag:     "channels", Access: rest.Guests, Cached: fresh, Codes: []string{"bad_cursor"},
		}, h.listChannels),
		rest.Handle(rest.Operation{
			ID: "create-channel", Method: http.MethodPost, Path: "/v1/channels",
			Summary: "Make one's channel and its room",
			Text:    "An account has one channel, and becomes a streamer by it.",
			Tag:     "channels", Status: http.StatusCreated, Access: rest.Users, Right: rest.Enabled(), Codes: []string{"channel_exists", "name_taken", "name_reserved", "name_length", "name_charset", "name_no_letter", "bad_text", "text_marks", "text_too_long"},
		}, h.createChannel),
		rest.Handle(rest.Operation{
			ID: "list-my-channels", Method: http.MethodGet, Path: "/v1/me/channels",
			Summary: "List one's own channels",
			Text:    "None or one.",
			Tag:     "me", Access: rest.Users,
		}, h.myChannels),
		rest.Handle(rest.Operation{
			ID: "get-channel", Method: http.MethodGet, Path: "/v1/channels/{channel}",
			Summary: "Look at a channel",
			Text:    "By name or id.",
			Tag:     "channels", Access: rest.Guests, Cached: fresh, Codes: []string{"no_channel"},
		}, h.getChannel),
		rest.Handle(rest.Operation{
			ID: "update-channel", Method: http.MethodPatch, Path: "/v1/channels/{channel}",
			Summary: "Change a channel",
			Text:    "Answers the channel as it is then.",
			Tag:     "channels", Access: rest.Users, Right: channelOwner(), Codes: []string{"no_channel", "bad_text", "text_marks", "text_too_long"},
		}, h.patchChannel),
		rest.Handle(rest.Operation{
			ID: "get-ingest", Method: http.MethodGet, Path: "/v1/channels/{channel}/ingest",
			Summary: "See how the publisher is doing",
			Text:    "What arrives, and what the streamer should change.",
			Tag:     "channels", Access: rest.Users, Right: channelWatcher(), Codes: []string{"no_channel"},
		}, h.getIngest),
	}
}

func (h *handlers) listChannels(ctx context.Context, in *listChannelsIn) (*channelsOut, error) {
	after, err := in.After()
	if err != nil {
		return nil, err
	}
	list, next, err := h.ChannelViews.ListLive(ctx, after, in.Limit)
	if err != nil {
		return nil, err
	}
	out := &channelsOut{ChannelPage{Channels: make([]Channel, 0, len(list))}}
	for _, l := range list {
		v, err := h.view(ctx, l.Channel)
		if err != nil {
			return nil, err
		}
		v.Viewers = l.Viewers
		out.Body.Channels = append(out.Body.Channels, v)
	}
	if next != "" {
		out.Body.Next = rest.Cursor(next)
	}
	return out, nil
}

func (h *handlers) createChannel(ctx context.Context, in *createChannelIn) (*channelOut, error) {
	if err := rest.RequireRight(ctx, true); err != nil {
		return nil, err
	}
	i, err := rest.RequireIdentity(ctx)
	if err != nil {
		return nil, err
	}
	if err := h.Limits.Within(ctx, rest.UserLimit("create_channel", i, createLimit)); err != nil {
		return nil, err
	}
	ch, err := h.Channels.Create(ctx, i.User, in.Body.Name, in.Body.Title)
	if err != nil {
		return nil, err
	}
	if _, err := h.Accounts.GrantRole(ctx, i.User, auth.Streamer); err != nil {
		return nil, err
	}
	return h.show(ctx, ch)
}

func (h *handlers) myChannels(ctx context.Context, _ *struct{}) (*channelsOut, error) {
	i, err := rest.RequireIdentity(ctx)
	if err != nil {
		return nil, err
	}
	ch, err := h.ChannelViews.Owned(ctx, i.User)
	if errors.Is(err, channel.ErrNoChannel) {
		return h.viewAll(ctx, nil)
	}
	if err != nil {
		return nil, err
	}
	return h.viewAll(ctx, []channel.Channel{ch})
}

func (h *handlers) getChannel(ctx context.Context, in *ChannelRef) (*channelOut, error) {
	ch, err := h.find(ctx, in.Channel)
	if err != nil {
		return nil, err
	}
	return h.show(ctx, ch)
}

func (h *handlers) patchChannel(ctx context.Context, in *patchChannelIn) (*channelOut, error) {
	ch, err := h.own(ctx, in.Channel)
	if err != nil {
		return nil, err
	}
	if ch, err = h.Channels.SetTitle(ctx, ch.ID, in.Body.Title); err != nil {
		return nil, err
	}
	return h.show(ctx, ch)
}

func (h *handlers) getIngest(ctx context.Context, in *ChannelRef) (*ingestOut, error) {
	ch, err := h.own(ctx, in.Channel)
	if err != nil {
		return nil, err
	}
	got, err := h.Channels.Ingest(ctx, ch.ID)
	if err != nil {
		return nil, err
	}
	out := &ingestOut{Ingest{
		State: string(got.Phase), Bitrate: int64(got.BitrateBPS), FPS: got.FPS, KeyframeMS: got.KeyframeInterval.Milliseconds(),
		Width: got.Width, Height: got.Height, VideoCodec: got.VideoCodec, AudioCodec: got.AudioCodec,
		Warnings: make([]Warning, 0, len(got.Warnings)),
	}}
	if !got.Since.IsZero() {
		out.Body.SinceMS = got.Since.UnixMilli()
	}
	if r := got.Refusal; r.Code != "" {
		out.Body.Refusal = &Refusal{r.Code, r.Message, r.Protocol, r.At.UnixMilli()}
	}
	for _, w := range got.Warnings {
		out.Body.Warnings = append(out.Body.Warnings, Warning(w))
	}
	return out, nil
}

// find resolves a name or id to a channel that exists.
func (h *handlers) find(ctx context.Context, nameOrID string) (channel.Channel, error) {
	ch, err := h.ChannelViews.Resolve(ctx, nameOrID)
	if err != nil {
		return channel.Channel{}, err
	}
	return h.ChannelViews.Get(ctx, ch)
}

func (h *handlers) show(ctx context.Context, ch channel.Channel) (*channelOut, error) {
	v, err := h.watched(ctx, ch)
	return &channelOut{v}, err
}

func (h *handlers) viewAll(ctx context.Context, list []channel.Channel) (*channelsOut, error) {
	out := &channelsOut{}
	out.Body.Channels = make([]Channel, 0, len(list))
	for _, ch := range list {
		v, err := h.watched(ctx, ch)
		if err != nil {
			return nil, err
		}
		out.Body.Channels = append(out.Body.Channels, v)
	}
	return out, nil
}

// watched is view with the channel's audience.
func (h *handlers) watched(ctx context.Context, ch channel.Channel) (Channel, error) {
	v, err := h.view(ctx, ch)
	if err == nil {
		if info, err := h.Audience.Info(ctx, ch.Room); err == nil { // a channel without a count is better than none
			v.Viewers = info.Online
		}
	}
	return v, err
}

// view joins a channel with its owner's handle.
func (h *handlers) view(ctx context.Context, ch channel.Channel) (Channel, error) {
	handle, err := h.Accounts.Handle(ctx, ch.Owner)
	if err != nil && !errors.Is(err, account.ErrNoAccount) {
		return Channel{}, err
	}
	v := Channel{
		ID: string(ch.ID), Name: ch.Name, Title: ch.Title, Owner: Owner{string(ch.Owner), handle}, Room: string(ch.Room),
		Live: ch.Phase == channel.Live, State: string(ch.Phase), Broadcast: string(ch.Broadcast),
		PlaylistURL: h.Config.Public + "/live/" + ch.Name + "/index.m3u8",
	}
	if !ch.Start.IsZero() {
		v.StartMS = ch.Start.UnixMilli()
	}
	return v, nil
}

// rtmpURL is where streamers publish to, without the key.
func (h *handlers) rtmpURL(ctx context.Context) string {
	u := url.URL{Scheme: "rtmp", Host: rest.CallerOf(ctx).Host, Path: "/live"}
	if public, err := url.Parse(h.Config.Public); err == nil && public.Host != "" {
		u.Host = public.Host
	}
	host := u.Hostname()
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	u.Host = host
	if h.Config.RTMPS {
		u.Scheme = "rtmps"
	}
	// 1935 is what RTMP means without a port. Programs do not agree what RTMPS means.
	if port := cmp.Or(h.Config.RTMPPort, 1935); port != 1935 || h.Config.RTMPS {
		u.Host += ":" + strconv.Itoa(port)
	}
	return u.String()
}
