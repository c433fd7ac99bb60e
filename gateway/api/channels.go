package api

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/barrage-live/barrage/actors/identity/account"
	"github.com/barrage-live/barrage/actors/live/channel"
	"github.com/barrage-live/barrage/internal/auth"
)

// createLimit is how often one account may try to make a channel in the window.
const createLimit = 20

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
	PageQuery
}

type createChannelIn struct{ Body ChannelDraft }

type patchChannelIn struct {
	ChannelRef
	Body ChannelChange
}

type ingestOut struct{ Body Ingest }

func channels() []operation {
	return []operation{
		handle(operation{
			id: "list-channels", method: http.MethodGet, path: "/v1/channels",
			summary: "List live channels",
			text:    "Channels that are live or interrupted, those with the most viewers first, as they were within the last 10 s. There is no list of all channels yet, so live must be true.",
			tag:     "channels", access: guests, codes: []string{"bad_cursor"},
		}, func(s *server) func(context.Context, *listChannelsIn) (*channelsOut, error) { return s.listChannels }),
		handle(operation{
			id: "create-channel", method: http.MethodPost, path: "/v1/channels",
			summary: "Make one's channel and its room",
			text:    "An account has one channel, and becomes a streamer by it.",
			tag:     "channels", status: http.StatusCreated, access: users, right: enabled, limited: true, codes: []string{"channel_exists", "name_taken", "name_reserved", "name_length", "name_charset", "name_no_letter", "bad_text", "text_marks", "text_too_long"},
		}, func(s *server) func(context.Context, *createChannelIn) (*channelOut, error) { return s.createChannel }),
		handle(operation{
			id: "list-my-channels", method: http.MethodGet, path: "/v1/me/channels",
			summary: "List one's own channels",
			text:    "None or one.",
			tag:     "me", access: users,
		}, func(s *server) func(context.Context, *struct{}) (*channelsOut, error) { return s.myChannels }),
		handle(operation{
			id: "get-channel", method: http.MethodGet, path: "/v1/channels/{channel}",
			summary: "Look at a channel",
			text:    "By name or id.",
			tag:     "channels", access: guests, codes: []string{"no_channel"},
		}, func(s *server) func(context.Context, *ChannelRef) (*channelOut, error) { return s.getChannel }),
		handle(operation{
			id: "update-channel", method: http.MethodPatch, path: "/v1/channels/{channel}",
			summary: "Change a channel",
			text:    "Answers the channel as it is then.",
			tag:     "channels", access: users, right: channelOwner, codes: []string{"no_channel", "bad_text", "text_marks", "text_too_long"},
		}, func(s *server) func(context.Context, *patchChannelIn) (*channelOut, error) { return s.patchChannel }),
		handle(operation{
			id: "get-ingest", method: http.MethodGet, path: "/v1/channels/{channel}/ingest",
			summary: "See how the publisher is doing",
			text:    "What arrives, and what the streamer should change.",
			tag:     "channels", access: users, right: channelWatcher, codes: []string{"no_channel"},
		}, func(s *server) func(context.Context, *ChannelRef) (*ingestOut, error) { return s.getIngest }),
	}
}

func (s *server) listChannels(ctx context.Context, in *listChannelsIn) (*channelsOut, error) {
	after, err := in.after()
	if err != nil {
		return nil, err
	}
	list, next, err := s.ChannelViews.ListLive(ctx, after, in.Limit)
	if err != nil {
		return nil, err
	}
	out := &channelsOut{ChannelPage{Channels: make([]Channel, 0, len(list))}}
	for _, l := range list {
		v, err := s.view(ctx, l.Channel)
		if err != nil {
			return nil, err
		}
		v.Viewers = l.Viewers
		out.Body.Channels = append(out.Body.Channels, v)
	}
	if next != "" {
		out.Body.Next = cursor(next)
	}
	return out, nil
}

func (s *server) createChannel(ctx context.Context, in *createChannelIn) (*channelOut, error) {
	if err := s.permit(ctx, true); err != nil {
		return nil, err
	}
	i, err := asker(ctx)
	if err != nil {
		return nil, err
	}
	if err := s.within(ctx, userLimit("create_channel", i, createLimit)); err != nil {
		return nil, err
	}
	ch, err := s.Channels.Create(ctx, i.User, in.Body.Name, in.Body.Title)
	if err != nil {
		return nil, err
	}
	if _, err := s.Accounts.GrantRole(ctx, i.User, auth.Streamer); err != nil {
		return nil, err
	}
	return s.show(ctx, ch)
}

