package room

import (
	"context"
	"slices"
	"strconv"
	"time"

	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/position"
	"github.com/barrage-live/barrage/storage/table"
)

const (
	// tailPage is how many rows of the tail one read takes.
	tailPage = 4096
	// closeLimit is how long the first append of a bucket may wait for the closing of the one before.
	closeLimit = 200 * time.Millisecond
)

// logTable holds the logs of all rooms; a partition is one bucket of a room.
func logTable() table.Table { return table.Owned("room_log") }

// bucket names a partition of the room's log.
func (r *rows) bucket(n uint64) string { return string(r.room) + ":" + strconv.FormatUint(n, 10) }

// loadHead fences the open bucket and reads the place of the newest row. A bucket that was announced and
// never written to has none: the head is in the one before then, where it stays until a row follows it.
func (r *rows) loadHead(ctx context.Context, l *loaded) error {
	for n := l.card.bucket; ; n-- {
		if err := r.store.Fence(ctx, logTable(), r.bucket(n), r.fence); err != nil {
			return err
		}
		value, version, err := r.get(ctx, logTable(), r.bucket(n), headKey())
		if err != nil {
			return err
		}
		if version != 0 {
			l.head, err = decodeHead(value)
			return err
		}
		if n == 0 || n < l.card.bucket {
			break
		}
	}
	if l.card.bucket > 0 {
		return fault.New(fault.Internal, "log_corrupt", "the log has no head")
	}
	return nil
}

// loadTail reads the newest rows, enough to fill the ring and the memory of keys, and puts them in order.
func (r *rows) loadTail(ctx context.Context, now time.Time, l *loaded) error {
	reach := now.Add(-max(r.cfg.Window, l.card.Settings.SlowMode))
	for n := bucketOf(l.head.Offset); ; n-- {
		span := table.Range{
			Table: logTable(), Partition: r.bucket(n), From: []byte{logPrefix}, To: []byte{logPrefix + 1},
			Reverse: true, Limit: tailPage,
		}
		before := len(l.tail)
		for more := true; more; {
			var page []table.Row
			var err error
			if page, more, err = r.store.Scan(ctx, span); err != nil {
				return err
			}
			if l.tail, err = decodeRows(l.tail, page); err != nil {
				return err
			}
			if r.enough(l.tail, reach) {
				return checkTail(l)
			}
			span = table.Rest(span, page)
		}
		if n == 0 || len(l.tail) == before { // older buckets have expired altogether
			return checkTail(l)
		}
	}
}

// enough reports whether a tail, the newest first, reaches back far enough.
func (r *rows) enough(tail []Danmaku, reach time.Time) bool {
	n := len(tail)
	return n >= r.cfg.WindowKeys || n >= r.cfg.RingRows && tail[n-1].At.Before(reach)
}

// checkTail puts the tail in order.
func checkTail(l *loaded) error {
	slices.Reverse(l.tail)
	if n := len(l.tail); n > 0 && l.tail[n-1].Position.Compare(l.head) > 0 {
		return fault.New(fault.Internal, "log_corrupt", "the log has rows after its head")
	}
	return nil
}

func decodeRows(to []Danmaku, page []table.Row) ([]Danmaku, error) {
	for _, row := range page {
		d, err := decodeDanmaku(row.Key, row.Value)
		if err != nil {
			return nil, err
		}
		to = append(to, d)
	}
	return to, nil
}

// append writes rows of one bucket to the end of the log. The first requires that its place is free, so
// that of two attempts to write the same rows one takes effect.
func (r *rows) append(ctx context.Context, rows []entry) error {
	first, last := rows[0].Position.Offset, rows[len(rows)-1].Position
	ops := make([]table.Op, 1, len(rows)+1)
	head, err := encodeHead(last)
	if err != nil {
		return err
	}
	ops[0] = table.Put(headKey(), head) // first, so that the keys ascend: then the table need not look for repeated ones
	for i := range rows {
		key, value, err := encodeDanmaku(&rows[i].Danmaku)
		if err != nil {
			return err
		}
		op := table.Put(key, value)
		if i == 0 {
			op = table.PutIfAbsent(key, value)
		}
		ops = append(ops, table.Expiring(op, r.cfg.Retention))
	}
	n := bucketOf(last.Offset)
	opens := first == 1 || bucketOf(first-1) < n
	if opens { // whatever fence an empty bucket had may have gone with time
		if err := r.store.Fence(ctx, logTable(), r.bucket(n), r.fence); err != nil {
			return err
		}
	}
	if _, err = r.store.Write(ctx, table.Batch{Table: logTable(), Partition: r.bucket(n), Fence: r.fence, Ops: ops}); err == nil && opens && n > 0 {
		r.closeBucket(ctx, n-1)
	}
	return err
}

