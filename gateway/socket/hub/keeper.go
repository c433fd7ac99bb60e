package hub

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/barrage-live/barrage/actors/live/room"
	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/position"
	"github.com/barrage-live/barrage/internal/wire"
)

var errRoomClosed = fault.New(fault.Unavailable, "room_closed", "the room has been closed")

// keeper keeps one room attached. It is a goroutine of its own and the only one that asks the room for the
// hub itself.
type keeper struct {
	*roomFeed
	timer    *time.Timer
	attachAt time.Time // when to attach anew, while the attachment has ended
	fillAt   time.Time // when to ask for what is missing, while something is
	reportAt time.Time // the earliest moment of the next report
	renewAt  time.Time // the latest
	reported int
	emptyAt  time.Time // since when nobody is here; zero while somebody is
	failures int       // in a row, of any question
}

// run attaches the room and keeps it until nobody is here any more or ctx ends.
func (k *keeper) run(ctx context.Context) {
	if err := k.begin(ctx); err != nil {
		k.hub.abandon(k.roomFeed, err)
		return
	}
	k.become(nil)
	k.timer = time.NewTimer(0)
	defer k.timer.Stop()
	for {
		select {
		case <-ctx.Done():
			k.detach()
			return
		case <-k.nudge:
		case <-k.timer.C:
		}
		if done := k.tick(ctx, time.Now()); done {
			return
		}
	}
}

// begin attaches for the first time and fetches the newest danmaku, so that joins can be answered from here.
func (k *keeper) begin(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, k.hub.cfg.AskTimeout)
	defer cancel()
	if err := k.attach(ctx, time.Now()); err != nil {
		return err
	}
	if err := k.readNewest(ctx); err != nil {
		// Joins will ask the room themselves.
		k.hub.log.Warn("the newest danmaku of a room could not be read", slog.String("room", string(k.room)), slog.Any("error", err))
	}
	return nil
}

// readNewest reads as many of the newest danmaku as a join may ask for, a page at a time.
func (k *keeper) readNewest(ctx context.Context) error {
	var before position.Position
	for n, more := 0, true; more && n < wire.MaxHistory; {
		p, err := await(ctx, func(deadline time.Time, done func(page, error)) {
			k.hub.rooms.HistoryFunc(deadline, k.room, before, wire.MaxHistory, func(rows []room.Danmaku, more bool, err error) {
				done(page{rows, more}, err)
			})
		})
		if err != nil {
			return err
		}
		k.seed(p.rows, p.more)
		if len(p.rows) == 0 {
			break
		}
		n, more, before = n+len(p.rows), p.more, p.rows[0].Position
	}
	return nil
}

// tick does what is due and sets the timer for what is due next. It reports true when the room has been
// given up.
func (k *keeper) tick(ctx context.Context, now time.Time) (done bool) {
	if err := k.mend(ctx, now); fault.KindOf(err) == fault.NotFound && err != nil {
		k.hub.abandon(k.roomFeed, err)
		return true
	}
	here := k.here()
	if err := k.report(ctx, here, now); fault.KindOf(err) == fault.NotFound && err != nil {
		k.hub.abandon(k.roomFeed, err)
		return true
	}
	if here > 0 {
		k.emptyAt = time.Time{}
	} else if k.emptyAt.IsZero() {
		k.emptyAt = now
	} else if !now.Before(k.emptyAt.Add(k.hub.cfg.Grace)) && k.retire() {
		return true
	}
	k.timer.Reset(max(0, k.next(here).Sub(now)))
	return false
}

// mend attaches anew if the attachment has ended, and fills the gap after head if there is one.
func (k *keeper) mend(ctx context.Context, now time.Time) error {
	ended, gap, head := k.status()
	if ended {
		if now.Before(k.attachAt) {
			return nil
		}
		ctx, cancel := context.WithTimeout(ctx, k.hub.cfg.AskTimeout)
		defer cancel()
		return k.attach(ctx, now)
	}
	if gap && !now.Before(k.fillAt) {
		k.fill(ctx, head, now)
	}
	return nil
}

// next is when something is due.
func (k *keeper) next(here int) time.Time {
	ended, gap, _ := k.status()
	next := k.renewAt
	earlier := func(at time.Time) {
		if at.Before(next) {
			next = at
		}
	}
	if ended {
		next = k.attachAt
	} else if gap {
		earlier(k.fillAt)
	}
	if here != k.reported && !ended {
		earlier(k.reportAt)
	}
	if here == 0 {
		earlier(k.emptyAt.Add(k.hub.cfg.Grace))
	}
	return next
}

