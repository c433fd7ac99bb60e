package wireclient

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
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
	// slowest is the first attempt whose wait is drawn from the whole of backoffCap.
	slowest     = 6
	settled     = 10 * time.Second
	callTimeout = 10 * time.Second
)

// FollowConfig says what Follow follows and whom it tells. The callbacks run one at a time and must return
// soon.
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
	// OnLoss says that danmaku of a room will not come: why, in the server's word, and how many; 0 where
	// nobody knows.
	OnLoss func(room, reason string, count int)
	// OnClient is given every connection that has joined its rooms, for posting.
	OnClient func(c *Client)
	// Backoff gives the wait before an attempt; nil means that of SPEC.md. Attempts count from 0 after
	// every settled connection.
	Backoff func(attempt int) time.Duration
}

// Closed is the end of a connection by a close code of the server.
type Closed struct {
	Code   int
	Reason string
}

// Error names code and reason.
func (c *Closed) Error() string { return fmt.Sprintf("the server closed with %d %s", c.Code, c.Reason) }

// follower is the state of Follow.
type follower struct {
	cfg FollowConfig
	mu  struct {
		sync.Mutex
		at map[string]position.Position // up to where was told, by room; present once joined
		// again are rooms the server took us out of, or in which a hole was seen.
		again   chan string
		goodbye time.Duration // the server asked to come back within it; negative: it did not
		rest    time.Duration // the least wait the server asked for
	}
}

// Follow follows rooms until ctx ends, and returns its error, or until the server answers what no later try
// would change: a refusal of the join or the token that is final by its kind, a *Refused upgrade, or a
// *Closed with a code after which clients stay away.
func Follow(ctx context.Context, cfg FollowConfig) error {
	if cfg.Backoff == nil {
		cfg.Backoff = FullJitter
	}
	f := &follower{cfg: cfg}
	f.mu.at = map[string]position.Position{}
	for attempt := 0; ctx.Err() == nil; attempt++ {
		begin := time.Now()
		err := f.connection(ctx)
		if ctx.Err() == nil && final(err) {
			return err
		}
		if time.Since(begin) > settled {
			attempt = 0
		}
		if closed, ok := errors.AsType[*Closed](err); ok && wire.AfterClose(closed.Code) == wire.ReconnectSlowly {
			attempt = max(attempt, slowest)
		}
		if !sleep(ctx, f.wait(attempt, err)) {
			break
		}
	}
	return fault.From(ctx.Err())
}

// final reports whether SPEC.md asks to stay away after this end of a connection.
func final(err error) bool {
	if refused, ok := errors.AsType[*Refused](err); ok {
		return refused.Status < 500 && refused.Status != http.StatusTooManyRequests
	}
	if closed, ok := errors.AsType[*Closed](err); ok {
		return wire.AfterClose(closed.Code) == wire.StayAway
	}
	kind := fault.KindOf(err)
	return !kind.Retry() && kind != fault.Unauthenticated
}

