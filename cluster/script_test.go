package cluster_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/barrage-live/barrage/cluster/coordination"
	"github.com/barrage-live/barrage/internal/id"
	"github.com/barrage-live/barrage/storage/table/pebbletable/pebbletest"
)

const ttl = 10 * time.Second

// scripted is a coordination store whose calls do what the test says, each before it goes through; an error
// is the answer.
type scripted struct {
	coordination.Store
	mu     sync.Mutex
	before map[string]func(ctx context.Context, call int) error
	calls  map[string]int
}

// script is a store whose leases live for ttl.
func script(t *testing.T) *scripted {
	t.Helper()
	return scriptOf(onTables(t, pebbletest.Open(t), ttl))
}

func scriptOf(s coordination.Store) *scripted {
	return &scripted{Store: s, before: map[string]func(context.Context, int) error{}, calls: map[string]int{}}
}

// on has f decide about all further calls of a method; nil: they go through.
func (s *scripted) on(method string, f func(ctx context.Context, call int) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.before[method] = f
}

// fail has a method fail with err; nil: not any more.
func (s *scripted) fail(method string, err error) {
	if err == nil {
		s.on(method, nil)
		return
	}
	s.on(method, func(context.Context, int) error { return err })
}

// away has every call fail, or not any more.
func (s *scripted) away(is bool) {
	err := errors.New("connection refused")
	if !is {
		err = nil
	}
	for _, method := range []string{"join", "renew", "claim"} {
		s.fail(method, err)
	}
}

// freeze has every call hang until thaw, whatever its context says, as in a process that does not run.
func (s *scripted) freeze() (thaw func()) {
	gone := make(chan struct{})
	for _, method := range []string{"join", "renew", "claim"} {
		s.on(method, func(context.Context, int) error {
			<-gone
			return nil
		})
	}
	return sync.OnceFunc(func() {
		for _, method := range []string{"join", "renew", "claim"} {
			s.on(method, nil)
		}
		close(gone)
	})
}

// called is how often a method was called.
func (s *scripted) called(method string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls[method]
}

func (s *scripted) call(ctx context.Context, method string) error {
	s.mu.Lock()
	s.calls[method]++
	f, call := s.before[method], s.calls[method]
	s.mu.Unlock()
	if f == nil {
		return nil
	}
	return f(ctx, call)
}

func (s *scripted) Join(ctx context.Context, n id.Node) (coordination.Lease, error) {
	if err := s.call(ctx, "join"); err != nil {
		return coordination.Lease{}, err
	}
	return s.Store.Join(ctx, n)
}

func (s *scripted) Renew(ctx context.Context, l coordination.Lease) error {
	if err := s.call(ctx, "renew"); err != nil {
		if errors.Is(err, coordination.ErrLeaseLost) { // then it is
			_ = s.Store.Release(ctx, l)
		}
		return err
	}
	return s.Store.Renew(context.WithoutCancel(ctx), l) // one that hung is carried out late
}

func (s *scripted) Claim(ctx context.Context, l coordination.Lease, shard coordination.Shard) (coordination.Grant, error) {
	if err := s.call(ctx, "claim"); err != nil {
		return coordination.Grant{}, err
	}
	return s.Store.Claim(context.WithoutCancel(ctx), l, shard)
}

func (s *scripted) Release(ctx context.Context, l coordination.Lease, shards ...coordination.Shard) error {
	if err := s.call(ctx, "release"); err != nil {
		return err
	}
	return s.Store.Release(ctx, l, shards...)
}
