package room

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/id"
	"github.com/barrage-live/barrage/internal/position"
)

// TestModel drives a core through random posts, failures, crashes, ticks and reads, and holds what it says
// to what is in the log. The faults it once found took thousands of runs, which take a second.
func TestModel(t *testing.T) {
	for i := range 100 {
		t.Run(fmt.Sprint(i), checkModel)
	}
}

func checkModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := &model{
			world: newWorld(Config{RingRows: 5, MaxPending: 40}, 1), now: time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC),
			acked: map[postKey]position.Position{}, posts: map[waiter]postKey{}, nodes: map[id.Node]*attached{},
			asks: map[waiter]position.Position{},
		}
		m.take(t, m.ask(m.now, createRoom{"c", "owner"}))
		m.take(t, m.saved(m.now, nil))
		t.Repeat(map[string]func(*rapid.T){
			"post": m.post, "appended": m.landed, "crash": m.crash, "tick": m.tick, "attach": m.attach,
			"report": m.reported, "resume": m.resumed, "found": m.read, "retry": m.again, "late": m.late, "": m.check,
		})
	})
}

type model struct {
	*world
	now   time.Time
	acked map[postKey]position.Position
	posts map[waiter]postKey           // unanswered
	asks  map[waiter]position.Position // unanswered resumes
	// nodes are the attached ones, attachments is how often any of them attached.
	nodes       map[id.Node]*attached
	attachments uint64
	wake        time.Time
}

// attached is what a node knows of its attachment.
type attached struct {
	number, seq uint64
	at          position.Position
}

func (m *model) post(t *rapid.T) {
	k := postKey{id.User(rapid.SampledFrom([]string{"a", "b"}).Draw(t, "user")), fmt.Sprint(rapid.IntRange(0, 60).Draw(t, "key"))}
	m.posts[m.asked+1] = k
	m.take(t, m.ask(m.now, post{Author{k.user, "N", nil}, Draft{Key: k.key, Text: "x"}}))
}

func (m *model) landed(t *rapid.T) {
	if m.appending == nil {
		return
	}
	outcomes := []string{"", "", "", "", "timeout", "unavailable", "conflict"}
	if m.settling { // which tells only what it knows
		outcomes = []string{"", "timeout"}
	}
	err := failure(rapid.SampledFrom(outcomes).Draw(t, "err"))
	landed := err == nil || fault.KindOf(err) == fault.Timeout && rapid.Bool().Draw(t, "landed")
	m.take(t, m.appended(m.now, err, landed))
	if fault.KindOf(err) != fault.Timeout {
		m.limbo = nil
	}
}

// again brings what the core wanted brought after a while.
func (m *model) again(t *rapid.T) {
	if len(m.retries) > 0 {
		m.take(t, m.retry(m.now))
	}
}

// late lets an append happen that nobody knew the outcome of.
func (m *model) late(*rapid.T) {
	if len(m.limbo) > 0 {
		m.land(m.limbo)
	}
}

// crash ends the activation at any moment; an append in flight may land or not.
func (m *model) crash(t *rapid.T) {
	if m.appending != nil && rapid.Bool().Draw(t, "landed") {
		m.land(danmakuOf(m.appending))
	}
	m.begin()
}

func (m *model) begin() {
	m.restart(m.now, m.epoch+1)
	clear(m.posts)
	clear(m.asks)
	clear(m.nodes)
	m.wake = time.Time{}
}

func (m *model) tick(t *rapid.T) {
	if m.wake.IsZero() {
		m.now = m.now.Add(time.Duration(rapid.IntRange(0, 300).Draw(t, "ms")) * time.Millisecond)
		return
	}
	m.now, m.wake = m.wake, time.Time{}
	m.take(t, m.tell(m.now, 0, tick{}))
}

func (m *model) attach(t *rapid.T) {
	node := id.Node(rapid.SampledFrom([]string{"n1", "n2", "n3"}).Draw(t, "node"))
	m.attachments++
	effects := m.ask(m.now, attach{node, m.attachments})
	a := effects[0].value.(Attached)
	m.nodes[node] = &attached{m.attachments, a.Seq, a.Position}
	m.take(t, effects[1:])
}

func (m *model) reported(t *rapid.T) {
	node := id.Node(rapid.SampledFrom([]string{"n1", "n2", "n3"}).Draw(t, "node"))
	n := m.nodes[node]
	if n == nil {
		n = &attached{number: uint64(rapid.IntRange(0, 3).Draw(t, "never"))} // one the room forgot or never knew
	}
	if rapid.Bool().Draw(t, "leave") {
		delete(m.nodes, node)
		m.take(t, m.tell(m.now, 0, detach{node, n.number}))
		return
	}
	effects := m.ask(m.now, report{node, n.number, rapid.IntRange(0, 50_000).Draw(t, "viewers")})
	if m.nodes[node] == nil {
		if effects[0].do != doRefuse || fault.CodeOf(effects[0].err) != "unknown_attachment" {
			t.Fatalf("a report of an unknown attachment: %v", show(effects))
		}
	} else if a := effects[0].value.(Attached); a.Seq != n.seq || a.Position != n.at {
		t.Fatalf("%s has batch %d up to %v, and is told %+v", node, n.seq, n.at, a)
	}
	m.take(t, effects[1:])
}

