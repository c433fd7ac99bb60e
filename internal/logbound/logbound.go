// Package logbound bounds how fast a log grows: a line that is logged over and over is written at a bounded
// rate, how many like it were left out is written with the next one, and no attribute is longer than a bound.
//
// It owns a bucket for each message, by its text, its level, and the value of one attribute (Config.Apart).
// It promises that every message is written as long as it does not come more often than the rate allows,
// that what is left out is counted and told ("left_out"), that errors are written always, and that what is
// cut says how much is missing. What it does not bound is the number of different texts: a message is a
// constant, and what varies belongs into attributes. Beyond 1,000 texts the rest share one bucket. It fails
// as the handler that it stands in front of.
package logbound

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/barrage-live/barrage/internal/quota"
)

// maxTexts is how many messages have buckets of their own.
const maxTexts = 1000

// Config shapes a bound. The zero value works.
type Config struct {
	// Rate is how many lines of one message a second are written, on average after a burst; zero means 20
	// after 200.
	Rate quota.Rate
	// Apart names an attribute of the line itself; lines with different values of it count apart, so it
	// should have few. Empty: none.
	Apart string
}

// Handler is a slog.Handler that bounds another. It is safe for concurrent use.
type Handler struct {
	next  slog.Handler
	state *state
}

var _ slog.Handler = (*Handler)(nil)

// state is what all handlers made of one share.
type state struct {
	cfg   Config
	begin time.Time

	mu     sync.Mutex
	texts  map[text]*line
	others line
}

// text names lines that count together.
type text struct {
	level          slog.Level
	message, apart string
}

type line struct {
	bucket  quota.Bucket
	leftOut int
}

// New bounds what is written to next.
func New(next slog.Handler, c Config) *Handler {
	if c.Rate == (quota.Rate{}) {
		c.Rate = quota.Rate{PerSecond: 20, Burst: 200}
	}
	return &Handler{next, &state{cfg: c, begin: time.Now(), texts: map[text]*line{}}}
}

// Enabled implements slog.Handler.
func (h *Handler) Enabled(ctx context.Context, level slog.Level) bool {
	return h.next.Enabled(ctx, level)
}

// Handle implements slog.Handler.
func (h *Handler) Handle(ctx context.Context, r slog.Record) error {
	if r.Level >= slog.LevelError {
		return h.next.Handle(ctx, cutRecord(r, maxErrorValue))
	}
	leftOut, ok := h.state.take(text{r.Level, r.Message, h.state.apart(r)}, time.Now())
	if !ok {
		return nil
	}
	r = cutRecord(r, maxValue)
	if leftOut > 0 {
		r = r.Clone()
		r.AddAttrs(slog.Int("left_out", leftOut))
	}
	return h.next.Handle(ctx, r)
}

// apart is the value by which a line is told from others of its text.
func (s *state) apart(r slog.Record) (value string) {
	if s.cfg.Apart == "" {
		return ""
	}
	r.Attrs(func(a slog.Attr) bool {
		if a.Key == s.cfg.Apart {
			value = a.Value.Resolve().String()
			return false
		}
		return true
	})
	return value
}

// take reports whether a line may be written, and how many like it were left out before it.
func (s *state) take(t text, now time.Time) (leftOut int, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.texts[t]
	switch {
	case l != nil:
	case len(s.texts) < maxTexts:
		l = &line{}
		s.texts[t] = l
	default:
		l = &s.others
	}
	if !l.bucket.Take(now.Sub(s.begin), s.cfg.Rate, 1) {
		l.leftOut++
		return 0, false
	}
	leftOut, l.leftOut = l.leftOut, 0
	return leftOut, true
}

// WithAttrs implements slog.Handler.
func (h *Handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &Handler{h.next.WithAttrs(cutAttrs(attrs, maxValue)), h.state}
}

// WithGroup implements slog.Handler.
func (h *Handler) WithGroup(name string) slog.Handler {
	return &Handler{h.next.WithGroup(name), h.state}
}
