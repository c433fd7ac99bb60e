package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"sync/atomic"
	"time"

	"github.com/barrage-live/barrage/internal/auth"
)

// demo is the platform as a newcomer first sees it: on a throw-away data folder, with a channel that shows
// a generated picture and bots that chat in its room.
func demo(ctx context.Context, cfg Config, stdout, stderr io.Writer) error {
	folder, err := os.MkdirTemp("", "barrage-demo-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	cfg.Data, cfg.Log.Level = folder, "warn"
	cfg.Stop.Timeout = demoStop
	log := cfg.Log.logger(stderr)
	return serveUntil(ctx, cfg, log, func(p *platform) error {
		stage, err := p.prepareStage(ctx)
		if err != nil {
			return err
		}
		for i := range bots {
			go p.runBot(ctx, i, stage)
		}
		stage.announce(stdout)
		return picture(ctx, stage.publish, log)
	})
}

// demoStop bounds the end of the demo: nobody but bots has to be asked to come back.
const demoStop = 4 * time.Second

// stage is what the demo set up before it begins.
type stage struct {
	page     string // where to watch
	publish  string // RTMP address with the key
	password string // of the account "demo", which owns the channel
	room     string
	socket   string
	bots     []auth.Identity
	said     *atomic.Int64 // lines of the chatter
}

const demoName = "demo"

func (p *platform) prepareStage(ctx context.Context) (stage, error) {
	s := stage{password: newPassword(), said: new(atomic.Int64)}
	owner, err := p.accounts.Register(ctx, demoName, s.password)
	if err != nil {
		return s, fmt.Errorf("demo account: %w", err)
	}
	ch, err := p.channels.Create(ctx, owner.User, demoName, "A test picture, live")
	if err != nil {
		return s, fmt.Errorf("demo channel: %w", err)
	}
	_, key, err := p.channels.MintKey(ctx, ch.ID, owner.RightsVersion)
	if err != nil {
		return s, fmt.Errorf("demo stream key: %w", err)
	}
	for i := range bots {
		who, err := p.bot(ctx, i)
		if err != nil {
			return s, fmt.Errorf("demo bot: %w", err)
		}
		s.bots = append(s.bots, who)
	}
	s.room = string(ch.Room)
	s.page = "http://" + loopback(p.addrs["http"]) + "/@" + demoName
	s.socket = "ws://" + loopback(p.addrs["http"]) + "/ws"
	s.publish = "rtmp://" + loopback(p.addrs["rtmp"]) + "/live/" + key.Reveal()
	return s, nil
}

func (s stage) announce(w io.Writer) {
	fmt.Fprintf(w, `
  Barrage is live:   %s

  To post danmaku:   log in as %s with the password %s
  Studio:            the same login, "Studio" in the menu
  End the demo:      Ctrl-C; nothing of it is kept

`, s.page, demoName, s.password)
}
