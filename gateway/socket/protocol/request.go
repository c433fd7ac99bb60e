package protocol

import (
	"slices"

	"github.com/barrage-live/barrage/internal/id"
)

// The bounds on requests of one connection that have no reply yet (policy: refuse), part of the
// specification.
const (
	maxRequests     = 32
	maxRequestBytes = 32 << 10
)

// request is one that has no reply yet. Requests about one room, and those about none, are carried out one
// at a time.
type request struct {
	id     uint64 // of the client frame
	bytes  int
	room   id.Room // empty for auth
	effect Effect  // what it comes to
	ask    uint64  // the number of the question, 0 while it waits
}

// requests are in the order in which they came.
type requests struct {
	list  []request
	bytes int
	asked uint64 // questions so far
}

// ask carries a request out as soon as nothing before it is about the same room.
func (s *State) ask(r request, dst []Effect) []Effect {
	q := &s.requests
	if len(q.list) >= maxRequests || len(q.list) > 0 && q.bytes+r.bytes > maxRequestBytes {
		return refuse(dst, r.id, errBacklog)
	}
	q.bytes += r.bytes
	q.list = append(q.list, r)
	return s.next(r.room, dst)
}

// next asks the oldest question about a room, unless one is out.
func (s *State) next(room id.Room, dst []Effect) []Effect {
	q := &s.requests
	i := slices.IndexFunc(q.list, func(r request) bool { return r.room == room })
	if i < 0 || q.list[i].ask != 0 {
		return dst
	}
	q.asked++
	q.list[i].ask = q.asked
	return append(dst, numbered(q.list[i].effect, q.asked))
}

// numbered is a question under its number.
func numbered(e Effect, ask uint64) Effect {
	switch e := e.(type) {
	case Verify:
		e.Ask = ask
		return e
	case Enter:
		e.Ask = ask
		return e
	case Post:
		e.Ask = ask
		return e
	case ReadHistory:
		e.Ask = ask
		return e
	}
	return e
}

// answered takes the request of a question out, has it replied to, and goes on with the next about the same
// room. Nothing happens when the question has been given up.
func (s *State) answered(ask uint64, dst []Effect, tell func(request, []Effect) []Effect) []Effect {
	i := slices.IndexFunc(s.requests.list, func(r request) bool { return r.ask == ask })
	if ask == 0 || i < 0 {
		return dst
	}
	r := s.requests.take(i)
	return s.depart(s.next(r.room, tell(r, dst)))
}

// giveUp refuses the joins of a room that have no reply yet, and reports whether the hub was asked for one.
func (s *State) giveUp(room id.Room, why error, dst []Effect) (_ []Effect, entering bool) {
	for i := 0; i < len(s.requests.list); {
		r := s.requests.list[i]
		if _, join := r.effect.(Enter); !join || r.room != room {
			i++
			continue
		}
		s.requests.take(i)
		dst, entering = refuse(dst, r.id, why), entering || r.ask != 0
	}
	return dst, entering
}

func (q *requests) take(i int) request {
	r := q.list[i]
	q.bytes -= r.bytes
	q.list = slices.Delete(q.list, i, i+1)
	if len(q.list) == 0 {
		q.list = nil // most connections ask for nothing most of the time
	}
	return r
}

// joining counts the rooms that are being entered, without those of in and without room.
func (q *requests) joining(in map[id.Room]struct{}, room id.Room) int {
	n := 0
	for i, r := range q.list {
		if _, member := in[r.room]; member || r.room == room || !q.first(i) {
			continue
		}
		n++
	}
	return n
}

// first reports whether a request is a join and the first one of its room.
func (q *requests) first(i int) bool {
	same := func(r request) bool {
		_, join := r.effect.(Enter)
		return join && r.room == q.list[i].room
	}
	return same(q.list[i]) && !slices.ContainsFunc(q.list[:i], same)
}
