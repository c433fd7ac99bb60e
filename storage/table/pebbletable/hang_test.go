package pebbletable

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/position"
	"github.com/barrage-live/barrage/storage/table"
)

// patient is how long an answer may take here: a bound on hanging, not a measure of speed.
const patient = 30 * time.Second

// hold keeps an operation of the disk until it is freed.
type hold struct {
	armed atomic.Bool
	hit   chan struct{}
	free  chan error
	ahead atomic.Int64 // of the clock, in nanoseconds
}

func newHold() *hold { return &hold{hit: make(chan struct{}, 1), free: make(chan error, 1)} }

// at holds the first operation that comes when it is armed.
func (h *hold) at() (err error) {
	if h.armed.CompareAndSwap(true, false) {
		h.hit <- struct{}{}
		err = <-h.free
	}
	return err
}

// coldRows gives tables whose rows, 100 in partition "cold" that live for an hour, and 100 fences, are on
// the disk alone, and a hold on reads of them.
func coldRows(t *testing.T) (*Driver, *table.Store, *hold) {
	t.Helper()
	h := newHold()
	fs := errorfs.Wrap(vfs.NewMem(), errorfs.InjectorFunc(func(op errorfs.Op) error {
		if strings.HasSuffix(op.Path, ".sst") && op.Kind == errorfs.OpFileReadAt {
			return h.at()
		}
		return nil
	}))
	var d *Driver
	for range 2 {
		var err error
		now := func() time.Time { return time.Now().Add(time.Duration(h.ahead.Load())) }
		if d, err = Open(Config{Dir: "/t", FS: fs, CacheBytes: 1 << 20, Now: now, SweepEvery: time.Hour}); err != nil {
			t.Fatal(err)
		}
		if s := table.New(d); count(t, d, spaceRow) == 0 {
			for i := range 100 {
				op := table.Expiring(table.Put(fmt.Append(nil, i), make([]byte, 40<<10)), time.Hour)
				_, err := s.Write(t.Context(), table.Batch{Table: table.Shared("t"), Partition: "cold", Ops: []table.Op{op}})
				if err := errors.Join(err, s.Fence(t.Context(), table.Owned("o"), fmt.Sprint(i), position.Fence{Epoch: 1})); err != nil {
					t.Fatal(err)
				}
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
	return d, table.New(d), h
}

// TestAHangingReadHoldsNobodyUp reads, fences, sweeps, and writes on a condition, what the disk does not
// give: nobody else waits for it, not even for the committer, and a Close refuses who comes later at once.
func TestAHangingReadHoldsNobodyUp(t *testing.T) {
	for _, what := range []string{"read", "condition", "range", "fence", "sweep"} {
		t.Run(what, func(t *testing.T) {
			d, s, h := coldRows(t)
			if what == "sweep" {
				count(t, d, spaceExpiry) // the reminders are in memory then, and not what they remind of
				h.ahead.Store(int64(2 * time.Hour))
			}
			h.armed.Store(true)
			hanging := make(chan error, 1)
			go func() {
				for i := range 100 { // until one is not in the cache
					var err error
					key := fmt.Append(nil, i)
					switch what {
					case "read":
						_, err = s.Get(t.Context(), table.Shared("t"), "cold", key)
					case "condition":
						_, err = s.Write(t.Context(), table.Batch{Table: table.Shared("t"), Partition: "cold", Ops: []table.Op{table.PutIfAbsent(key, nil)}})
					case "range":
						_, err = s.Write(t.Context(), table.Batch{Table: table.Shared("t"), Partition: "cold", Ops: []table.Op{
							table.DeleteRange(key, table.After(key)),
						}})
					case "fence":
						err = s.Fence(t.Context(), table.Owned("o"), string(key), position.Fence{Epoch: 2})
					case "sweep":
						err = d.Sweep(t.Context())
					}
					if err != nil && !errors.Is(err, table.ErrConflict) {
						hanging <- err
						return
					}
				}
				hanging <- nil
			}()
			select {
			case <-h.hit:
			case <-time.After(patient):
				t.Fatal("nothing was read from the disk")
			}
			ctx, cancel := context.WithTimeout(t.Context(), patient)
			defer cancel()
			for i := range 20 {
				op := table.PutIfAbsent(fmt.Append(nil, i), nil)
				if _, err := s.Write(ctx, table.Batch{Table: table.Shared("t"), Partition: "warm", Ops: []table.Op{op}}); err != nil {
					t.Errorf("a write beside it: %v", err)
				}
				if _, err := s.Get(ctx, table.Shared("t"), "warm", fmt.Append(nil, i)); err != nil {
					t.Errorf("a read beside it: %v", err)
				}
			}
			closed := make(chan error, 1)
			go func() { closed <- d.Close() }()
			for { // until the close has begun
				_, err := s.Get(ctx, table.Shared("t"), "warm", []byte("0"))
				if errors.Is(err, ErrClosed) {
					break
				}
				if err != nil {
					t.Fatalf("a read while it closes: %v", err)
				}
			}
			h.free <- nil
			if err := <-hanging; err != nil && !errors.Is(err, ErrClosed) {
				t.Errorf("the one that hung: %v", err)
			}
			if err := <-closed; err != nil {
				t.Errorf("close: %v", err)
			}
		})
	}
}

// TestARefusalMayRestOnWhatIsLost refuses a write because of a row whose sync then fails: that row is gone,
// so the refusal must not say that it is there.
func TestARefusalMayRestOnWhatIsLost(t *testing.T) {
	h := newHold()
	fs := errorfs.Wrap(vfs.NewMem(), errorfs.InjectorFunc(func(op errorfs.Op) error {
		if strings.HasSuffix(op.Path, ".log") && (op.Kind == errorfs.OpFileSync || op.Kind == errorfs.OpFileSyncData || op.Kind == errorfs.OpFileSyncTo) {
			return h.at()
		}
		return nil
	}))
	d, err := Open(Config{Dir: "/t", FS: fs, CacheBytes: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	s := table.New(d)
	put := func(answer chan error) {
		_, err := s.Write(t.Context(), table.Batch{Table: table.Shared("t"), Partition: "p", Ops: []table.Op{table.PutIfAbsent([]byte("k"), nil)}})
		answer <- err
	}
	first, second := make(chan error, 1), make(chan error, 1)
	h.armed.Store(true)
	go put(first)
	<-h.hit
	go put(second)
	for end := time.Now().Add(patient); len(d.flights) == 0; <-time.After(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the second write was not decided")
		}
	}
	h.free <- syscall.EIO
	for name, answer := range map[string]chan error{"first": first, "second": second} {
		if err := <-answer; errors.Is(err, table.ErrConflict) || err == nil {
			t.Errorf("the %s write: %v", name, err)
		}
	}
	if err := d.Close(); fault.CodeOf(err) != "storage_failed" {
		t.Errorf("close: %v", err)
	}
}

// TestAGroupThatFailed: what Pebble itself says of a group that it could not sync, which a disk that fails
// does not let it, is told as far as it is certain.
func TestAGroupThatFailed(t *testing.T) {
	taken := func(err error) *request {
		r := &request{err: err}
		r.state.Store(claimed)
		return r
	}
	withdrawn := &request{}
	if !withdrawn.withdraw() {
		t.Fatal("a request that waits cannot be withdrawn")
	}
	f := &flight{requests: []*request{taken(nil), taken(table.ErrConflict), taken(table.ErrFenced), taken(table.ErrCorrupt), withdrawn}}
	f.fail(syscall.EIO)
	for i, want := range []string{table.ErrUnknown.Code, "storage_failed", "storage_failed", table.ErrCorrupt.Code, ""} {
		if got := fault.CodeOf(f.requests[i].err); got != want {
			t.Errorf("request %d: %v, want %q", i, f.requests[i].err, want)
		}
	}
	if !errors.Is(f.err, table.ErrUnknown) || !errors.Is(f.err, syscall.EIO) {
		t.Errorf("readers are told %v", f.err)
	}
}