func (m *model) resumed(t *rapid.T) {
	p := position.Position{
		Epoch:  position.Epoch(rapid.IntRange(0, int(m.epoch)+1).Draw(t, "epoch")),
		Offset: position.Offset(rapid.IntRange(0, len(m.log)+1).Draw(t, "offset")),
	}
	if n := int(p.Offset); n > 0 && n <= len(m.log) && rapid.Bool().Draw(t, "seen") {
		p = m.log[n-1].Position
	}
	m.asks[m.asked+1] = p
	m.take(t, m.ask(m.now, resume{p}))
}

func (m *model) read(t *rapid.T) {
	if len(m.reads) > 0 {
		m.take(t, m.found(m.now, nil))
	}
}

// take holds effects to the log and to what was said before.
func (m *model) take(t *rapid.T, effects []effect) {
	for _, e := range effects {
		switch e.do {
		case doAnswer:
			m.answered(t, e)
		case doRefuse:
			delete(m.posts, e.to)
			delete(m.asks, e.to)
		case doDeliver:
			m.delivered(t, e)
		case doWake:
			m.wake = m.now.Add(e.after)
		case doStop:
			if len(m.posts) > 0 {
				t.Fatalf("stopped with posts unanswered: %v", m.posts)
			}
			m.begin()
		case doAppend, doSettleAppend, doSave, doSettleSave, doRead, doRetry, doIndex, doIndexWake:
		}
	}
}

func (m *model) answered(t *rapid.T, e effect) {
	if k, ok := m.posts[e.to]; ok {
		delete(m.posts, e.to)
		p := e.posted.Position
		if before, again := m.acked[k]; again && before != p {
			t.Fatalf("%v is at %v and at %v", k, before, p)
		}
		if n := int(p.Offset); n < 1 || n > len(m.log) || m.log[n-1].Position != p || m.log[n-1].Key != k.key {
			t.Fatalf("%v acknowledged at %v is not in the log", k, p)
		}
		m.acked[k] = p
		return
	}
	since, ok := m.asks[e.to]
	if !ok {
		return
	}
	delete(m.asks, e.to)
	r := e.value.(Recovery)
	known := since.IsZero() || since.Offset > 0 && int(since.Offset) <= len(m.log) && m.log[since.Offset-1].Position == since
	if since.Offset > m.state.head.Offset { // landed, but the room has told nobody
		known = false
	}
	if r.Recovered != known {
		t.Fatalf("resume from %v: recovered=%v (%s), known=%v", since, r.Recovered, r.Reason, known)
	}
	if !known {
		return
	}
	if want := m.log[since.Offset:r.To.Offset]; !slices.Equal(r.Danmaku, want) || r.More != (r.To != r.Head) {
		t.Fatalf("resume from %v gave %v, want %v", since, showRows(r.Danmaku), showRows(want))
	}
}

func (m *model) delivered(t *rapid.T, e effect) {
	n, b := m.nodes[e.node], e.batch
	if n == nil || n.number != b.Attachment {
		t.Fatalf("%s is not attached as %d", e.node, b.Attachment)
	}
	at := n.at
	if b.Seq != n.seq+1 || b.From != at || b.Epoch != m.epoch {
		t.Fatalf("%s got batch %d from %v of epoch %d after %d up to %v", e.node, b.Seq, b.From, b.Epoch, n.seq, at)
	}
	for _, d := range b.Danmaku {
		if d.Position.Offset != at.Offset+1 || m.log[at.Offset].Position != d.Position {
			t.Fatalf("%s got %v after %v", e.node, d.Position, at)
		}
		at = d.Position
	}
	if b.To != at {
		t.Fatalf("%s got a batch that covers up to %v and ends at %v", e.node, b.To, at)
	}
	n.seq, n.at = b.Seq, at
	if b.Closed {
		delete(m.nodes, e.node)
	}
}

// check holds the log to its form, and a quiet room to having sent everything.
func (m *model) check(t *rapid.T) {
	once := map[postKey]bool{}
	for i, d := range m.log {
		k := postKey{d.User, d.Key}
		if int(d.Position.Offset) != i+1 || i > 0 && d.Position.Epoch < m.log[i-1].Position.Epoch || once[k] {
			t.Fatalf("the log is wrong at %v: %v", i, showRows(m.log))
		}
		once[k] = true
	}
	if m.appending == nil && len(m.posts) > 0 {
		t.Fatalf("nothing is in flight, yet unanswered: %v", m.posts)
	}
	if m.wake.IsZero() && !m.state.inDoubt() { // what landed without the room knowing is sent once it does
		for node, n := range m.nodes {
			if n.at != m.head {
				t.Fatalf("%s has %v of %v and nothing wakes the room", node, n.at, m.head)
			}
		}
	}
}
