package worldtest

import (
	"context"
	"slices"
	"sync"

	"github.com/barrage-live/barrage/internal/id"
	"github.com/barrage-live/barrage/internal/media"
	"github.com/barrage-live/barrage/live"
	"github.com/barrage-live/barrage/live/origin"
	"github.com/barrage-live/barrage/live/packager"
)

// Origin makes streams, refuses older fences, and remembers what it was told. A new one has no recording of
// any broadcast, unless it was told to.
type Origin struct {
	mu       sync.Mutex
	refuse   error
	recorded bool
	held     map[id.Channel]*publication
	leases   []origin.Lease
	finished []id.Broadcast
}

// publication is the last of a channel.
type publication struct {
	lease    origin.Lease
	stream   *live.Stream // nil: its publisher is gone
	barred   uint64
	why      error
	finished bool
}

// NewOrigin makes one that holds nothing.
func NewOrigin() *Origin { return &Origin{held: map[id.Channel]*publication{}} }

// Refuse makes every Open fail with err, until nil.
func (o *Origin) Refuse(err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.refuse = err
}

// Recorded says that there are recordings to go on from.
func (o *Origin) Recorded() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.recorded = true
}

func (o *Origin) of(ch id.Channel) *publication {
	if o.held[ch] == nil {
		o.held[ch] = &publication{finished: true}
	}
	return o.held[ch]
}

// Open implements channel.Opener.
func (o *Origin) Open(_ context.Context, l origin.Lease, tracks []media.Track) (*live.Stream, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	p := o.of(l.Channel)
	runs := !p.finished && p.lease.Broadcast == l.Broadcast
	switch {
	case o.refuse != nil:
		return nil, o.refuse
	case l.Fence <= p.barred:
		return nil, p.why
	case l.Fence <= p.lease.Fence:
		return nil, origin.ErrStaleFence
	case slices.Contains(o.finished, l.Broadcast), l.Resumes && !runs && !o.recorded:
		return nil, origin.ErrEnded
	}
	if p.stream != nil {
		p.stream.Close(live.ErrTakenOver)
	}
	o.leases = append(o.leases, l)
	p.lease, p.stream, p.finished = l, live.NewStream(id.NewStream(), tracks), false
	return p.stream, nil
}

// Held implements channel.Origins.
func (o *Origin) Held(_ context.Context, ch id.Channel) (origin.Held, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	p := o.of(ch)
	if p.finished {
		return origin.Held{}, nil
	}
	h := origin.Held{Broadcast: p.lease.Broadcast, Fence: p.lease.Fence}
	if p.stream != nil {
		h.Publishing, h.Began = p.stream.Err() == nil, p.stream.Stats().Units > 0
	}
	return h, nil
}

// Restore implements channel.Origins.
func (o *Origin) Restore(_ context.Context, l origin.Lease) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.recorded || slices.Contains(o.finished, l.Broadcast) {
		return origin.ErrEnded
	}
	p := o.of(l.Channel)
	p.lease, p.stream, p.finished = l, nil, false
	return nil
}

// Interrupt implements channel.Origins.
func (o *Origin) Interrupt(_ context.Context, ch id.Channel, fence uint64, reason error) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	p := o.of(ch)
	if fence > p.barred {
		p.barred, p.why = fence, reason
	}
	if p.stream != nil && fence >= p.lease.Fence {
		p.stream.Close(reason)
		p.stream = nil
	}
	return nil
}

// Finish implements channel.Origins.
func (o *Origin) Finish(_ context.Context, ch id.Channel, b id.Broadcast, fence uint64) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	p := o.of(ch)
	if fence > p.barred {
		p.barred, p.why = fence, origin.ErrEnded
	}
	if p.lease.Broadcast == b {
		p.finished = true
		if p.stream != nil {
			p.stream.Close(live.ErrEnded)
			p.stream = nil
		}
	}
	o.finished = append(o.finished, b)
	return nil
}

// Health implements channel.Origins.
func (o *Origin) Health(context.Context, id.Channel) (packager.Health, error) {
	return packager.Health{VideoCodec: "avc1.64001f", Warnings: []packager.Warning{{Code: "no_audio", Message: "There is no sound track."}}}, nil
}

// Leases are those that were opened so far.
func (o *Origin) Leases() []origin.Lease {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Clone(o.leases)
}

// Finished are the broadcasts ended so far.
func (o *Origin) Finished() []id.Broadcast {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Clone(o.finished)
}
