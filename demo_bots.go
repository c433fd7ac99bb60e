package main

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/barrage-live/barrage/internal/auth"
	"github.com/barrage-live/barrage/internal/wire"
	"github.com/barrage-live/barrage/internal/wire/wireclient"
	"github.com/barrage-live/barrage/internal/wire/wirepb"
)

// bots is how many of them chat in the demo's room.
const bots = 6

// The demo's chatter, said line by line by whichever bot speaks next, over real sockets, like any viewer.
var (
	botNames = [bots]string{"mira", "tomas", "little_bear", "juno", "pixel", "nightowl"}
	botLines = [...]string{
		"first!", "hello from my phone", "is this live?", "it is, look at the clock", "这个画面好稳", "привет всем",
		"those colours!", "弹幕测试", "no lag here either", "hola a todos", "what is that beep?", "once a second, like a clock",
		"great test picture", "233333", "can you see me?", "we can", "waving from the train", "こんにちは",
		"so smooth", "哈哈哈哈", "who else is in bed already?", "me", "me too", "does it work in the bus?",
		"I am in the bus", "안녕하세요", "turn the opacity down if it is too much", "done, much better", "bonsoir", "good night all",
	}
	botColours = [...]uint32{0xFFFFFF, 0xFFFFFF, 0xFFD166, 0x7FDBFF, 0xFF8FA3, 0xB8F2A6}
)

// bot makes the account of a bot and logs it in.
func (p *platform) bot(ctx context.Context, i int) (who auth.Identity, err error) {
	account, err := p.accounts.Register(ctx, botNames[i], newPassword())
	if err != nil {
		return who, err
	}
	login, err := p.sessions.Open(ctx, account.User, account.Logins, "demo bot")
	if err != nil {
		return who, err
	}
	return auth.Identity{User: account.User, Session: login.Token.Session, Name: account.Handle, Roles: account.Roles, RightsVersion: account.RightsVersion}, nil
}

// runBot chats until ctx ends, about once in six seconds.
func (p *platform) runBot(ctx context.Context, i int, s stage) {
	clients := make(chan *wireclient.Client, 1)
	go p.talk(ctx, i, s, clients)
	err := wireclient.Follow(ctx, wireclient.FollowConfig{
		Config: wireclient.Config{URL: s.socket, Encoding: wire.Proto},
		Rooms:  []string{s.room},
		Token:  func(context.Context) (string, error) { return p.tokens.Mint(s.bots[i], time.Now()) },
		OnClient: func(c *wireclient.Client) {
			select {
			case clients <- c:
			case <-ctx.Done():
			}
		},
	})
	if ctx.Err() == nil {
		p.log.Warn("a demo bot left", slog.String("bot", botNames[i]), slog.Any("error", err))
	}
}

func (p *platform) talk(ctx context.Context, i int, s stage, clients <-chan *wireclient.Client) {
	var c *wireclient.Client
	for n := 0; ; n++ {
		wait := time.NewTimer(time.Duration(2000+rand.IntN(8000)) * time.Millisecond)
		select {
		case <-ctx.Done():
			wait.Stop()
			return
		case c = <-clients:
			wait.Stop()
			continue
		case <-wait.C:
		}
		if c == nil {
			continue
		}
		text := botLines[int(s.said.Add(1)-1)%len(botLines)]
		if _, err := c.Post(ctx, botPost(s.room, text, i, n)); err != nil && ctx.Err() == nil {
			p.log.Warn("a demo bot was refused", slog.String("bot", botNames[i]), slog.Any("error", err))
		}
	}
}

func botPost(room, text string, i, n int) *wirepb.Post {
	mode := wirepb.Mode_MODE_SCROLL
	if rand.IntN(12) == 0 {
		mode = wirepb.Mode_MODE_TOP
	}
	return &wirepb.Post{
		Room: room, Key: fmt.Sprintf("bot%d-%d", i, n), Text: text,
		Mode: mode, Colour: new(botColours[rand.IntN(len(botColours))]), Size: wirepb.Size_SIZE_NORMAL,
	}
}
