package broadcast

import (
	"context"

	"github.com/barrage-live/barrage/cluster"
	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/id"
	"github.com/barrage-live/barrage/live"
	"github.com/barrage-live/barrage/live/packager"
)

// settle ends the recording of a broadcast that does not run, and replies. As remove it waits for the storage
// on the side; the Store changes one recording once at a time.
func (a *actor) settle(t *cluster.Turn, b id.Broadcast) {
	a.works++
	t.Pipe(func(ctx context.Context) (any, error) {
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
	a.works++
	t.Pipe(func(ctx context.Context) (any, error) {
		err := a.deps.Recordings.Remove(ctx, a.fence, a.channel, r.broadcast)
		if p != nil {
			p.Close()
		}
		return nil, err
	}, a.answer)
}

// answer replies that a work is done.
func (a *actor) answer(t *cluster.Turn, _ any, err error) {
	if err != nil {
		t.Fail(fault.From(err))
	} else {
		t.Reply(struct{}{})
	}
	a.works--
	a.rest(t)
}

// rest ends an activation that has nothing to do. While a work goes on it stays, because nobody is answered
// between Stop and the end of the works.
func (a *actor) rest(t *cluster.Turn) {
	if a.packager == nil && a.works == 0 {
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
