package hls

import (
	"context"
	"sync"
	"time"
)

const (
	// locateTTL is how long the answer of the Locator is believed, unless the broadcast has ended since.
	locateTTL = time.Second
	// maxLocated bounds the channels remembered; when there are more, all are asked for again.
	maxLocated = 10_000
)

// cache remembers for a moment where channels are. Only what was found is remembered, so strangers who ask for channels
// that do not exist cannot fill it.
type cache struct {
	locator Locator
	mu      sync.RWMutex
	found   map[string]located
}

type located struct {
	source Source
	until  time.Time
}

func newCache(l Locator) *cache { return &cache{locator: l, found: make(map[string]located)} }

func (c *cache) locate(ctx context.Context, channel string) (Source, error) {
	now := time.Now()
	c.mu.RLock()
	f, ok := c.found[channel]
	c.mu.RUnlock()
	if ok && now.Before(f.until) && !f.source.Ended() {
		return f.source, nil
	}
	s, err := c.locator.Locate(ctx, channel)
	c.mu.Lock()
	defer c.mu.Unlock()
	if err != nil {
		delete(c.found, channel)
		return nil, err
	}
	if len(c.found) >= maxLocated {
		clear(c.found)
	}
	c.found[channel] = located{s, now.Add(locateTTL)}
	return s, nil
}
