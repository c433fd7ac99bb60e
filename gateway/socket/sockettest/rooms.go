// Package sockettest runs a gateway for tests: over real sockets, with rooms that live in memory, and with
// clients that behave and clients that do not.
//
// It owns nothing beyond a test, which ends everything it starts. Tests of gateway and its parts use it.
// Rooms keeps the promises of actors/live/room (numbered without holes, keys once, batches by tick, honest
// recovery) and can be told to lose batches, move or fail; Raw writes whatever bytes a test wants and
// reports how the server closes. What goes wrong fails the test.
package sockettest

import (
	"context"
	"sync"
	"time"

	"github.com/barrage-live/barrage/actors/live/room"
	"github.com/barrage-live/barrage/gateway/socket"
	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/id"
	"github.com/barrage-live/barrage/internal/position"
)

// ErrNoRoom refuses a room that was not made.
var ErrNoRoom = fault.New(fault.NotFound, "no_room", "no such room")

// Rooms are rooms in memory. It is hub.Rooms and socket.Poster.
type Rooms struct {
	tick time.Duration
	stop chan struct{}
	done sync.WaitGroup

	mu struct {
		sync.Mutex
		rooms map[id.Room]*memory
		asked map[string]int
		fail  error
		lose  int
		post  socket.Poster
		to    room.Fanout
	}
}

// memory is one room.
type memory struct {
	log   []room.Danmaku
	keys  map[string]position.Position
	sent  int // rows of log that went out
	nodes map[id.Node]*attachment
	stale bool
	// version is that of the room's Info in its epoch.
	version uint64
	epoch   position.Epoch
	lost    int // rows of log that have expired
}

// attachment is a node at a room.
type attachment struct {
	number, seq uint64
	viewers     int
}

// NewRooms makes rooms that send batches every tick until Close.
func NewRooms(tick time.Duration, rooms ...id.Room) *Rooms {
	r := &Rooms{tick: tick, stop: make(chan struct{})}
	r.mu.rooms, r.mu.asked = map[id.Room]*memory{}, map[string]int{}
	for _, name := range rooms {
		r.mu.rooms[name] = &memory{keys: map[string]position.Position{}, nodes: map[id.Node]*attachment{}, epoch: 1}
	}
	r.done.Go(r.run)
	return r
}

// Close ends the ticks.
func (r *Rooms) Close() {
	close(r.stop)
	r.done.Wait()
}

func (r *Rooms) run() {
	beat := time.NewTicker(r.tick)
	defer beat.Stop()
	for {
		select {
		case <-beat.C:
			r.Tick()
		case <-r.stop:
			return
		}
	}
}

// Tick sends what is due now.
func (r *Rooms) Tick() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for name, m := range r.mu.rooms {
		b := room.Batch{Room: name, Danmaku: m.log[m.sent:len(m.log):len(m.log)], From: m.at(m.sent), To: m.head()}
		if m.stale {
			m.version++
			info := m.info(name)
			b.Info, m.stale = &info, false
		}
		if len(b.Danmaku) == 0 && b.Info == nil {
			continue
		}
		m.sent = len(m.log)
		lost := r.mu.lose > 0
		if lost {
			r.mu.lose--
		}
		r.send(m, b, lost)
	}
}

// send numbers a batch for every node and sends it, or loses it on the way. The lock is held.
func (r *Rooms) send(m *memory, b room.Batch, lost bool) {
	b.Epoch = m.epoch
	for node, a := range m.nodes {
		a.seq++
		mine := b
		mine.Attachment, mine.Seq = a.number, a.seq
		if !lost {
			r.mu.to.Deliver(node, &mine)
		}
	}
}

// SendTo says who takes the batches. It is called before any node attaches.
func (r *Rooms) SendTo(f room.Fanout) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.mu.to = f
}

func (m *memory) info(name id.Room) room.Info {
	info := room.Info{Room: name, Epoch: m.epoch, Version: m.version + 1, MaxLength: room.DefaultLength}
	for _, a := range m.nodes {
		info.Online += a.viewers
	}
	return info
}

func (m *memory) head() position.Position { return m.at(len(m.log)) }

func (m *memory) at(n int) position.Position {
	if n == 0 {
		return position.Position{}
	}
	return m.log[n-1].Position
}

// enter counts a question and finds the room.
func (r *Rooms) enter(question string, name id.Room) (*memory, error) {
	r.mu.asked[question]++
	if r.mu.fail != nil {
		return nil, r.mu.fail
	}
	m := r.mu.rooms[name]
	if m == nil {
		return nil, ErrNoRoom
	}
	return m, nil
}

// Asked is how often a question ("attach", "resume", "history", "post", "detach", "report") was asked.
func (r *Rooms) Asked(question string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.mu.asked[question]
}

// Fail answers every question with err; nil ends that.
func (r *Rooms) Fail(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.mu.fail = err
}

// PostTo has p take the posts from now on.
func (r *Rooms) PostTo(p socket.Poster) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.mu.post = p
}

// Lose drops the next n batches on their way to the nodes.
func (r *Rooms) Lose(n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.mu.lose = n
}

// Losing is how many batches are still to be dropped.
func (r *Rooms) Losing() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.mu.lose
}

// Append writes texts into the log of a room without asking, as another node would.
func (r *Rooms) Append(name id.Room, texts ...string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	m := r.mu.rooms[name]
	for _, text := range texts {
		m.append(room.Author{User: "1", Name: "elsewhere"}, room.Draft{Key: text, Text: text, MediaTime: room.MediaUnknown})
	}
}

