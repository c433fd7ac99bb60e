package room

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"strconv"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/barrage-live/barrage/actors/live/room/roompb"
	"github.com/barrage-live/barrage/internal/id"
	"github.com/barrage-live/barrage/internal/position"
	"github.com/barrage-live/barrage/storage/table"
)

// minute is what of a broadcast shares a partition of the index.
const minute = time.Minute

// timeTable holds the danmaku of all rooms by media time. It is plain: whoever writes a row writes the same.
func timeTable() table.Table { return table.Plain("danmaku_by_time") }

// listTable names the broadcasts that have danmaku in the index: a partition is a room, a row a broadcast. It
// is plain too.
func listTable() table.Table { return table.Plain("danmaku_broadcasts") }

// undoTimeout bounds how long it takes to look for a deletion, and to do it again.
const undoTimeout = 10 * time.Second

// The keys of a broadcast's partition.
const (
	minutePrefix = 'm'
	stateKey     = "s"
)

// broadcastState says what is known of a broadcast in the index.
type broadcastState byte

const (
	open    broadcastState = 0 // no row
	sealed  broadcastState = 's'
	deleted broadcastState = 'd'
)

// broadcastPart names the partition that tells of a broadcast's minutes, minutePart that of one of them.
func broadcastPart(r id.Room, b id.Broadcast) string { return string(r) + ":" + string(b) }

func minutePart(r id.Room, b id.Broadcast, n uint64) string {
	return broadcastPart(r, b) + ":" + strconv.FormatUint(n, 10)
}

func minuteOf(media time.Duration) uint64 { return uint64(media / minute) }

func minuteKey(n uint64) []byte { return binary.BigEndian.AppendUint64([]byte{minutePrefix}, n) }

// timeKey orders the danmaku of a minute.
func timeKey(m Moment) []byte {
	key := binary.BigEndian.AppendUint64(make([]byte, 0, 16), uint64(m.Media.Milliseconds()))
	return binary.BigEndian.AppendUint64(key, uint64(m.Offset))
}

// decodeTimed reads a row of the index.
func decodeTimed(key, value []byte) (Danmaku, error) {
	var m roompb.Danmaku
	if len(key) != 16 || proto.Unmarshal(value, &m) != nil {
		return Danmaku{}, errRow
	}
	d, err := danmakuAt(position.Offset(binary.BigEndian.Uint64(key[8:])), &m)
	if err == nil && uint64(d.MediaTime.Milliseconds()) != binary.BigEndian.Uint64(key) {
		err = errRow
	}
	return d, err
}

func indexKey() []byte { return []byte{indexPrefix} }

// loadIndexed reads from where on the log is indexed. Without a place to go on from, or with one that cannot
// be read, that is the beginning: to index again changes nothing.
func (r *rows) loadIndexed(ctx context.Context) (indexed, error) {
	value, _, err := r.get(ctx, roomTable(), string(r.room), indexKey())
	if errors.Is(err, table.ErrCorrupt) {
		value, err = nil, nil
	}
	var m roompb.Indexed
	if err != nil || proto.Unmarshal(value, &m) != nil {
		return indexed{}, err
	}
	return indexed{position.Offset(m.GetOffset()), id.Broadcast(m.GetBroadcast())}, nil
}

func (r *rows) saveIndexed(ctx context.Context, at indexed) error {
	value, err := proto.Marshal(&roompb.Indexed{Offset: uint64(at.to), Broadcast: string(at.open)})
	if err != nil {
		return err
	}
	_, err = r.store.Write(ctx, table.Batch{
		Table: roomTable(), Partition: string(r.room), Fence: r.fence, Ops: []table.Op{table.Put(indexKey(), value)},
	})
	return err
}

// indexer does the steps of the index. All of a step may be done again, wholly or in part.
type indexer struct {
	rows    *rows
	metrics *Metrics
	// of is the broadcast whose state and minutes this knows.
	of     id.Broadcast
	gone   bool // it was deleted: what comes late is left out
	listed bool
	noted  map[uint64]struct{}
}

