package recording_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/id"
	"github.com/barrage-live/barrage/live/recording"
	"github.com/barrage-live/barrage/live/recording/recordingtest"
	"github.com/barrage-live/barrage/storage/blob"
	"github.com/barrage-live/barrage/storage/blob/blobtest"
	"github.com/barrage-live/barrage/storage/table/pebbletable/pebbletest"
)

// owner is the owner of all channels; it may fail, and knows what goes on.
type owner struct {
	store *recording.Store
	live  id.Broadcast
	fail  error
}

func (o *owner) Erase(ctx context.Context, ch id.Channel, b id.Broadcast) error {
	if o.fail != nil {
		return o.fail
	}
	return o.store.Remove(ctx, later(), ch, b)
}

func (o *owner) Settle(ctx context.Context, _ id.Channel, b id.Broadcast) error {
	if b == o.live {
		return nil
	}
	return o.store.Recover(ctx, later(), b)
}

func numbered(n int) id.Broadcast { return id.Broadcast(fmt.Sprintf("%032d", n)) }

// record makes the n-th recording, of so many segments, an hour after the one before.
func record(t *testing.T, s *recording.Store, n, segments int, ended bool) *recording.Writer {
	t.Helper()
	begin := start().Add(time.Duration(n) * time.Hour)
	w := recordingtest.Writer(s, ch, numbered(n), begin)
	keep(t, w, 0, segments)
	if ended {
		if err := w.End(t.Context(), begin.Add(10*time.Minute)); err != nil {
			t.Fatal(err)
		}
	}
	return w
}

func left(t *testing.T, s *recording.Store) (numbers []int) {
	t.Helper()
	list, _, err := s.List(t.Context(), ch, "", 100)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range list {
		var n int
		if _, err := fmt.Sscanf(string(e.Broadcast), "%d", &n); err != nil {
			t.Fatal(err)
		}
		numbers = append(numbers, n)
	}
	return numbers
}

// TestTidy has four recordings of which the newest goes on, and of which a crash has left another open.
func TestTidy(t *testing.T) {
	size := func(segments int) (bytes int64) {
		for n := range segments {
			bytes += int64(len(body(n)))
		}
		return bytes
	}
	for name, c := range map[string]struct {
		policy recording.Policy
		want   []int
	}{
		"everything is kept":           {recording.Policy{}, []int{3, 2, 1, 0}},
		"an hour and a bit":            {recording.Policy{Retention: time.Hour + 20*time.Minute}, []int{3, 2}},
		"a long time":                  {recording.Policy{Retention: 100 * time.Hour}, []int{3, 2, 1, 0}},
		"the newest three":             {recording.Policy{Quota: 3 * size(5)}, []int{3, 2, 1}},
		"room for all":                 {recording.Policy{Quota: 4 * size(5)}, []int{3, 2, 1, 0}},
		"less than one; one goes on":   {recording.Policy{Quota: size(5) - 1}, []int{3, 2}},
		"both, whichever is less kept": {recording.Policy{Retention: 2*time.Hour + time.Minute, Quota: 3 * size(5)}, []int{3, 2, 1}},
	} {
		t.Run(name, func(t *testing.T) {
			s := recordingtest.New(t)
			record(t, s, 0, 5, true)
			record(t, s, 1, 5, true)
			record(t, s, 2, 5, false).Die()
			record(t, s, 3, 5, false)
			o := &owner{store: s, live: numbered(3), fail: errors.New("nobody answers")}
			registry := prometheus.NewRegistry()
			k := recording.NewKeeper(s, c.policy, o, recording.NewMetrics(registry))
			now := start().Add(3*time.Hour + 10*time.Minute)
			if err := k.Tidy(t.Context(), now); err != nil { // nothing can be removed, and what was open is ended
				t.Fatal(err)
			}
			if n := len(left(t, s)); n != 4 {
				t.Errorf("%d are left although nobody removed any", n)
			}
			if h, err := s.Header(t.Context(), numbered(2)); err != nil || h.End.IsZero() {
				t.Errorf("what a crash left open: %+v, %v", h, err)
			}
			if h, err := s.Header(t.Context(), numbered(3)); err != nil || !h.End.IsZero() {
				t.Errorf("what goes on: %+v, %v", h, err)
			}
			o.fail = nil
			for range 2 {
				if err := k.Tidy(t.Context(), now); err != nil {
					t.Fatal(err)
				}
			}
			want := c.want
			if name == "less than one; one goes on" {
				want = []int{3} // 2 has ended meanwhile
			}
			if got := left(t, s); !cmp.Equal(got, want) {
				t.Errorf("left: %v, want %v", got, want)
			}
		})
	}
}

