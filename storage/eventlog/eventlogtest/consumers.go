package eventlogtest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"sync"

	"github.com/barrage-live/barrage/internal/position"
	"github.com/barrage-live/barrage/storage/eventlog"
)

// at checks a cursor.
func (r *rig) at(c eventlog.Cursor, want uint64) {
	r.Helper()
	if next, err := r.log.Committed(r.Context(), c); err != nil || next != want {
		r.Errorf("%+v is at %d, %v; want %d", c, next, err, want)
	}
}

func cursors(r *rig) {
	c := eventlog.Cursor{Group: "g", Topic: "t", Partition: 1}
	r.at(c, 0)
	for i, step := range []struct {
		epoch position.Epoch
		next  uint64
		want  error
		at    uint64
	}{{1, 5, nil, 5}, {1, 9, nil, 9}, {3, 10, nil, 10}, {2, 99, eventlog.ErrFenced, 10}, {0, 99, eventlog.ErrFenced, 10}, {3, 7, nil, 7}} {
		if err := r.log.Commit(r.Context(), c, step.epoch, step.next); !errors.Is(err, step.want) || (err == nil) != (step.want == nil) {
			r.Errorf("step %d: %v, want %v", i, err, step.want)
		}
		r.at(c, step.at)
		if i == 3 {
			r.reopen()
		}
	}
	for _, other := range []eventlog.Cursor{{Group: "h", Topic: "t", Partition: 1}, {Group: "g", Topic: "u", Partition: 1}, {Group: "g", Topic: "t", Partition: 2}} {
		r.at(other, 0)
	}
}

func crash(r *rig) {
	c, ok := r.h.(Crasher)
	if !ok {
		return
	}
	cursor := eventlog.Cursor{Group: "g", Topic: "t"}
	acked := map[string]eventlog.Place{}
	for round := range 8 {
		rng := rand.New(rand.NewPCG(uint64(round), 21))
		var mu sync.Mutex
		var wg sync.WaitGroup
		stop, enough := make(chan struct{}), make(chan struct{}, 1000)
		now := map[string]eventlog.Place{}
		for w := range 5 {
			wg.Go(func() {
				for i := 0; ; i++ {
					select {
					case <-stop:
						return
					default:
					}
					id := fmt.Sprintf("%d.%d.%d", round, w, i)
					places, err := r.log.Append(r.Context(), "t", eventlog.Entry{Key: fmt.Sprint(w), ID: id, Payload: []byte(id)})
					if err != nil {
						r.Errorf("append: %v", err)
						return
					}
					mu.Lock()
					now[id] = places[0]
					mu.Unlock()
					select {
					case enough <- struct{}{}:
					default:
					}
				}
			})
		}
		for range 10 + rng.IntN(60) {
			<-enough
		}
		if err := r.log.Commit(r.Context(), cursor, 1, uint64(round)); err != nil {
			r.Error(err)
		}
		mu.Lock()
		maps.Copy(acked, now)
		mu.Unlock()
		c.Crash(rng)
		close(stop)
		wg.Wait()
		_ = r.log.Close()
		r.open()
		r.at(cursor, uint64(round))
		r.placed(acked)
	}
}

// placed checks that events lie where they were acknowledged.
func (r *rig) placed(acked map[string]eventlog.Place) {
	r.Helper()
	found := map[string]eventlog.Place{}
	for p := range partitions {
		for _, e := range r.all(p) {
			found[e.ID] = eventlog.Place{Partition: p, Offset: e.Offset}
		}
	}
	for id, place := range acked {
		if found[id] != place {
			r.Errorf("%s was acknowledged at %+v and lies at %+v", id, place, found[id])
		}
	}
}

// consume lets a consumer fail now and then, while events are appended.
func consume(r *rig) {
	const total = 300
	p := r.append(eventlog.Entry{Key: "k", Payload: []byte("0")})[0].Partition
	c := eventlog.Cursor{Group: "g", Topic: "t", Partition: p}
	var wg sync.WaitGroup
	wg.Go(func() {
		for i := 1; i < total; i++ {
			if _, err := r.log.Append(r.Context(), "t", eventlog.Entry{Key: "k", Payload: []byte(fmt.Sprint(i))}); err != nil {
				r.Errorf("append: %v", err)
				return
			}
		}
	})
	failed, done := errors.New("failed"), errors.New("done")
	seen := 0 // all below were handled
	calls := 0
	handle := func(_ context.Context, events []eventlog.Event) error {
		if calls++; calls%3 == 0 {
			return failed
		}
		for _, e := range events {
			if e.Offset > uint64(seen) || string(e.Payload) != fmt.Sprint(e.Offset) {
				r.Errorf("event %d says %q where %d was next", e.Offset, e.Payload, seen)
			}
			seen = max(seen, int(e.Offset)+1)
		}
		if seen == total {
			return done
		}
		return nil
	}
	for {
		err := r.log.Consume(r.Context(), c, 1, handle)
		if errors.Is(err, done) {
			break
		}
		if !errors.Is(err, failed) {
			r.Fatalf("consume: %v", err)
		}
	}
	wg.Wait()
	if err := r.log.Commit(r.Context(), c, 2, 0); err != nil {
		r.Fatal(err)
	}
	if err := r.log.Consume(r.Context(), c, 1, func(context.Context, []eventlog.Event) error { return nil }); !errors.Is(err, eventlog.ErrFenced) {
		r.Errorf("a succeeded consumer: %v, want ErrFenced", err)
	}
}
