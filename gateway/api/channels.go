package api

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/barrage-live/barrage/actors/account"
	"github.com/barrage-live/barrage/actors/channel"
	"github.com/barrage-live/barrage/internal/auth"
	"github.com/barrage-live/barrage/internal/fault"
)

// createLimit is how often one account may try to make a channel in the window.
const createLimit = 20

// Owner names the account of a channel.
type Owner struct {
	ID     string `json:"id"`
	Handle string `json:"handle"`
}

// Channel is a broadcaster's outlet.
type Channel struct {
	ID          string `json:"id"`
	Name        string `json:"name" doc:"what it is called in addresses"`
	Title       string `json:"title" doc:"plain text"`
	Owner       Owner  `json:"owner"`
	Room        string `json:"room" doc:"the room its danmaku are in"`
	Live        bool   `json:"live" doc:"a publisher is sending"`
	State       string `json:"state" enum:"offline,live,interrupted" doc:"interrupted: the publisher is gone and may return"`
	Broadcast   string `json:"broadcast,omitempty" doc:"the broadcast that is going on"`
	StartMS     int64  `json:"broadcast_start_ms,omitempty" doc:"media time zero of the broadcast, in ms since 1970"`
	Viewers     int    `json:"viewers" doc:"sessions in the room"`
	PlaylistURL string `json:"playlist_url" doc:"the multivariant playlist"`
}

// Ingest is how a publisher is doing.
type Ingest struct {
	State      string    `json:"state" enum:"offline,live,interrupted"`
	Bitrate    int64     `json:"bitrate_bps"`
	FPS        float64   `json:"fps"`
	KeyframeMS int64     `json:"keyframe_interval_ms"`
	Width      int       `json:"width"`
	Height     int       `json:"height"`
	VideoCodec string    `json:"video_codec"`
	AudioCodec string    `json:"audio_codec"`
	SinceMS    int64     `json:"since_ms" doc:"when the state began, in ms since 1970; 0 while offline"`
	Warnings   []Warning `json:"warnings" nullable:"false" doc:"what the streamer should change"`
}

// Warning is one advice to a streamer.
type Warning struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

type channelIn struct {
	Channel string `path:"channel" doc:"name or id"`
}

type channelOut struct{ Body Channel }

type channelsOut struct {
	Body struct {
		Channels []Channel `json:"channels" nullable:"false"`
	}
}

type listChannelsIn struct {
	Live bool `query:"live" doc:"must be true: only live channels are listed"`
}

type createChannelIn struct {
	Body struct {
		Name  string `json:"name" doc:"2 to 32 of a-z, 0-9, _ and -; unique"`
		Title string `json:"title,omitempty" doc:"1 to 120 characters; the name if empty"`
	}
}

type patchChannelIn struct {
	Channel string `path:"channel" doc:"name or id"`
	Body    struct {
		Title string `json:"title" doc:"1 to 120 characters"`
	}
}

type ingestOut struct{ Body Ingest }

func (s *server) channels() {
	add(s, operation{"list-channels", http.MethodGet, "/v1/channels", "List live channels", "channels", 0, guests}, s.listChannels)
	add(s, operation{"create-channel", http.MethodPost, "/v1/channels", "Make one's channel and its room", "channels", http.StatusCreated, users}, s.createChannel)
	add(s, operation{"my-channels", http.MethodGet, "/v1/me/channels", "List one's own channels", "me", 0, users}, s.myChannels)
	add(s, operation{"get-channel", http.MethodGet, "/v1/channels/{channel}", "Look at a channel", "channels", 0, guests}, s.getChannel)
	add(s, operation{"update-channel", http.MethodPatch, "/v1/channels/{channel}", "Change one's channel", "channels", 0, users}, s.patchChannel)
	add(s, operation{"get-ingest", http.MethodGet, "/v1/channels/{channel}/ingest", "See how the publisher is doing", "channels", 0, users}, s.getIngest)
}

func (s *server) listChannels(ctx context.Context, in *listChannelsIn) (*channelsOut, error) {
	if !in.Live {
		return nil, fault.New(fault.Invalid, "live_only", "only live channels are listed: add live=true").In("live")
	}
	list, err := s.ChannelViews.ListLive(ctx)
	if err != nil {
		return nil, err
	}
	return s.viewAll(ctx, list)
}

func (s *server) createChannel(ctx context.Context, in *createChannelIn) (*channelOut, error) {
	if err := s.allowed(ctx, true); err != nil {
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

func (s *server) getChannel(ctx context.Context, in *channelIn) (*channelOut, error) {
	ch, err := s.find(ctx, in.Channel)
	if err != nil {
		return nil, err
	}
	return s.show(ctx, ch)
}

func (s *server) patchChannel(ctx context.Context, in *patchChannelIn) (*channelOut, error) {
	ch, err := s.own(ctx, in.Channel, auth.Admin)
	if err != nil {
		return nil, err
	}
	if ch, err = s.Channels.SetTitle(ctx, ch.ID, in.Body.Title); err != nil {
		return nil, err
	}
	return s.show(ctx, ch)
}

func (s *server) getIngest(ctx context.Context, in *channelIn) (*ingestOut, error) {
	ch, err := s.own(ctx, in.Channel, auth.Moderator, auth.Admin)
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

// own finds a channel that the asker owns, or governs by a role.
func (s *server) own(ctx context.Context, nameOrID string, roles ...auth.Role) (channel.Channel, error) {
	i, err := asker(ctx)
	if err != nil {
		return channel.Channel{}, err
	}
	ch, err := s.find(ctx, nameOrID)
	if err != nil {
		return channel.Channel{}, err
	}
	return ch, s.allowed(ctx, ch.Owner == i.User, roles...)
}

func (s *server) show(ctx context.Context, ch channel.Channel) (*channelOut, error) {
	v, err := s.view(ctx, ch)
	return &channelOut{v}, err
}

func (s *server) viewAll(ctx context.Context, list []channel.Channel) (*channelsOut, error) {
	out := &channelsOut{}
	out.Body.Channels = make([]Channel, 0, len(list))
	for _, ch := range list {
		v, err := s.view(ctx, ch)
		if err != nil {
			return nil, err
		}
		out.Body.Channels = append(out.Body.Channels, v)
	}
	return out, nil
}

// view joins a channel with its owner's handle and its audience.
func (s *server) view(ctx context.Context, ch channel.Channel) (Channel, error) {
	owner, err := s.Accounts.Get(ctx, ch.Owner)
	if err != nil && !errors.Is(err, account.ErrNoAccount) {
		return Channel{}, err
	}
	v := Channel{
		ID: string(ch.ID), Name: ch.Name, Title: ch.Title, Owner: Owner{string(ch.Owner), owner.Handle}, Room: string(ch.Room),
		Live: ch.Phase == channel.Live, State: string(ch.Phase), Broadcast: string(ch.Broadcast),
		PlaylistURL: s.Config.Public + "/live/" + ch.Name + "/index.m3u8",
	}
	if !ch.Start.IsZero() {
		v.StartMS = ch.Start.UnixMilli()
	}
	if s.Audience != nil {
		if info, err := s.Audience.Info(ctx, ch.Room); err == nil { // a list without counts is better than none
			v.Viewers = info.Online
		}
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