// wait is how long to rest before the next attempt, after an end with err.
func (f *follower) wait(attempt int, err error) time.Duration {
	f.mu.Lock()
	goodbye, rest := f.mu.goodbye, f.mu.rest
	f.mu.Unlock()
	wait := f.cfg.Backoff(attempt)
	if goodbye >= 0 {
		wait = rand.N(goodbye + 1) //nolint:gosec // jitter
	}
	if refused, ok := errors.AsType[*Refused](err); ok {
		rest = max(rest, refused.RetryAfter)
	}
	if refused, ok := errors.AsType[*fault.Error](err); ok {
		rest = max(rest, refused.RetryAfter)
	}
	return max(wait, rest)
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

// connection lives through one connection.
func (f *follower) connection(ctx context.Context) error {
	again := make(chan string, len(f.cfg.Rooms)+1)
	f.mu.Lock()
	f.mu.again, f.mu.goodbye, f.mu.rest = again, -1, 0
	f.mu.Unlock()
	cfg := f.cfg.Config
	cfg.OnFrame = f.frame
	c, err := Dial(ctx, cfg)
	if err != nil {
		return err
	}
	defer c.Close()
	if err := f.enter(ctx, c); err != nil {
		return ended(c, err)
	}
	if f.cfg.OnClient != nil {
		f.cfg.OnClient(c)
	}
	for {
		select {
		case <-ctx.Done():
			return fault.From(ctx.Err())
		case <-c.Done():
			return ended(c, ErrClosed)
		case room := <-again:
			if err := f.join(ctx, c, room); err != nil {
				return ended(c, err)
			}
		}
	}
}

// ended gives the close code of a connection whose end made a call fail, else the failure.
func ended(c *Client, err error) error {
	if !errors.Is(err, ErrClosed) {
		return err
	}
	<-c.Done()
	code, reason := c.Closed()
	return &Closed{Code: code, Reason: reason}
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

// join enters a room from where it was left, in as many steps as the server needs.
func (f *follower) join(ctx context.Context, c *Client, room string) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	for {
		f.mu.Lock()
		since, resume := f.mu.at[room]
		f.mu.Unlock()
		j, err := c.Join(ctx, room, since, resume, f.cfg.History)
		if err != nil || !j.GetMore() {
			return err
		}
	}
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
		f.batch(b.Batch)
	case *wirepb.ServerFrame_Gap:
		f.gap(b.Gap)
	case *wirepb.ServerFrame_Reconnect:
		f.mu.goodbye = time.Duration(b.Reconnect.GetMaxDelayMs()) * time.Millisecond
	case *wirepb.ServerFrame_Error:
		if s.GetId() == 0 {
			f.mu.rest = max(f.mu.rest, time.Duration(b.Error.GetRetryAfterMs())*time.Millisecond)
		}
	}
}

func (f *follower) joined(j *wirepb.Joined) {
	room := j.GetRoom()
	_, known := f.mu.at[room]
	if known && !j.GetRecovered() {
		f.lose(room, j.GetReason(), 0)
	}
	f.tell(room, j.GetDanmaku())
	f.mu.at[room] = wire.ToPosition(j.GetPosition())
}

// batch passes on a batch if it goes on from what was told before.
func (f *follower) batch(b *wirepb.Batch) {
	room, from, to := b.GetRoom(), wire.ToPosition(b.GetFrom()), wire.ToPosition(b.GetTo())
	at, known := f.mu.at[room]
	switch {
	case !known || to.Offset <= at.Offset:
		return
	case from.Offset > at.Offset:
		f.rejoin(room)
		return
	}
	f.tell(room, b.GetDanmaku())
	if n := b.GetSkipped(); n > 0 {
		f.lose(room, b.GetWhy(), int(n))
	}
	f.mu.at[room] = to
}

// gap moves on over what will not come, or comes back into the room.
func (f *follower) gap(g *wirepb.Gap) {
	room, to := g.GetRoom(), wire.ToPosition(g.GetTo())
	if to.IsZero() {
		f.rejoin(room)
		return
	}
	f.lose(room, g.GetReason(), int(g.GetCount()))
	f.mu.at[room] = to
}

// tell passes on what was not told yet.
func (f *follower) tell(room string, list []*wirepb.Danmaku) {
	at := f.mu.at[room] // of a room that was not joined yet: the beginning
	for len(list) > 0 && list[0].GetOffset() <= uint64(at.Offset) {
		list = list[1:]
	}
	if len(list) > 0 && f.cfg.OnDanmaku != nil {
		f.cfg.OnDanmaku(room, list)
	}
}

func (f *follower) lose(room, reason string, count int) {
	if f.cfg.OnLoss != nil {
		f.cfg.OnLoss(room, reason, count)
	}
}

// rejoin asks the connection's goroutine to join again; when it is busy with as many rooms as there are, it
// will anyway.
func (f *follower) rejoin(room string) {
	select {
	case f.mu.again <- room:
	default:
	}
}
