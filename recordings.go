package main

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/barrage-live/barrage/actors/live/broadcast"
	"github.com/barrage-live/barrage/actors/live/channel"
	"github.com/barrage-live/barrage/actors/live/room"
	"github.com/barrage-live/barrage/internal/id"
	"github.com/barrage-live/barrage/live/recording"
)

const (
	// watchEvery is how often the room on the disk is looked at: a hundred broadcasts of 60 Mbit/s write less
	// than the least reserve meanwhile.
	watchEvery = 5 * time.Second
	// tidyEvery is how often it is looked for what is not to be kept.
	tidyEvery = time.Minute
	// sweepEvery is how often it is looked for danmaku of what was never recorded.
	sweepEvery = time.Hour
)

// keepRecordings holds what is recorded to the settings until the platform stops. The disk is looked at
// before anybody may publish.
func (p *platform) keepRecordings() {
	k := recording.NewKeeper(p.recordings, recording.Policy{
		Retention: p.cfg.Live.Retention, Quota: int64(p.cfg.Live.Quota), Reserve: int64(p.cfg.Live.Reserve),
	}, recorded{p.broadcasts, p.channels, p.timeIndex}, recording.NewMetrics(p.registry))
	k.Watch()
	p.every("recordings: disk", watchEvery, func(context.Context) { k.Watch() })
	p.every("recordings", tidyEvery, func(ctx context.Context) {
		if err := k.Tidy(ctx, time.Now()); err != nil && !errors.Is(ctx.Err(), context.Canceled) {
			p.log.Error("not all recordings could be looked at", slog.Any("error", err))
		}
	})
	if p.cfg.Live.Retention > 0 {
		p.every("danmaku of what was not recorded", sweepEvery, func(ctx context.Context) {
			n, err := p.timeIndex.Sweep(ctx, time.Now().Add(-p.cfg.Live.Retention), p.hasRecording)
			if n > 0 {
				p.log.Info("danmaku of broadcasts without a recording removed", slog.Int("broadcasts", n))
			}
			if err != nil && !errors.Is(ctx.Err(), context.Canceled) {
				p.log.Warn("not all danmaku of broadcasts without a recording could be removed", slog.Any("error", err))
			}
		})
	}
}

// hasRecording reports whether anything was recorded of a broadcast: then its danmaku go with that.
func (p *platform) hasRecording(ctx context.Context, b id.Broadcast) (bool, error) {
	_, err := p.recordings.Header(ctx, b)
	if errors.Is(err, recording.ErrNone) {
		return false, nil
	}
	return err == nil, err
}

// recorded is what there is of broadcasts: pictures, and the danmaku on them.
type recorded struct {
	*broadcast.Client
	channels *channel.Client
	danmaku  *room.TimeIndex
}

// Erase deletes both. The danmaku go first: as long as the pictures are there it can be done again.
func (r recorded) Erase(ctx context.Context, ch id.Channel, b id.Broadcast) error {
	of, err := r.channels.Get(ctx, ch)
	if err != nil {
		return err
	}
	if err := r.danmaku.Delete(ctx, of.Room, b); err != nil {
		return err
	}
	return r.Client.Erase(ctx, ch, b)
}