// TestOneBroadcastEndsAtTheQuota: what goes on is recorded up to the quota of its channel.
func TestOneBroadcastEndsAtTheQuota(t *testing.T) {
	s := recordingtest.New(t)
	recording.NewKeeper(s, recording.Policy{Quota: int64(len(body(0)) + len(body(1)))}, &owner{store: s}, recording.NewMetrics(prometheus.NewRegistry()))
	w := recordingtest.Writer(s, ch, b1, start())
	keep(t, w, 0, 2)
	if err := w.Keep(t.Context(), piece(2)); !errors.Is(err, recording.ErrPaused) || !w.Paused() {
		t.Errorf("a segment over the quota: %v", err)
	}
	if r := whole(t, s, 2); r.Header.Next != 3 {
		t.Errorf("the segment that is not recorded was listed as well: next is %d", r.Header.Next)
	}
}

// room is a store on a disk of which the test says what is free.
type room struct {
	*blob.Store
	free int64
	mute bool
}

func (r *room) Room() (free, total int64, ok bool) { return r.free, 100_000_000_000, !r.mute }

// TestReserve: below the reserve nothing is recorded, and nothing is removed; recording goes on when there is
// clearly more.
func TestReserve(t *testing.T) {
	r := &room{Store: blob.New(blobtest.NewBucket(0).Client())}
	s := recording.New(pebbletest.Open(t), r, slog.New(slog.DiscardHandler))
	for _, c := range []struct {
		policy  recording.Policy
		reserve int64
	}{{recording.Policy{}, 5_000_000_000}, {recording.Policy{Reserve: 1_000_000}, 1_000_000}} {
		registry := prometheus.NewRegistry()
		k := recording.NewKeeper(s, c.policy, &owner{store: s}, recording.NewMetrics(registry))
		for _, step := range []struct {
			free   int64
			paused bool
		}{{c.reserve, false}, {c.reserve - 1, true}, {c.reserve + c.reserve/20, true}, {c.reserve + c.reserve/16, false}, {c.reserve, false}, {0, true}, {2 * c.reserve, false}} {
			r.free = step.free
			k.Watch()
			if s.Paused() != step.paused {
				t.Errorf("with %d free over a reserve of %d: paused %v", step.free, c.reserve, s.Paused())
			}
			if n, err := testutil.GatherAndCount(registry, "barrage_recording_paused"); err != nil || n != 1 {
				t.Errorf("%d figures, %v", n, err)
			}
		}
		r.free, r.mute = 0, true
		if k.Watch(); s.Paused() {
			t.Error("a disk that does not tell is full")
		}
		r.mute = false
	}
}

// TestARemovalThatWasCutOffIsFinished cuts it off at the deletion of the bytes.
func TestARemovalThatWasCutOffIsFinished(t *testing.T) {
	down := fault.New(fault.Unavailable, "storage_failed", "the disk failed")
	stuck := &stubborn{Store: blob.New(blobtest.NewBucket(0).Client()), err: down}
	s := recording.New(pebbletest.Open(t), stuck, slog.New(slog.DiscardHandler))
	record(t, s, 0, 5, true)
	if err := s.Remove(t.Context(), later(), ch, numbered(0)); !errors.Is(err, down) {
		t.Fatal(err)
	}
	if n := len(left(t, s)); n != 0 {
		t.Errorf("what is being removed is listed: %d", n)
	}
	stuck.err = nil
	k := recording.NewKeeper(s, recording.Policy{}, &owner{store: s}, recording.NewMetrics(prometheus.NewRegistry()))
	if err := k.Tidy(t.Context(), start()); err != nil {
		t.Fatal(err)
	}
	for info, err := range stuck.List(t.Context(), "live/", "") {
		t.Errorf("left: %+v, %v", info, err)
	}
}

// stubborn is a store that does not delete.
type stubborn struct {
	*blob.Store
	err error
}

func (s *stubborn) DeletePrefix(ctx context.Context, prefix string) (int, error) {
	if s.err != nil {
		return 0, s.err
	}
	return s.Store.DeletePrefix(ctx, prefix)
}