func (s *server) myChannels(ctx context.Context, _ *struct{}) (*channelsOut, error) {
	i, err := asker(ctx)
	if err != nil {
		return nil, err
	}
	ch, err := s.ChannelViews.Owned(ctx, i.User)
	if errors.Is(err, channel.ErrNoChannel) {
		return s.viewAll(ctx, nil)
	}
	if err != nil {
		return nil, err
	}
	return s.viewAll(ctx, []channel.Channel{ch})
}

func (s *server) getChannel(ctx context.Context, in *ChannelRef) (*channelOut, error) {
	ch, err := s.find(ctx, in.Channel)
	if err != nil {
		return nil, err
	}
	return s.show(ctx, ch)
}

func (s *server) patchChannel(ctx context.Context, in *patchChannelIn) (*channelOut, error) {
	ch, err := s.own(ctx, in.Channel)
	if err != nil {
		return nil, err
	}
	if ch, err = s.Channels.SetTitle(ctx, ch.ID, in.Body.Title); err != nil {
		return nil, err
	}
	return s.show(ctx, ch)
}

func (s *server) getIngest(ctx context.Context, in *ChannelRef) (*ingestOut, error) {
	ch, err := s.own(ctx, in.Channel)
	if err != nil {
		return nil, err
	}
	got, err := s.Channels.Ingest(ctx, ch.ID)
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
	for _, w := range got.Warnings {
		out.Body.Warnings = append(out.Body.Warnings, Warning(w))
	}
	return out, nil
}

// find resolves a name or id to a channel that exists.
func (s *server) find(ctx context.Context, nameOrID string) (channel.Channel, error) {
	ch, err := s.ChannelViews.Resolve(ctx, nameOrID)
	if err != nil {
		return channel.Channel{}, err
	}
	return s.ChannelViews.Get(ctx, ch)
}

func (s *server) show(ctx context.Context, ch channel.Channel) (*channelOut, error) {
	v, err := s.watched(ctx, ch)
	return &channelOut{v}, err
}

func (s *server) viewAll(ctx context.Context, list []channel.Channel) (*channelsOut, error) {
	out := &channelsOut{}
	out.Body.Channels = make([]Channel, 0, len(list))
	for _, ch := range list {
		v, err := s.watched(ctx, ch)
		if err != nil {
			return nil, err
		}
		out.Body.Channels = append(out.Body.Channels, v)
	}
	return out, nil
}

// watched is view with the channel's audience.
func (s *server) watched(ctx context.Context, ch channel.Channel) (Channel, error) {
	v, err := s.view(ctx, ch)
	if err == nil && s.Audience != nil {
		if info, err := s.Audience.Info(ctx, ch.Room); err == nil { // a channel without a count is better than none
			v.Viewers = info.Online
		}
	}
	return v, err
}

// view joins a channel with its owner's handle.
func (s *server) view(ctx context.Context, ch channel.Channel) (Channel, error) {
	handle, err := s.Handles.Handle(ctx, ch.Owner)
	if err != nil && !errors.Is(err, account.ErrNoAccount) {
		return Channel{}, err
	}
	v := Channel{
		ID: string(ch.ID), Name: ch.Name, Title: ch.Title, Owner: Owner{string(ch.Owner), handle}, Room: string(ch.Room),
		Live: ch.Phase == channel.Live, State: string(ch.Phase), Broadcast: string(ch.Broadcast),
		PlaylistURL: s.Config.Public + "/live/" + ch.Name + "/index.m3u8",
	}
	if !ch.Start.IsZero() {
		v.StartMS = ch.Start.UnixMilli()
	}
	return v, nil
}

// rtmpURL is where streamers publish to, without the key.
func (s *server) rtmpURL(ctx context.Context) string {
	u := url.URL{Scheme: "rtmp", Host: callerOf(ctx).host, Path: "/live"}
	if public, err := url.Parse(s.Config.Public); err == nil && public.Host != "" {
		u.Host = public.Host
	}
	host := u.Hostname()
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	u.Host = host
	if s.Config.RTMPS {
		u.Scheme = "rtmps"
	}
	// 1935 is what RTMP means without a port. Programs do not agree what RTMPS means.
	if port := cmp.Or(s.Config.RTMPPort, 1935); port != 1935 || s.Config.RTMPS {
		u.Host += ":" + strconv.Itoa(port)
	}
	return u.String()
}