// Move ends the attachments of a room, as when another node takes it over; tell says whether the nodes hear
// of it.
func (r *Rooms) Move(name id.Room, tell bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	m := r.mu.rooms[name]
	if tell {
		r.send(m, room.Batch{Room: name, From: m.at(m.sent), To: m.at(m.sent), Closed: true}, false)
	}
	m.epoch++
	clear(m.nodes)
}

// Expire forgets all rows of a room but the newest n.
func (r *Rooms) Expire(name id.Room, n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	m := r.mu.rooms[name]
	m.lost = max(m.lost, len(m.log)-n)
}

// Online is how many viewers the nodes reported for a room.
func (r *Rooms) Online(name id.Room) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.mu.rooms[name].info(name).Online
}

// Attached is how many nodes are attached to a room.
func (r *Rooms) Attached(name id.Room) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.mu.rooms[name].nodes)
}

// Attach implements hub.Rooms.
func (r *Rooms) Attach(_ context.Context, name id.Room, node id.Node, number uint64) (room.Attached, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	m, err := r.enter("attach", name)
	if err != nil {
		return room.Attached{}, err
	}
	a := m.nodes[node]
	if a == nil {
		a = &attachment{}
		m.nodes[node] = a
	}
	if number > a.number {
		a.number, a.seq = number, 0
	}
	return m.attached(name, node), nil
}

func (m *memory) attached(name id.Room, node id.Node) room.Attached {
	return room.Attached{Info: m.info(name), Seq: m.nodes[node].seq, Position: m.at(m.sent)}
}

// Detach implements hub.Rooms.
func (r *Rooms) Detach(name id.Room, node id.Node, number uint64) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	m, err := r.enter("detach", name)
	if err != nil {
		return err
	}
	if a := m.nodes[node]; a != nil && a.number == number {
		delete(m.nodes, node)
	}
	return nil
}

// Report implements hub.Rooms.
func (r *Rooms) Report(_ context.Context, name id.Room, node id.Node, number uint64, viewers int) (room.Attached, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	m, err := r.enter("report", name)
	if err != nil {
		return room.Attached{}, err
	}
	a := m.nodes[node]
	if a == nil || a.number != number {
		return room.Attached{}, fault.New(fault.Conflict, "unknown_attachment", "attach anew")
	}
	m.stale = m.stale || a.viewers != viewers
	a.viewers = viewers
	return m.attached(name, node), nil
}

// ResumeFunc implements hub.Rooms.
func (r *Rooms) ResumeFunc(_ time.Time, name id.Room, since position.Position, done func(room.Recovery, error)) {
	done(r.resume(name, since))
}

func (r *Rooms) resume(name id.Room, since position.Position) (room.Recovery, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	m, err := r.enter("resume", name)
	if err != nil {
		return room.Recovery{}, err
	}
	rec := room.Recovery{Head: m.head(), To: m.head()}
	n := int(since.Offset)
	switch {
	case n > len(m.log) || m.at(n) != since:
		rec.Reason = room.UnknownPosition
	case n < m.lost:
		rec.Reason = room.TooOld
	default:
		rec.Danmaku, rec.Recovered = m.log[n:len(m.log):len(m.log)], true
	}
	return rec, nil
}

// HistoryFunc implements hub.Rooms.
func (r *Rooms) HistoryFunc(_ time.Time, name id.Room, before position.Position, limit int, done func([]room.Danmaku, bool, error)) {
	done(r.history(name, before, limit))
}

func (r *Rooms) history(name id.Room, before position.Position, limit int) ([]room.Danmaku, bool, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	m, err := r.enter("history", name)
	if err != nil {
		return nil, false, err
	}
	end := len(m.log)
	if !before.IsZero() {
		end = min(end, int(before.Offset)-1)
	}
	from := max(m.lost, end-limit)
	return m.log[from:end:end], from > m.lost, nil
}

// PostFunc implements socket.Poster.
func (r *Rooms) PostFunc(deadline time.Time, name id.Room, a room.Author, d room.Draft, done func(position.Position, bool, error)) {
	r.mu.Lock()
	p := r.mu.post
	r.mu.Unlock()
	if p != nil {
		p.PostFunc(deadline, name, a, d, done)
		return
	}
	done(r.post(name, a, d))
}

func (r *Rooms) post(name id.Room, a room.Author, d room.Draft) (position.Position, bool, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	m, err := r.enter("post", name)
	if err != nil {
		return position.Position{}, false, err
	}
	key := string(a.User) + " " + d.Key
	if p, again := m.keys[key]; again {
		return p, true, nil
	}
	p := m.append(a, d)
	m.keys[key] = p
	return p, false, nil
}

func (m *memory) append(a room.Author, d room.Draft) position.Position {
	p := position.Position{Epoch: m.epoch, Offset: position.Offset(len(m.log) + 1)}
	m.log = append(m.log, room.Danmaku{
		Position: p, Key: d.Key, User: a.User, Name: a.Name, Text: d.Text, Mode: max(d.Mode, room.Scroll), Colour: d.Colour,
		Size: max(d.Size, room.Normal), MediaTime: d.MediaTime, At: time.Now().UTC().Truncate(time.Millisecond),
	})
	return p
}
