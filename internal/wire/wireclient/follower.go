package wireclient

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/position"
	"github.com/barrage-live/barrage/internal/wire"
	"github.com/barrage-live/barrage/internal/wire/wirepb"
)

// The back-off of SPEC.md section 3.
const (
	backoffBase = 500 * time.Millisecond
	backoffCap  = 30 * time.Second
	settled     = 10 * time.Second
	callTimeout = 10 * time.Second
)

// FollowConfig says what a Follower follows and whom it tells. The callbacks run one at a time and must return soon.
type FollowConfig struct {
	// Config says where; its OnFrame hears every frame of every connection.
	Config
	// Rooms are joined on every connection.
	Rooms []string
	// History is how many of the newest danmaku to ask for at first, and after a break.
	History int
	// Token gives a fresh access token for a new connection; nil follows as a guest.
	Token func(ctx context.Context) (string, error)
	// OnDanmaku is told of danmaku in order, none twice.
	OnDanmaku func(room string, danmaku []*wirepb.Danmaku)
	// OnBreak says that what follows may not be all: the server's reason, or "hole".
	OnBreak func(room, reason string)
	// OnClient is given every connection that has joined its rooms, for posting.
	OnClient func(c *Client)
	// Backoff gives the wait before an attempt; nil means that of SPEC.md. Attempts count from 0 after every settled connection.
	Backoff func(attempt int) time.Duration
}

// follower is the state of Follow.
type follower struct {
	cfg FollowConfig
	mu  struct {
		sync.Mutex
		at map[string]position.Position // of the last danmaku told, by room; present once joined
		// again are rooms the server took us out of, or in which a hole was seen.
		again   chan string
		goodbye time.Duration // the server asked to come back within it; negative: it did not
	}
}

// Follow follows rooms until ctx ends; its error is then returned.
func Follow(ctx context.Context, cfg FollowConfig) error {
	if cfg.Backoff == nil {
		cfg.Backoff = FullJitter
	}
	f := &follower{cfg: cfg}
	f.mu.at = map[string]position.Position{}
	for attempt := 0; ctx.Err() == nil; attempt++ {
		begin := time.Now()
		err := f.connection(ctx)
		if time.Since(begin) > settled {
			attempt = 0
		}
		wait := f.cfg.Backoff(attempt)
		if asked := f.asked(); asked >= 0 {
			wait = rand.N(asked + 1) //nolint:gosec // jitter
		}
		if refused, ok := errors.AsType[*Refused](err); ok {
			wait = max(wait, refused.RetryAfter)
		}
		if !sleep(ctx, wait) {
			break
		}
	}
	return fault.From(ctx.Err())
}

// FullJitter is the wait of SPEC.md before an attempt, which counts from 0.
func FullJitter(attempt int) time.Duration {
	return rand.N(min(backoffCap, backoffBase<<min(attempt, 10)) + 1) //nolint:gosec // jitter
}

func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// asked is how long the server gave us to come back, negative if it did not ask.
func (f *follower) asked() time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.mu.goodbye
}

// connection lives through one connection.
func (f *follower) connection(ctx context.Context) error {
	again := make(chan string, len(f.cfg.Rooms)+1)
	f.mu.Lock()
	f.mu.again, f.mu.goodbye = again, -1
	f.mu.Unlock()
	cfg := f.cfg.Config
	cfg.OnFrame = f.frame
	c, err := Dial(ctx, cfg)
	if err != nil {
		return err
	}
	defer c.Close()
	if err := f.enter(ctx, c); err != nil {
		return err
	}
	if f.cfg.OnClient != nil {
		f.cfg.OnClient(c)
	}
	for {
		select {
		case <-ctx.Done():
			return fault.From(ctx.Err())
		case <-c.Done():
			return ErrClosed
		case room := <-again:
			if err := f.join(ctx, c, room); err != nil {
				return err
			}
		}
	}
}

func (f *follower) enter(ctx context.Context, c *Client) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	if f.cfg.Token != nil {
		token, err := f.cfg.Token(ctx)
		if err != nil {
			return err
		}
		if _, err := c.Auth(ctx, token); err != nil {
			return err
		}
	}
	for _, room := range f.cfg.Rooms {
		if err := f.join(ctx, c, room); err != nil {
			return err
		}
	}
	return nil
}

func (f *follower) join(ctx context.Context, c *Client, room string) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	f.mu.Lock()
	since, resume := f.mu.at[room]
	f.mu.Unlock()
	_, err := c.Join(ctx, room, since, resume, f.cfg.History)
	return err
}

// frame takes every frame, on the reading goroutine.
func (f *follower) frame(s *wirepb.ServerFrame) {
	if f.cfg.OnFrame != nil {
		f.cfg.OnFrame(s)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	switch b := s.GetBody().(type) {
	case *wirepb.ServerFrame_Joined:
		f.joined(b.Joined)
	case *wirepb.ServerFrame_Batch:
		f.tell(b.Batch.GetRoom(), b.Batch.GetDanmaku())
	case *wirepb.ServerFrame_Reconnect:
		f.mu.goodbye = time.Duration(b.Reconnect.GetMaxDelayMs()) * time.Millisecond
	case *wirepb.ServerFrame_Error:
		if s.GetId() == 0 && (b.Error.GetCode() == "gap" || b.Error.GetCode() == "room_closed") {
			f.rejoin(b.Error.GetField())
		}
	}
}

func (f *follower) joined(j *wirepb.Joined) {
	room := j.GetRoom()
	_, known := f.mu.at[room]
	if known && !j.GetRecovered() && f.cfg.OnBreak != nil {
		f.cfg.OnBreak(room, j.GetReason())
	}
	at := f.mu.at[room]
	rows := j.GetDanmaku()
	for known && len(rows) > 0 && rows[0].GetPosition().GetOffset() <= uint64(at.Offset) {
		rows = rows[1:]
	}
	if len(rows) > 0 && f.cfg.OnDanmaku != nil {
		f.cfg.OnDanmaku(room, rows)
	}
	f.mu.at[room] = wire.ToPosition(j.GetPosition())
}

// tell passes on a batch if it follows what was told before.
func (f *follower) tell(room string, rows []*wirepb.Danmaku) {
	at, known := f.mu.at[room]
	if !known || len(rows) == 0 {
		return
	}
	if rows[0].GetPosition().GetOffset() != uint64(at.Offset)+1 {
		f.rejoin(room)
		return
	}
	if f.cfg.OnDanmaku != nil {
		f.cfg.OnDanmaku(room, rows)
	}
	f.mu.at[room] = wire.ToPosition(rows[len(rows)-1].GetPosition())
}

// rejoin asks the connection's goroutine to join again; when it is busy with as many rooms as there are, it will anyway.
func (f *follower) rejoin(room string) {
	select {
	case f.mu.again <- room:
	default:
	}
}