// closeBucket removes what would keep a bucket longer than its rows. If that fails, one row of a few bytes
// stays; nothing depends on it, and the append that opened the next bucket, which is durable already, must
// neither fail nor wait for it.
func (r *rows) closeBucket(ctx context.Context, n uint64) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeLimit)
	defer cancel()
	_, _ = r.store.Write(ctx, table.Batch{
		Table: logTable(), Partition: r.bucket(n), Fence: r.fence, Ops: []table.Op{table.Delete(headKey())},
	})
}

// settleAppend finds out whether rows of an append of unknown outcome are in the log, and writes them if
// they are not.
func (r *rows) settleAppend(ctx context.Context, rows []entry) error {
	last := rows[len(rows)-1].Position
	if done, err := r.headIs(ctx, last); done || err != nil {
		return unsettled(err)
	}
	err := r.append(ctx, rows)
	if fault.KindOf(err) != fault.Conflict {
		return unsettled(err)
	}
	// An earlier attempt has come through meanwhile.
	done, err := r.headIs(ctx, last)
	if err == nil && !done {
		return fault.New(fault.Fenced, "log_overtaken", "somebody else has written to the log")
	}
	return unsettled(err)
}

func (r *rows) headIs(ctx context.Context, p position.Position) (bool, error) {
	value, version, err := r.get(ctx, logTable(), r.bucket(bucketOf(p.Offset)), headKey())
	if err != nil || version == 0 {
		return false, err
	}
	head, err := decodeHead(value)
	return head == p, err
}

// read performs a query, over as many buckets as it takes. It stops early once the rows fill a page,
// whatever the limit.
func (r *rows) read(ctx context.Context, q query) (page, error) {
	var p page
	size := 0
	next, last := bucketOf(q.from), bucketOf(q.to)
	if q.newest {
		next, last = last, next
	}
	for {
		before := len(p.Danmaku)
		if err := r.readBucket(ctx, q, next, &p, &size); err != nil {
			return page{}, err
		}
		// Old buckets expire whole: a read that goes back ends at the first that is empty.
		if next == last || p.full(q, size) || q.newest && len(p.Danmaku) == before {
			break
		}
		if q.newest {
			next--
		} else {
			next++
		}
	}
	p.More = p.More || p.full(q, size) && next != last
	if q.newest {
		slices.Reverse(p.Danmaku)
	}
	return p, nil
}

// full reports whether a page needs no more rows.
func (p *page) full(q query, size int) bool { return len(p.Danmaku) >= q.limit || size > MaxBatchBytes }

// readBucket adds the rows of one bucket.
func (r *rows) readBucket(ctx context.Context, q query, n uint64, p *page, size *int) error {
	span := table.Range{
		Table: logTable(), Partition: r.bucket(n), From: logKey(q.from), To: table.After(logKey(q.to)), Reverse: q.newest,
	}
	for p.More = true; p.More && !p.full(q, *size); {
		span.Limit = q.limit - len(p.Danmaku)
		rows, more, err := r.store.Scan(ctx, span)
		if err != nil {
			return err
		}
		before := len(p.Danmaku)
		if p.Danmaku, err = decodeRows(p.Danmaku, rows); err != nil {
			return err
		}
		for i := range p.Danmaku[before:] {
			*size += p.Danmaku[before+i].Weight()
		}
		p.More = more
		span = table.Rest(span, rows)
	}
	return nil
}
