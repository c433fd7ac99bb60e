package eventlogtest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/position"
	"github.com/barrage-live/barrage/storage/eventlog"
	"github.com/barrage-live/barrage/storage/eventlog/driver"
)

// errFault is what a call is answered that fails by chance.
var errFault = fault.New(fault.Timeout, "outcome_unknown", "the outcome is unknown")

// faulty fails calls of another driver, some before their effect and some after it. One goroutine uses it.
type faulty struct {
	driver.Driver
	rng *rand.Rand
}

func (f faulty) call(effect func() error) error {
	before, after := f.rng.IntN(5) == 0, f.rng.IntN(5) == 0
	if before {
		return errFault
	}
	if err := effect(); err != nil || !after {
		return err
	}
	return errFault
}

func (f faulty) Append(ctx context.Context, topic string, entries []driver.Entry) (places []driver.Place, err error) {
	err = f.call(func() (err error) { places, err = f.Driver.Append(ctx, topic, entries); return err })
	return places, err
}

func (f faulty) Read(ctx context.Context, q driver.Request) (events []driver.Event, err error) {
	q.Max = min(q.Max, 7) // so that there is much to commit
	err = f.call(func() (err error) { events, err = f.Driver.Read(ctx, q); return err })
	return events, err
}

func (f faulty) Commit(ctx context.Context, c driver.Cursor, epoch position.Epoch, next uint64) error {
	return f.call(func() error { return f.Driver.Commit(ctx, c, epoch, next) })
}

// faults appends every event until that is acknowledged, and consumes again after every failure.
func faults(r *rig) {
	ctx, cancel := context.WithTimeout(r.Context(), time.Minute) // consuming waits for what was lost
	defer cancel()
	log := eventlog.New(faulty{r.driver, rand.New(rand.NewPCG(5, 6))})
	acked := map[string]eventlog.Place{}
	var counts [partitions]int
	for i := range 200 {
		e := eventlog.Entry{Key: fmt.Sprint(i % 7), ID: fmt.Sprint(i)}
		places, err := log.Append(ctx, "t", e)
		for errors.Is(err, errFault) {
			places, err = log.Append(ctx, "t", e)
		}
		if err != nil {
			r.Fatalf("append: %v", err)
		}
		acked[e.ID] = eventlog.Place{Partition: places[0].Partition, Offset: places[0].Offset}
		counts[places[0].Partition]++
	}
	r.placed(acked)
	for p, want := range counts {
		if n := len(r.all(p)); n != want {
			r.Errorf("partition %d has %d events, %d were appended", p, n, want)
		}
		for seen := 0; seen < want; {
			c := eventlog.Cursor{Group: "g", Topic: "t", Partition: p}
			err := log.Consume(ctx, c, 1, func(_ context.Context, events []eventlog.Event) error {
				if first := int(events[0].Offset); first > seen {
					r.Fatalf("partition %d: consumed from %d where %d was next", p, first, seen)
				}
				if seen = int(events[len(events)-1].Offset) + 1; seen >= want {
					return errFault
				}
				return nil
			})
			if !errors.Is(err, errFault) {
				r.Fatalf("consume: %v", err)
			}
		}
	}
}
