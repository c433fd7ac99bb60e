package main

import (
	"cmp"
	"net/http"

	"github.com/barrage-live/barrage/gateway/api"
	"github.com/barrage-live/barrage/gateway/api/identity"
	"github.com/barrage-live/barrage/gateway/api/live"
	"github.com/barrage-live/barrage/gateway/rest"
)

// programs is the face for programs: each wing of the API with the clients of its actors.
func (p *platform) programs() (http.Handler, error) {
	return api.New(api.Deps{
		Config: api.Config{
			Config:   rest.Config{Origins: p.cfg.Limits.Origins, Proxies: p.proxies, Public: p.cfg.Public, Reads: float64(p.cfg.Limits.Reads), Writes: float64(p.cfg.Limits.Writes)},
			RTMPPort: port(cmp.Or(p.cfg.RTMP, p.cfg.RTMPS)), RTMPS: p.cfg.RTMP == "" && p.cfg.RTMPS != "",
			Logins: p.cfg.Limits.Logins, Registrations: p.cfg.Limits.Registrations, Window: p.cfg.Limits.Window,
		},
		Tokens: p.tokens,
		Identity: identity.Ports{
			Accounts: p.accounts, Members: p.accounts, Directory: p.directory, Sessions: p.sessions, SessionViews: p.sessions,
		},
		Live: live.Ports{
			Accounts: p.accounts, Broadcasts: p.broadcasts,
			Channels: p.channels, ChannelViews: p.channels, StreamKeys: p.channels, TimeIndex: p.timeIndex,
			Rooms: p.rooms, Mutes: p.rooms, Audience: p.rooms,
		},
		Limiter: rest.LimiterFunc(p.allow), Log: p.log, Metrics: rest.NewMetrics(p.registry),
	})
}
