package hub

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/barrage-live/barrage/actors/room"
	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/position"
)

var errRoomClosed = fault.New(fault.Unavailable, "room_closed", "the room has been closed")

// keeper keeps one room attached. It is a goroutine of its own and the only one that asks the room for the hub itself.
type keeper struct {
	*local
	timer    *time.Timer
	renewAt  time.Time
	mendAt   time.Time
	reportAt time.Time
	reported int
	emptyAt  time.Time // since when nobody is here; zero while somebody is
	failures int       // in a row, of any question
	moving   bool      // the end of the attachment has been seen, and attaching anew is on its way
}

// run attaches the room and keeps it until nobody is here any more or ctx ends.
func (k *keeper) run(ctx context.Context) {
	if err := k.begin(ctx); err != nil {
		k.hub.abandon(k.local, err)
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
		if done := k.tend(ctx, time.Now()); done {
			return
		}
	}
}

// begin attaches for the first time and fetches the newest danmaku, so that joins can be answered from here.
func (k *keeper) begin(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, k.hub.cfg.AskTimeout)
	defer cancel()
	number := k.hub.attach.Add(1)
	a, err := k.hub.rooms.Attach(ctx, k.room, k.hub.node, number)
	if err != nil {
		return err //nolint:wrapcheck // a fault, told to the client as it is
	}
	k.attached(number, a)
	k.renewAt = time.Now().Add(k.hub.cfg.Renew)
	older, err := await(ctx, k.page)
	if err != nil {
		// Joins will ask the room themselves.
		k.hub.log.Warn("the newest danmaku of a room could not be read", slog.String("room", string(k.room)), slog.Any("error", err))
		return nil
	}
	k.seed(older.rows, older.more)
	return nil
}

// tend does what is due and sets the timer for what is due next. It reports true when the room has been given up.
func (k *keeper) tend(ctx context.Context, now time.Time) (done bool) {
	moved, torn, head := k.trouble()
	if moved && !k.moving {
		k.moving, k.renewAt = true, now
	}
	if !now.Before(k.renewAt) {
		if err := k.renew(ctx, now); err != nil && fault.KindOf(err) == fault.NotFound {
			k.hub.abandon(k.local, err)
			k.local.mu.Lock()
			k.clear(errRoomClosed)
			k.local.mu.Unlock()
			return true
		}
	} else if torn && !now.Before(k.mendAt) {
		k.mend(ctx, head, now)
	}
	here := k.here()
	k.report(ctx, here, now)
	if here > 0 {
		k.emptyAt = time.Time{}
	} else if k.emptyAt.IsZero() {
		k.emptyAt = now
	} else if !now.Before(k.emptyAt.Add(k.hub.cfg.Grace)) && k.hub.retire(k.local) {
		return true
	}
	k.timer.Reset(max(0, k.next(here).Sub(now)))
	return false
}

// next is when something is due.
func (k *keeper) next(here int) time.Time {
	next := k.renewAt
	earlier := func(at time.Time) {
		if at.Before(next) {
			next = at
		}
	}
	if _, torn, _ := k.trouble(); torn {
		earlier(k.mendAt)
	}
	if here != k.reported {
		earlier(k.reportAt)
	}
	if here == 0 {
		earlier(k.emptyAt.Add(k.hub.cfg.Grace))
	}
	return next
}

func (k *keeper) renew(ctx context.Context, now time.Time) error {
	ctx, cancel := context.WithTimeout(ctx, k.hub.cfg.AskTimeout)
	defer cancel()
	ends := k.ends()
	number := k.hub.attach.Add(1)
	a, err := k.hub.rooms.Attach(ctx, k.room, k.hub.node, number)
	if err != nil {
		k.renewAt = now.Add(k.backoff())
		return err //nolint:wrapcheck // looked at by tend
	}
	k.failures, k.moving = 0, false
	k.renewed(number, a, ends)
	k.renewAt = now.Add(spreadOut(k.hub.cfg.Renew))
	// A room that moved knows nothing of us: tell it anew.
	k.reported, k.reportAt = -1, now
	return nil
}

// mend asks for what is missing after head, a page at a time.
func (k *keeper) mend(ctx context.Context, head position.Position, now time.Time) {
	ctx, cancel := context.WithTimeout(ctx, k.hub.cfg.AskTimeout)
	defer cancel()
	for more := true; more; {
		head, more = k.mendPage(ctx, head, now)
	}
}

func (k *keeper) mendPage(ctx context.Context, head position.Position, now time.Time) (to position.Position, more bool) {
	rec, err := await(ctx, func(deadline time.Time, done func(room.Recovery, error)) {
		k.hub.rooms.ResumeFunc(deadline, k.room, head, done)
	})
	if err != nil {
		k.mendAt = now.Add(k.backoff())
		k.hub.log.Warn("a hole in a room could not be filled", slog.String("room", string(k.room)), slog.Any("error", err))
		return head, false
	}
	k.failures = 0
	k.mended(rec)
	return rec.To, rec.More
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

// page asks for the newest danmaku of the room.
func (k *keeper) page(deadline time.Time, done func(page, error)) {
	k.hub.rooms.HistoryFunc(deadline, k.room, position.Position{}, kept, func(rows []room.Danmaku, more bool, err error) {
		done(page{rows, more}, err)
	})
}

// report tells the room how many are here, at most once a second.
func (k *keeper) report(ctx context.Context, here int, now time.Time) {
	if here == k.reported || now.Before(k.reportAt) {
		return
	}
	k.reportAt = now.Add(k.hub.cfg.ReportEvery)
	ctx, cancel := context.WithTimeout(ctx, k.hub.cfg.AskTimeout)
	defer cancel()
	switch _, err := k.hub.rooms.Report(ctx, k.room, k.hub.node, k.attachment(), here); {
	case err == nil:
		k.reported = here
	case fault.KindOf(err) == fault.Conflict: // the room does not know us: attach anew
		k.renewAt = now
	}
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
