package recording

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/id"
	"github.com/barrage-live/barrage/internal/media/index"
	"github.com/barrage-live/barrage/storage/table"
)

const (
	// reserveShare and reserveLeast are the reserve where none is set: the larger of a share of the disk and
	// a size.
	reserveShare = 20
	reserveLeast = 5_000_000_000
	// resumeShare is how much more than the reserve must be free before recording goes on, as a share of it.
	resumeShare = 16
	// unbegun is how old a recording without a header is when it counts as one that never began: its first
	// part writes it.
	unbegun = time.Hour
)

// Policy is how long recordings last. The zero value keeps everything, and the usual reserve of the disk.
type Policy struct {
	// Retention is how long a recording is kept after it has ended; 0: for ever.
	Retention time.Duration
	// Quota is how many bytes of recordings a channel has; the oldest that have ended go first, and what goes
	// on is recorded up to it. 0: any number.
	Quota int64
	// Reserve is how many bytes of the disk stay free of recordings; 0: the larger of 5 % and 5 GB.
	Reserve int64
}

// Owner changes recordings under the fence of their channel, which its actor has. Each call may be
// repeated.
type Owner interface {
	// Erase deletes a recording that has ended.
	Erase(ctx context.Context, channel id.Channel, b id.Broadcast) error
	// Settle ends the recording of a broadcast that does not go on.
	Settle(ctx context.Context, channel id.Channel, b id.Broadcast) error
}

// Keeper holds recordings to a Policy. Its methods are called by one goroutine each.
type Keeper struct {
	store   *Store
	policy  Policy
	owner   Owner
	metrics *Metrics
}

// Metrics are the figures of a Keeper.
type Metrics struct {
	paused  prometheus.Gauge
	free    prometheus.Gauge
	removed *prometheus.CounterVec
	failed  prometheus.Counter
}

// NewMetrics registers the figures with r.
func NewMetrics(r prometheus.Registerer) *Metrics {
	m := &Metrics{
		paused: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "barrage_recording_paused", Help: "1 while nothing is recorded because the disk is nearly full.",
		}),
		free: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "barrage_recording_free_bytes", Help: "Room that recordings may still take, above the reserve.",
		}),
		removed: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "barrage_recording_removed_total", Help: "Recordings removed, by why: retention, quota, unfinished (an earlier removal, or what never began).",
		}, []string{"why"}),
		failed: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "barrage_recording_tidy_failures_total", Help: "Recordings that could not be ended or removed; they are tried again.",
		}),
	}
	r.MustRegister(m.paused, m.free, m.removed, m.failed)
	return m
}

// NewKeeper makes one, and holds the store to the quota from now on.
func NewKeeper(s *Store, p Policy, o Owner, m *Metrics) *Keeper {
	s.quota.Store(p.Quota)
	return &Keeper{s, p, o, m}
}

// Watch looks at the disk, and stops or resumes the recording of everything.
func (k *Keeper) Watch() {
	free, total, ok := k.store.blobs.Room()
	if !ok {
		return
	}
	reserve := k.policy.reserve(total)
	paused := k.store.Paused()
	switch need := reserve + reserve/resumeShare; {
	case !paused && free < reserve:
		k.store.log.Error("nothing is recorded: the disk is nearly full", slog.Int64("free", free), slog.Int64("reserve", reserve))
		k.store.Pause(true)
	case paused && free >= need:
		k.store.log.Info("recording goes on: the disk has room again", slog.Int64("free", free))
		k.store.Pause(false)
	}
	k.metrics.free.Set(float64(max(0, free-reserve)))
	k.metrics.paused.Set(map[bool]float64{true: 1, false: 0}[k.store.Paused()])
}

func (p Policy) reserve(total int64) int64 {
	if p.Reserve > 0 {
		return p.Reserve
	}
	return max(total/reserveShare, reserveLeast)
}

// Tidy removes what the policy does not keep, finishes removals that were cut off, and ends what a crash has
// left open. What fails is tried the next time.
func (k *Keeper) Tidy(ctx context.Context, now time.Time) error {
	var cursor table.Cursor
	for {
		channels, next, err := k.store.tables.Walk(ctx, list(), cursor, 0)
		if err != nil {
			return err
		}
		for _, ch := range channels {
			if err := k.channel(ctx, id.Channel(ch), now); err != nil {
				return err
			}
		}
		if cursor = next; next == "" {
			return nil
		}
	}
}

// channel tidies one channel, from the newest recording to the oldest.
func (k *Keeper) channel(ctx context.Context, ch id.Channel, now time.Time) error {
	bytes := int64(0)
	for page, err := range k.store.tables.Pages(ctx, table.Range{
		Table: list(), Partition: string(ch), Reverse: true, Damaged: func([]byte) {},
	}) {
		if err != nil {
			return err
		}
		for _, row := range page {
			b, ok := broadcastOf(row.Key)
			if !ok {
				continue
			}
			h, err := k.store.header(ctx, b)
			switch {
			case errors.Is(err, ErrNone):
				h = index.Header{Start: startOf(row.Key)}
				if now.Sub(h.Start) > unbegun {
					k.settle(ctx, ch, b, &h, "unfinished")
				}
				continue
			case fault.KindOf(err) == fault.Internal && err != nil:
				if h, err = k.unreadable(ctx, ch, b, row.Key); err != nil {
					return err
				}
			case err != nil:
				return err
			}
			bytes += h.Bytes
			k.settle(ctx, ch, b, &h, k.policy.judge(&h, bytes, now))
		}
	}
	return nil
}

// unreadable describes a recording whose header is damaged: nobody can play it, but it takes room, and it
// ended when the last of that was written.
func (k *Keeper) unreadable(ctx context.Context, ch id.Channel, b id.Broadcast, key []byte) (index.Header, error) {
	h := index.Header{Channel: ch, State: index.Ended, Start: startOf(key), End: startOf(key)}
	for info, err := range k.store.blobs.List(ctx, prefix(ch, b), "") {
		if err != nil {
			return h, err
		}
		h.Bytes += info.Size
		if info.ModTime.After(h.End) {
			h.End = info.ModTime
		}
	}
	return h, nil
}

// judge says why a recording is not kept, "" if it is. bytes are those of it and of all that are newer.
func (p Policy) judge(h *index.Header, bytes int64, now time.Time) string {
	switch {
	case h.State == index.Removed:
		return "unfinished"
	case h.State != index.Ended:
		return ""
	case p.Retention > 0 && now.Sub(h.End) > p.Retention:
		return "retention"
	case p.Quota > 0 && bytes > p.Quota:
		return "quota"
	}
	return ""
}

func (k *Keeper) settle(ctx context.Context, ch id.Channel, b id.Broadcast, h *index.Header, why string) {
	var err error
	switch {
	case why != "":
		if err = k.owner.Erase(ctx, ch, b); err == nil {
			k.metrics.removed.WithLabelValues(why).Inc()
			k.store.log.Info("recording removed", slog.String("channel", string(ch)), slog.String("broadcast", string(b)), slog.String("why", why))
		}
	case h.State == index.Open:
		err = k.owner.Settle(ctx, ch, b)
	}
	if err != nil {
		k.metrics.failed.Inc()
		k.store.log.Warn("a recording could not be settled", slog.String("channel", string(ch)), slog.String("broadcast", string(b)), slog.Any("error", err))
	}
}
