package channel

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/id"
	"github.com/barrage-live/barrage/storage/table"
)

const (
	// lists is into how many partitions the list of live channels is spread. It is part of the format.
	lists = 64
	// maxLive is how many live channels a node lists; of more, those with the fewest viewers are left out.
	maxLive = 10_000
	// listFor is how long a list that was read is shown.
	listFor = time.Second
	// readTimeout is how long a reading of the list may take.
	readTimeout = 5 * time.Second
)

// Listed is a channel in the list of those that are live or interrupted, as it was at its last beat.
type Listed struct {
	Channel
	Viewers int
}

// listedRow is the stored form.
type listedRow struct {
	Name      string       `json:"name"`
	Title     string       `json:"title"`
	Owner     id.User      `json:"owner"`
	Room      id.Room      `json:"room"`
	Created   time.Time    `json:"created"`
	Phase     Phase        `json:"phase"`
	Broadcast id.Broadcast `json:"broadcast"`
	Start     time.Time    `json:"start"`
	Since     time.Time    `json:"since"`
	Viewers   int          `json:"viewers"`
}

// show writes the row by which a live channel is found, for the time of a few beats.
func (s store) show(ctx context.Context, l Listed) error {
	value, err := json.Marshal(listedRow{
		l.Name, l.Title, l.Owner, l.Room, l.Created, l.Phase, l.Broadcast, l.Start, l.Since, l.Viewers,
	})
	if err != nil {
		return fault.Wrap(fault.Internal, "listing_unwritable", "a listed channel cannot be encoded", err)
	}
	return s.list(ctx, listing(), listOf(l.ID), table.Expiring(table.Put([]byte(l.ID), value), s.cfg.ListingTTL))
}

// hide removes it.
func (s store) hide(ctx context.Context, ch id.Channel) error {
	return s.list(ctx, listing(), listOf(ch), table.Delete([]byte(ch)))
}

// listOf is the partition of a channel in the list.
func listOf(ch id.Channel) string {
	h := fnv.New32a()
	_, _ = h.Write([]byte(ch)) // never fails
	return strconv.Itoa(int(h.Sum32() % lists))
}

// listed reads the whole list, in order. A row that cannot be read is left out until its channel's next beat.
func (s store) listed(ctx context.Context) ([]Listed, error) {
	var all []Listed
	for n := range lists {
		r := table.Range{Table: listing(), Partition: strconv.Itoa(n), Limit: table.MaxLimit, Damaged: func([]byte) {}}
		for page, err := range s.table.Pages(ctx, r) {
			if err != nil {
				return nil, err
			}
			for _, row := range page {
				var v listedRow
				if json.Unmarshal(row.Value, &v) == nil {
					all = append(all, Listed{Channel{
						id.Channel(row.Key), v.Name, v.Title, v.Owner, v.Room, v.Created, v.Phase, v.Broadcast, v.Start, v.Since,
					}, v.Viewers})
				}
			}
			if len(all) > 2*maxLive {
				all = order(all)
			}
		}
	}
	return order(all), nil
}

// order sorts by viewers, the most first, then the newest channel first, and keeps maxLive of them.
func order(all []Listed) []Listed {
	slices.SortFunc(all, func(a, b Listed) int { return place(a).compare(place(b)) })
	return all[:min(len(all), maxLive)]
}

// listPlace is a place in the list.
type listPlace struct {
	viewers int
	channel id.Channel
}

func place(l Listed) listPlace { return listPlace{l.Viewers, l.ID} }

func (p listPlace) compare(q listPlace) int {
	return cmp.Or(cmp.Compare(q.viewers, p.viewers), cmp.Compare(len(q.channel), len(p.channel)), strings.Compare(string(q.channel), string(p.channel)))
}

func (p listPlace) String() string { return fmt.Sprintf("%d-%s", p.viewers, p.channel) }

func parsePlace(s string) (p listPlace, err error) {
	viewers, ch, _ := strings.Cut(s, "-")
	n, err := strconv.Atoi(viewers)
	if err != nil {
		return p, fault.ErrCursor
	}
	channel, err := id.ParseNumber[id.Channel](ch)
	if err != nil {
		return p, fault.ErrCursor
	}
	return listPlace{n, channel}, nil
}

// liveList is the list as this node shows it: read at most once in listFor, however many ask.
type liveList struct {
	store store

	mu      sync.Mutex
	list    []Listed
	at      time.Time // when the reading of list began
	reading *reading  // nil: none is under way
}

// reading is one reading of the list, for all who wait for it.
type reading struct {
	done chan struct{}
	list []Listed
	err  error
}

// get gives the list, which must not be changed.
func (l *liveList) get(ctx context.Context) ([]Listed, error) {
	l.mu.Lock()
	if time.Since(l.at) < listFor {
		defer l.mu.Unlock()
		return l.list, nil
	}
	r := l.reading
	if r == nil {
		r = &reading{done: make(chan struct{})}
		l.reading = r
		go l.read(context.WithoutCancel(ctx), r) // whoever asked first may go away
	}
	l.mu.Unlock()
	select {
	case <-r.done:
		return r.list, r.err
	case <-ctx.Done():
		return nil, ctx.Err() //nolint:wrapcheck // the caller's own
	}
}

// read reads the list for everybody. If that fails, the last one is shown for as long as its rows would live.
func (l *liveList) read(ctx context.Context, r *reading) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	begun := time.Now()
	r.list, r.err = l.store.listed(ctx)
	l.mu.Lock()
	switch {
	case r.err == nil:
		l.list, l.at = r.list, begun
	case l.list != nil && begun.Sub(l.at) < l.store.cfg.ListingTTL:
		r.list, r.err = l.list, nil
	}
	l.reading = nil
	l.mu.Unlock()
	close(r.done)
}

// ListLive gives channels that are live or interrupted, those with the most viewers first, at most limit
// and MaxList of them, after the cursor ("": from the beginning); next is the cursor to go on with, "" at
// the end. They are as they were at their last beat (10 s), and the list as it was at most a second ago;
// nobody is asked. A channel whose audience changes between two pages may be in both or in neither. A bad
// cursor is refused Invalid "bad_cursor".
func (c *Client) ListLive(ctx context.Context, cursor string, limit int) (page []Listed, next string, err error) {
	all, err := c.live.get(ctx)
	if err != nil {
		return nil, "", err
	}
	if cursor != "" {
		after, err := parsePlace(cursor)
		if err != nil {
			return nil, "", err
		}
		from, found := slices.BinarySearchFunc(all, after, func(l Listed, p listPlace) int { return place(l).compare(p) })
		if found {
			from++
		}
		all = all[from:]
	}
	if limit = max(1, min(limit, MaxList)); len(all) > limit {
		all = all[:limit]
		next = place(all[limit-1]).String()
	}
	return slices.Clone(all), next, nil
}
