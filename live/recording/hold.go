package recording

import (
	"context"
	"sync"

	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/id"
)

// ErrBusy refuses a change of a recording whose Writer has not ended, or of which another change goes on.
var ErrBusy = fault.New(fault.Unavailable, "recording_busy", "the recording is still being written or removed; try again later")

// holds says which recordings are being changed in this process. A fence keeps out those who were before, but
// not a Writer of the same activation that still ends while its owner removes what it wrote, nor the bytes of
// any: objects have no fence.
type holds struct {
	mu sync.Mutex
	m  map[id.Broadcast]chan struct{} // closed when it is free
}

// try takes a recording if it is free; else busy is closed when it is worth another try.
func (h *holds) try(b id.Broadcast) (release func(), busy <-chan struct{}) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if busy, held := h.m[b]; held {
		return nil, busy
	}
	free := make(chan struct{})
	if h.m == nil {
		h.m = make(map[id.Broadcast]chan struct{})
	}
	h.m[b] = free
	return sync.OnceFunc(func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		delete(h.m, b)
		close(free)
	}), nil
}

// take waits until a recording is free and takes it. It fails with ErrBusy when the context ends before.
func (h *holds) take(ctx context.Context, b id.Broadcast) (release func(), err error) {
	for {
		release, busy := h.try(b)
		if release != nil {
			return release, nil
		}
		select {
		case <-busy:
		case <-ctx.Done():
			return nil, ErrBusy
		}
	}
}