// attach attaches the node, for the first time or anew.
func (k *keeper) attach(ctx context.Context, now time.Time) error {
	number := k.hub.attach.Add(1)
	a, err := k.hub.rooms.Attach(ctx, k.room, k.hub.node, number)
	if err != nil {
		k.attachAt = now.Add(k.backoff())
		return err //nolint:wrapcheck // a fault, told to the client as it is
	}
	k.attached(number, a)
	// The room knows nothing of us under this number: tell it how many are here.
	k.reported, k.reportAt, k.renewAt = -1, now, now.Add(spreadOut(k.hub.cfg.Renew))
	return nil
}

// fill asks for what is missing after head.
func (k *keeper) fill(ctx context.Context, head position.Position, now time.Time) {
	ctx, cancel := context.WithTimeout(ctx, k.hub.cfg.AskTimeout)
	defer cancel()
	rec, err := await(ctx, func(deadline time.Time, done func(room.Recovery, error)) {
		k.hub.rooms.ResumeFunc(deadline, k.room, head, done)
	})
	if err != nil {
		k.fillAt = now.Add(k.backoff())
		k.hub.log.Warn("a gap in a room could not be filled", slog.String("room", string(k.room)), slog.Any("error", err))
		return
	}
	k.failures = 0
	if k.filled(rec) {
		k.wakeKeeper() // for the rest of it
	}
}

// answer is what a room said.
type answer[T any] struct {
	value T
	err   error
}

// await waits for the answer to a question that blocks nobody, or for the end of ctx.
func await[T any](ctx context.Context, ask func(deadline time.Time, done func(T, error))) (T, error) {
	deadline, _ := ctx.Deadline()
	answers := make(chan answer[T], 1)
	ask(deadline, func(v T, err error) { answers <- answer[T]{v, err} })
	select {
	case a := <-answers:
		return a.value, a.err
	case <-ctx.Done():
		var zero T
		return zero, fault.From(ctx.Err())
	}
}

// page is a page of history.
type page struct {
	rows []room.Danmaku
	more bool
}

// report tells the room how many are here when that has changed, at most once a second, and when it is time
// to renew. The answer shows whether batches were lost on their way.
func (k *keeper) report(ctx context.Context, here int, now time.Time) error {
	if ended, _, _ := k.status(); ended || now.Before(k.reportAt) || here == k.reported && now.Before(k.renewAt) {
		return nil
	}
	k.trim(now, false)
	k.reportAt = now.Add(k.hub.cfg.ReportEvery)
	ctx, cancel := context.WithTimeout(ctx, k.hub.cfg.AskTimeout)
	defer cancel()
	a, err := k.hub.rooms.Report(ctx, k.room, k.hub.node, k.attachment(), here)
	switch {
	case err == nil:
		k.failures, k.reported, k.renewAt = 0, here, now.Add(spreadOut(k.hub.cfg.Renew))
		k.roomFeed.reported(a)
	case fault.KindOf(err) == fault.Conflict: // the room does not know us
		k.attachAt = now.Add(k.backoff())
		k.lapsed()
	default:
		k.renewAt = now.Add(k.hub.cfg.ReportEvery + k.backoff())
		return err //nolint:wrapcheck // looked at by tick
	}
	return nil
}

// retire gives the room up if nobody is here. Whoever comes while the room is told is attached anew under a
// higher number, which what we say here cannot undo.
func (k *keeper) retire() bool {
	if !k.hub.retire(k.roomFeed) {
		return false
	}
	k.detach()
	k.trim(time.Now(), true)
	return true
}

// detach is best effort: an attachment that nobody renews ends by itself.
func (k *keeper) detach() {
	if err := k.hub.rooms.Detach(k.room, k.hub.node, k.attachment()); err != nil {
		k.hub.log.Debug("a room could not be detached", slog.String("room", string(k.room)), slog.Any("error", err))
	}
}

// backoff is full jitter between 0 and 100 ms doubled by every failure in a row, at most 5 s.
func (k *keeper) backoff() time.Duration {
	k.failures++
	most := min(5*time.Second, 100*time.Millisecond<<min(k.failures, 10))
	return rand.N(most) //nolint:gosec // jitter
}

// spreadOut varies a period by a tenth, so that the rooms of a node do not renew together.
func spreadOut(d time.Duration) time.Duration {
	return d*9/10 + rand.N(d/5+1) //nolint:gosec // jitter
}