// do does a step.
func (x *indexer) do(ctx context.Context, now time.Time, step *indexStep) (stepped, error) {
	switch {
	case step.save:
		return stepped{At: step.at, Saved: true}, x.rows.saveIndexed(ctx, step.at)
	case step.seal:
		return x.seal(ctx, now, step.at)
	}
	done := stepped{At: step.at}
	rows := step.rows
	var to position.Offset
	if len(rows) > 0 {
		to = rows[len(rows)-1].Position.Offset
	} else {
		var err error
		if rows, to, err = x.read(ctx, step); err != nil {
			return stepped{}, err
		}
		done.Read = true
	}
	rows, done.At, done.Ended = run(rows, step.at, to)
	return done, x.write(ctx, done.At.open, rows)
}

// run cuts rows off where another broadcast begins than the open one, and says how far the log is indexed
// without the rest.
func run(rows []Danmaku, at indexed, to position.Offset) (of []Danmaku, after indexed, ended bool) {
	first := 0
	for i := range rows {
		switch b := rows[i].Broadcast; {
		case b == at.open:
		case at.open == "":
			at.open, first = b, i
		default:
			at.to = rows[i].Position.Offset - 1
			return rows[first:i], at, true
		}
	}
	at.to = to
	return rows[first:], at, false
}

// read gives the next rows of the log, and up to where it has none besides.
func (x *indexer) read(ctx context.Context, step *indexStep) (rows []Danmaku, to position.Offset, err error) {
	from := step.at.to + 1
	bucket := bucketOf(from)
	to = min(step.to, position.Offset((bucket+1)*bucketRows-1))
	unreadable := x.metrics.unreadable.WithLabelValues("log")
	page, more, err := x.rows.store.Scan(ctx, table.Range{
		Table: logTable(), Partition: x.rows.bucket(bucket), From: logKey(from), To: table.After(logKey(to)), Limit: indexRows,
		Damaged: func([]byte) { unreadable.Inc() },
	})
	for _, row := range page {
		d, err := decodeDanmaku(row.Key, row.Value)
		if err != nil { // to wait for it would keep all that follow out of the index
			unreadable.Inc()
			continue
		}
		rows = append(rows, d)
	}
	if more && len(page) > 0 {
		to = position.Offset(binary.BigEndian.Uint64(page[len(page)-1].Key[1:]))
	}
	return rows, to, err
}

// write puts rows of one broadcast into their minutes. A minute is told of before it has rows, so that
// nothing is left of it when the broadcast is deleted.
func (x *indexer) write(ctx context.Context, b id.Broadcast, rows []Danmaku) error {
	if b == "" {
		return nil
	}
	minutes := map[uint64][]table.Op{}
	var order []uint64
	for i := range rows {
		d := &rows[i]
		if d.MediaTime < 0 {
			continue
		}
		value, err := proto.Marshal(rowOf(d))
		if err != nil {
			return err
		}
		n := minuteOf(d.MediaTime)
		if minutes[n] == nil {
			order = append(order, n)
		}
		minutes[n] = append(minutes[n], table.Put(timeKey(Moment{d.MediaTime, d.Position.Offset}), value))
	}
	if err := x.know(ctx, b); err != nil || x.gone || len(order) == 0 {
		return err
	}
	err := x.note(ctx, b, order)
	if err == nil {
		err = x.putMinutes(ctx, b, order, minutes)
	}
	return cmp.Or(err, x.undo(ctx, b, order))
}

// putMinutes writes rows into their minutes, side by side.
func (x *indexer) putMinutes(ctx context.Context, b id.Broadcast, order []uint64, minutes map[uint64][]table.Op) error {
	all := make([]table.Batch, len(order))
	for i, n := range order {
		all[i] = table.Batch{Table: timeTable(), Partition: minutePart(x.rows.room, b, n), Ops: minutes[n]}
	}
	return x.rows.store.WriteAll(ctx, all)
}

