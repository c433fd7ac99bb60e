package room

import (
	"context"
	"time"

	"github.com/barrage-live/barrage/cluster"
	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/id"
	"github.com/barrage-live/barrage/internal/position"
	"github.com/barrage-live/barrage/storage/table"
)

// Bounds of a page by media time.
const (
	// TimeLimit is the most danmaku of a page.
	TimeLimit = 1000
	// MaxTimeBytes bounds their weight. Nothing carries such a page but an answer over HTTP.
	MaxTimeBytes = 256 << 10
	// MaxTimeSpan is how much media time one question may be about.
	MaxTimeSpan = 10 * time.Minute

	// wakeLimit is how long the room may take to begin to index what its log has more.
	wakeLimit = 5 * time.Second
	// pageMinutes is how many minutes are listed at once.
	pageMinutes = 64
)

var (
	errSpan        = fault.New(fault.Invalid, "bad_time_range", "a range of media time begins before it ends, at 0 or later, and is at most 10 minutes long")
	errNoBroadcast = fault.New(fault.NotFound, "no_broadcast", "no such broadcast")
)

// Moment is a place in the order of media time. The zero value comes before all danmaku.
type Moment struct {
	Media  time.Duration
	Offset position.Offset // orders those of the same picture
}

// TimeSpan asks for the danmaku with From <= media time < To that come after a moment; at most Limit of
// them, 0 being TimeLimit.
type TimeSpan struct {
	From, To time.Duration
	After    Moment
	Limit    int
}

// TimePage is a part of a broadcast's danmaku, in the order of media time, and of their offsets where that is
// the same.
type TimePage struct {
	Danmaku []Danmaku
	// More says that there may be others in the span, after the last of these.
	More bool
	// Settled says that the broadcast is over and nothing will be added to it.
	Settled bool
}

// TimeIndex reads danmaku by the media time of their pictures. It reads storage on any node, past the rooms,
// and is safe for concurrent use.
type TimeIndex struct {
	node    *cluster.Node
	store   IndexStore
	metrics *Metrics
}

// NewTimeIndex makes a reader of what the rooms behind n write into the store.
func NewTimeIndex(n *cluster.Node, store IndexStore, m *Metrics) *TimeIndex {
	return &TimeIndex{n, store, m}
}

// Page gives danmaku of a broadcast. One that was acknowledged appears about a second later. A row that
// cannot be read hides no other. Refusals: Invalid "bad_time_range", NotFound "no_broadcast" for one that was
// deleted (one that never was has no danmaku), and the storage's.
func (x *TimeIndex) Page(ctx context.Context, r id.Room, b id.Broadcast, q TimeSpan) (TimePage, error) {
	if q.From < 0 || q.To <= q.From || q.To-q.From > MaxTimeSpan {
		return TimePage{}, errSpan
	}
	// What is known of the broadcast is read before its danmaku: if it is sealed now, they are all there.
	state, err := stateOf(ctx, x.store, broadcastPart(r, b))
	if err != nil {
		return TimePage{}, err
	}
	switch state {
	case deleted:
		return TimePage{}, errNoBroadcast
	case open:
		x.wake(r)
	case sealed:
	}
	if q.Limit <= 0 || q.Limit > TimeLimit {
		q.Limit = TimeLimit
	}
	if q.After.Media >= q.From {
		q.From = q.After.Media
	}
	minutes, err := minutesOf(ctx, x.store, broadcastPart(r, b), minuteKey(minuteOf(q.From)), minuteKey(minuteOf(q.To-1)+1))
	p, size := TimePage{Settled: state == sealed}, 0
	for i, n := range minutes {
		if err == nil && !p.More {
			err = x.readMinute(ctx, minutePart(r, b, n), q, &p, &size)
		}
		p.More = p.More || p.full(q, size) && i+1 < len(minutes)
	}
	return p, err
}

// wake has the room index what an activation that died may have left in its log.
func (x *TimeIndex) wake(r id.Room) {
	cluster.AskFunc(x.node, time.Now().Add(wakeLimit), kindName, string(r), getInfo{}, func(any, error) {})
}

func (p *TimePage) full(q TimeSpan, size int) bool {
	return len(p.Danmaku) >= q.Limit || size >= MaxTimeBytes
}

// readMinute adds the danmaku of one minute to a page.
func (x *TimeIndex) readMinute(ctx context.Context, partition string, q TimeSpan, p *TimePage, size *int) error {
	unreadable := x.metrics.unreadable.WithLabelValues("index")
	span := table.Range{
		Table: timeTable(), Partition: partition, From: timeKey(Moment{Media: q.From}), To: timeKey(Moment{Media: q.To}),
		Damaged: func([]byte) { unreadable.Inc() },
	}
	if q.After.Media == q.From && q.After.Offset > 0 {
		span.From = table.After(timeKey(q.After))
	}
	for more := true; more; {
		if p.full(q, *size) {
			p.More = true
			return nil
		}
		span.Limit, span.Bytes = q.Limit-len(p.Danmaku), MaxTimeBytes-*size
		var rows []table.Row
		var err error
		if rows, more, err = x.store.Scan(ctx, span); err != nil {
			return err
		}
		for _, row := range rows {
			d, err := decodeTimed(row.Key, row.Value)
			if err != nil {
				unreadable.Inc()
				continue
			}
			if *size += d.Weight(); *size > MaxTimeBytes && len(p.Danmaku) > 0 {
				p.More = true
				return nil
			}
			p.Danmaku = append(p.Danmaku, d)
		}
		span = table.Rest(span, rows)
	}
	return nil
}
