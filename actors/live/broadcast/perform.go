package broadcast

import (
	"context"

	"github.com/barrage-live/barrage/cluster"
	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/id"
	"github.com/barrage-live/barrage/live"
	"github.com/barrage-live/barrage/live/packager"
)

// settle ends the recording of a broadcast that does not run, and replies.
func (a *actor) settle(t *cluster.Turn, b id.Broadcast) {
	t.Await(func(ctx context.Context) (any, error) {
		return nil, a.deps.Recordings.Recover(ctx, a.fence, b)
	}, a.answer)
}

// remove deletes a recording, whose packager is freed if it is still served, and replies. The packager goes
// last: Remove waits for what it still writes.
func (a *actor) remove(t *cluster.Turn, r remove) {
	var p *packager.Packager
	if r.lingers {
		p, a.packager = a.packager, nil
		t.Pin(false)
	}
	t.Await(func(ctx context.Context) (any, error) {
		err := a.deps.Recordings.Remove(ctx, a.fence, a.channel, r.broadcast)
		if p != nil {
			p.Close()
		}
		return nil, err
	}, a.answer)
}

// answer replies that it is done, and ends an activation that has nothing else.
func (a *actor) answer(t *cluster.Turn, _ any, err error) {
	if err != nil {
		t.Fail(fault.From(err))
	} else {
		t.Reply(struct{}{})
	}
	if a.packager == nil {
		t.Stop()
	}
}

func (a *actor) detach(t *cluster.Turn) {
	a.closeStream(live.ErrEnded)
	p := a.packager
	t.Await(func(context.Context) (any, error) {
		p.Interrupt()
		return nil, nil
	}, func(*cluster.Turn, any, error) {})
}

// end finishes the broadcast on the side: it waits for the blob store, and viewers go on asking meanwhile.
func (a *actor) end(t *cluster.Turn, keep bool) {
	a.closeStream(live.ErrEnded)
	p := a.packager
	t.Pipe(func(context.Context) (any, error) {
		if keep {
			p.Finish()
		} else {
			p.Close()
		}
		return nil, nil
	}, func(*cluster.Turn, any, error) {})
}