// undo removes what was written of a broadcast that was deleted meanwhile. The deletion waited for the
// activation that has the room, so this is one that has lost it and does not know; what it did may have
// taken longer than it was given.
func (x *indexer) undo(ctx context.Context, b id.Broadcast, minutes []uint64) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoTimeout)
	defer cancel()
	state, err := stateOf(ctx, x.rows.store, broadcastPart(x.rows.room, b))
	if err != nil || state != deleted {
		return err
	}
	x.gone = true
	for _, n := range minutes {
		if err := x.put(ctx, minutePart(x.rows.room, b, n), []table.Op{table.DeleteRange(nil, nil)}); err != nil {
			return err
		}
	}
	return eraseIndex(ctx, x.rows.store, x.rows.room, b)
}

// know finds out once what became of a broadcast.
func (x *indexer) know(ctx context.Context, b id.Broadcast) error {
	if x.of == b {
		return nil
	}
	s, err := stateOf(ctx, x.rows.store, broadcastPart(x.rows.room, b))
	if err != nil {
		return err
	}
	listed, err := isListed(ctx, x.rows.store, x.rows.room, b)
	if err == nil {
		x.of, x.gone, x.listed, x.noted = b, s == deleted, listed, map[uint64]struct{}{}
	}
	return err
}

// list tells of a broadcast that has danmaku, and of when it was sealed, if it is.
func (x *indexer) list(ctx context.Context, b id.Broadcast, sealed []byte) error {
	_, err := x.rows.store.Write(ctx, table.Batch{
		Table: listTable(), Partition: string(x.rows.room), Ops: []table.Op{table.Put([]byte(b), sealed)},
	})
	x.listed = x.listed || err == nil
	return err
}

// note tells of minutes that get rows, and of their broadcast.
func (x *indexer) note(ctx context.Context, b id.Broadcast, minutes []uint64) error {
	if !x.listed {
		if err := x.list(ctx, b, nil); err != nil {
			return err
		}
	}
	var ops []table.Op
	for _, n := range minutes {
		if _, known := x.noted[n]; !known {
			ops = append(ops, table.Put(minuteKey(n), nil))
		}
	}
	if len(ops) == 0 {
		return nil
	}
	if err := x.put(ctx, broadcastPart(x.rows.room, b), ops); err != nil {
		return err
	}
	const most = 2 * 24 * 60 // of two days; to tell again does no harm
	if len(x.noted) > most {
		clear(x.noted)
	}
	for _, n := range minutes {
		x.noted[n] = struct{}{}
	}
	return nil
}

func (x *indexer) put(ctx context.Context, partition string, ops []table.Op) error {
	_, err := x.rows.store.Write(ctx, table.Batch{Table: timeTable(), Partition: partition, Ops: ops})
	return err
}

// seal says that no danmaku follow of the open broadcast. The cursor is durable before that: whoever finds
// the seal knows that no activation indexes rows of the broadcast again.
func (x *indexer) seal(ctx context.Context, now time.Time, at indexed) (stepped, error) {
	if err := x.rows.saveIndexed(ctx, at); err != nil {
		return stepped{}, err
	}
	if err := x.know(ctx, at.open); err != nil {
		return stepped{}, err
	}
	if !x.gone {
		seal := table.Put([]byte(stateKey), []byte{byte(sealed)})
		if err := x.put(ctx, broadcastPart(x.rows.room, at.open), []table.Op{seal}); err != nil {
			return stepped{}, err
		}
	}
	if x.listed && !x.gone {
		if err := x.list(ctx, at.open, binary.BigEndian.AppendUint64(nil, uint64(now.UnixMilli()))); err != nil {
			return stepped{}, err
		}
	}
	at.open = ""
	return stepped{At: at, Saved: true}, x.rows.saveIndexed(ctx, at)
}

// stateOf reads what is known of a broadcast. A row that cannot be read tells nothing.
func stateOf(ctx context.Context, store Store, partition string) (broadcastState, error) {
	row, err := store.Get(ctx, timeTable(), partition, []byte(stateKey))
	switch {
	case errors.Is(err, table.ErrNoRow), errors.Is(err, table.ErrCorrupt):
		return open, nil
	case err != nil:
		return open, err
	case bytes.Equal(row.Value, []byte{byte(deleted)}):
		return deleted, nil
	case bytes.Equal(row.Value, []byte{byte(sealed)}):
		return sealed, nil
	}
	return open, nil
}
