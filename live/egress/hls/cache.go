package hls

import (
	"context"
	"maps"
	"sync"
	"time"
)

const (
	// locateTTL is how long the answer of the Locator is believed.
	locateTTL = time.Second
	// otherTTL is how long by those who ask for another broadcast than the one found: it may have begun just
	// now.
	otherTTL = 10 * time.Millisecond
	// maxLocated bounds the channels remembered; when there are more, all are asked for again.
	maxLocated = 10_000
)

// cache remembers for a moment where channels are. Only what was found is remembered, so strangers who ask
// for channels that do not exist cannot fill it, and what is too old is dropped, because it keeps a whole
// broadcast in memory.
type cache struct {
	locator Locator
	mu      sync.RWMutex
	found   map[string]located
	swept   time.Time
}

type located struct {
	source Source
	at     time.Time
}

func (l located) fresh(now time.Time) bool { return now.Sub(l.at) < locateTTL }

func newCache(l Locator) *cache { return &cache{locator: l, found: make(map[string]located)} }

// locate finds a channel's source, or gives the one found less than ttl ago.
func (c *cache) locate(ctx context.Context, channel string, ttl time.Duration) (Source, error) {
	now := time.Now()
	c.mu.RLock()
	f, ok := c.found[channel]
	c.mu.RUnlock()
	if ok && now.Sub(f.at) < ttl {
		return f.source, nil
	}
	s, err := c.locator.Locate(ctx, channel)
	c.mu.Lock()
	defer c.mu.Unlock()
	if now.Sub(c.swept) >= locateTTL {
		c.swept = now
		maps.DeleteFunc(c.found, func(_ string, f located) bool { return !f.fresh(now) })
	}
	if err != nil {
		delete(c.found, channel)
		return nil, err
	}
	if len(c.found) >= maxLocated {
		clear(c.found)
	}
	c.found[channel] = located{s, now}
	return s, nil
}
