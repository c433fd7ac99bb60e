package live

import (
	"cmp"
	"context"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/barrage-live/barrage/actors/live/room"
	"github.com/barrage-live/barrage/gateway/rest"
	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/id"
	"github.com/barrage-live/barrage/internal/position"
)

const (
	// spanMS is how much media time a page is about where nobody says, timePage how many danmaku it has.
	spanMS   = int64(time.Minute / time.Millisecond)
	timePage = 500

	// How long caches may keep a page: of a broadcast that is over; of a minute that has passed, to which
	// only those can add who have gone back to it; of what is on now.
	settledLife = time.Hour
	passedLife  = 30 * time.Second
	nowLife     = 2 * time.Second
	// passedAfter is how far behind the newest picture a page has to end to count as passed. Viewers that are
	// further behind have gone back.
	passedAfter = 30 * time.Second
)

// TimeIndex finds danmaku by the picture they are on; room.TimeIndex fills it.
type TimeIndex interface {
	// Has tells whether there are any of a broadcast that is over, Delete removes them.
	Has(ctx context.Context, r id.Room, b id.Broadcast) (bool, error)
	Delete(ctx context.Context, r id.Room, b id.Broadcast) error
	Page(ctx context.Context, r id.Room, b id.Broadcast, q room.TimeSpan) (room.TimePage, error)
}

// TimelinePage is the danmaku of some media time.
type TimelinePage struct {
	Settled bool      `json:"settled" doc:"the broadcast is over and nothing will be added to it" example:"true"`
	Next    string    `json:"next,omitempty" doc:"the cursor for what else the range has; absent if there is nothing" example:"NjE1MDAtNDI"`
	Danmaku []Danmaku `json:"danmaku" nullable:"false" doc:"in order of media_time_ms, and of their offsets where that is the same"`
}

type timelineIn struct {
	ChannelRef
	Broadcast string `path:"broadcast" maxLength:"64" doc:"id of the broadcast" example:"0123456789abcdef0123456789abcdef"`
	FromMS    int64  `query:"from_ms" minimum:"0" maximum:"3155760000000" doc:"media time of the first picture" example:"60000"`
	ToMS      int64  `query:"to_ms" minimum:"0" maximum:"3155760000000" doc:"media time of the first picture after those asked for, at most 10 minutes later; 0: a minute after from_ms" example:"120000"`
	Cursor    string `query:"cursor" maxLength:"256" doc:"next of the answer before; absent: from the beginning" example:"NjE1MDAtNDI"`
	Limit     int    `query:"limit" minimum:"0" maximum:"1000" doc:"at most so many; 0: 500"`
}

// Cost is that of the rows.
func (in *timelineIn) Cost() float64 { return rest.RowsCost(cmp.Or(in.Limit, timePage)) }

type timelineOut struct{ Body TimelinePage }

func (h *handlers) timelineOperations() []rest.Operation {
	return []rest.Operation{
		rest.Handle(rest.Operation{
			ID: "list-danmaku-by-time", Method: http.MethodGet, Path: "/v1/channels/{channel}/broadcasts/{broadcast}/danmaku",
			Summary: "Read the danmaku of a part of a broadcast",
			Text:    "Those on the pictures of a range of media time, whenever they were posted, for who watches back. A danmaku is here about a second after it was accepted. An answer is bounded in rows and bytes: next leads to the others of the range. Ask in whole minutes, which caches then keep for everybody.",
			Tag:     "channels", Access: rest.Guests, Cached: nowLife, Codes: []string{"no_channel", "no_broadcast", "bad_time_range", "bad_cursor"},
		}, h.timeline),
	}
}

func (h *handlers) timeline(ctx context.Context, in *timelineIn) (*timelineOut, error) {
	key, err := rest.PageQuery{Cursor: in.Cursor}.After()
	if err != nil {
		return nil, err
	}
	after, err := parseMoment(key)
	if err != nil {
		return nil, err
	}
	ch, err := h.find(ctx, in.Channel)
	if err != nil {
		return nil, err
	}
	b, to := id.Broadcast(in.Broadcast), cmp.Or(in.ToMS, in.FromMS+spanMS)
	page, err := h.TimeIndex.Page(ctx, ch.Room, b, room.TimeSpan{
		From: time.Duration(in.FromMS) * time.Millisecond, To: time.Duration(to) * time.Millisecond, After: after, Limit: cmp.Or(in.Limit, timePage),
	})
	if err != nil {
		return nil, err
	}
	out := &timelineOut{TimelinePage{Settled: page.Settled, Danmaku: make([]Danmaku, 0, len(page.Danmaku))}}
	for _, d := range page.Danmaku {
		out.Body.Danmaku = append(out.Body.Danmaku, danmakuOf(d))
	}
	if n := len(page.Danmaku); page.More && n > 0 {
		last := page.Danmaku[n-1]
		out.Body.Next = rest.Cursor(formatMoment(room.Moment{Media: last.MediaTime, Offset: last.Position.Offset}))
	}
	ran := time.Duration(0)
	if ch.Broadcast == b {
		ran = time.Since(ch.Start)
	}
	rest.Keep(ctx, pageLife(page.Settled, ran, time.Duration(to)*time.Millisecond))
	return out, nil
}

// pageLife is how long caches may keep a page that ends at a media time of a broadcast that has run for so
// long, 0 if it does not run.
func pageLife(settled bool, ran, to time.Duration) time.Duration {
	switch {
	case settled:
		return settledLife
	case ran-to > passedAfter:
		return passedLife
	}
	return nowLife
}

func formatMoment(m room.Moment) string {
	return strconv.FormatInt(m.Media.Milliseconds(), 10) + "-" + strconv.FormatUint(uint64(m.Offset), 10)
}

func parseMoment(s string) (room.Moment, error) {
	if s == "" {
		return room.Moment{}, nil
	}
	ms, offset, _ := strings.Cut(s, "-")
	media, err := strconv.ParseInt(ms, 10, 64)
	const most = int64(1<<63-1) / int64(time.Millisecond)
	if err != nil || media < 0 || media > most {
		return room.Moment{}, fault.ErrCursor
	}
	place, err := strconv.ParseUint(offset, 10, 64)
	if err != nil {
		return room.Moment{}, fault.ErrCursor
	}
	return room.Moment{Media: time.Duration(media) * time.Millisecond, Offset: position.Offset(place)}, nil
}
