package history

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/barrage-live/barrage/internal/position"
)

// recorder makes histories line by line; time goes by one for each.
type recorder struct {
	t   int64
	out []Record
}

func (h *recorder) add(r Record) *Record {
	h.t++
	r.T = h.t
	if r.Proc == "" {
		r.Proc = "p"
	}
	r.Room = "7"
	h.out = append(h.out, r)
	return &h.out[len(h.out)-1]
}

func (h *recorder) invoke(conn string, seq int) {
	h.add(Record{Kind: Invoke, Conn: conn, User: conn, Key: fmt.Sprint(conn, seq), Hash: fmt.Sprint("h", conn, seq), Seq: uint64(seq)})
}

func (h *recorder) end(kind Kind, conn string, seq int, epoch, offset uint64) *Record {
	return h.add(Record{
		Kind: kind, Conn: conn, User: conn, Key: fmt.Sprint(conn, seq), Epoch: position.Epoch(epoch), Offset: position.Offset(offset),
	})
}

// row is what stands at an offset of the usual history.
func row(offset int) Record {
	author, seq, epoch := "a", (offset+1)/2, 1
	if offset%2 == 0 {
		author = "b"
	}
	if offset > 6 {
		epoch = 2
	}
	return Record{
		User: author, Key: fmt.Sprint(author, seq), Hash: fmt.Sprint("h", author, seq),
		Epoch: position.Epoch(epoch), Offset: position.Offset(offset),
	}
}

func place(offset int) Place {
	if offset == 0 {
		return Place{}
	}
	r := row(offset)
	return r.place()
}

func (h *recorder) recv(conn string, from, to int) {
	for o := from; o <= to; o++ {
		r := row(o)
		r.Kind, r.Conn = Recv, conn
		h.add(r)
	}
}

func (h *recorder) join(conn string, since, head int, recovered bool) {
	r := Record{Kind: Resume, Conn: conn, Since: place(since), Head: place(head), Recovered: recovered}
	if recovered {
		r.Count = head - since
	}
	h.add(r)
	if recovered {
		h.recv(conn, since+1, head)
	}
}

func (h *recorder) history(node string, to int) {
	for o := 1; o <= to; o++ {
		r := row(o)
		r.Kind, r.Node = Hist, node
		h.add(r)
	}
}

// usual is a good history: two publishers take turns for twelve danmaku, the owner changes after the sixth,
// one subscriber sees all of it, one comes back and recovers.
func usual() *recorder {
	h := &recorder{}
	h.join("s1", 0, 0, false)
	for o := 1; o <= 12; o++ {
		r := row(o)
		seq := (o + 1) / 2
		h.invoke(r.User, seq)
		h.end(OK, r.User, seq, uint64(r.Epoch), uint64(o))
		h.recv("s1", o, o)
		if o == 4 {
			h.join("s2", 0, 4, false)
		}
		if o == 5 {
			h.recv("s2", 5, 5)
		}
	}
	h.join("s3", 5, 12, true)
	h.history("n1", 12)
	h.history("n2", 12)
	return h
}

// find gives the index of a record.
func (h *recorder) find(kind Kind, conn string, offset int) int {
	i := slices.IndexFunc(h.out, func(r Record) bool {
		return r.Kind == kind && (conn == "" || r.Conn == conn || r.Node == conn) && (offset == 0 || int(r.Offset) == offset)
	})
	if i < 0 {
		panic(fmt.Sprint("the usual history has no ", kind, conn, offset))
	}
	return i
}

func (h *recorder) drop(kind Kind, conn string, offset int) {
	i := h.find(kind, conn, offset)
	h.out = slices.Delete(h.out, i, i+1)
}

func (h *recorder) swap(i, j int) {
	h.out[i], h.out[j] = h.out[j], h.out[i]
	h.out[i].T, h.out[j].T = h.out[j].T, h.out[i].T
}

func TestUsualHistoryIsGood(t *testing.T) {
	r := Check(usual().out)
	if !r.Good() || r.Rooms != 1 || r.Posts != 12 || r.Acked != 12 || r.Received != 12+1+7 || r.Recovered != 1 {
		t.Errorf("%v", r)
	}
}

// TestBadHistories breaks the usual history once for every invariant; each must be noticed by that invariant.
func TestBadHistories(t *testing.T) {
	for _, c := range []struct {
		name, invariant string
		spoil           func(h *recorder)
	}{
		{"an acknowledged danmaku is in no history", "I1", func(h *recorder) {
			h.out = slices.DeleteFunc(h.out, func(r Record) bool { return r.Kind == Hist && r.Offset == 12 })
		}},
		{"an acknowledged danmaku is missing on one node", "I1", func(h *recorder) { h.drop(Hist, "n2", 12) }},
		{"no history was read", "I1", func(h *recorder) {
			h.out = slices.DeleteFunc(h.out, func(r Record) bool { return r.Kind == Hist })
		}},
		{"a danmaku of nobody is delivered", "I2", func(h *recorder) {
			h.add(Record{Kind: Recv, Conn: "s1", User: "x", Key: "x1", Epoch: 2, Offset: 13})
		}},
		{"a danmaku is delivered with another content", "I2", func(h *recorder) { h.out[h.find(Recv, "s1", 3)].Hash = "other" }},
		{"a danmaku nobody sent is in the history", "I2", func(h *recorder) {
			h.add(Record{Kind: Hist, Node: "n1", User: "x", Key: "x1", Epoch: 2, Offset: 13})
		}},
		{"a retry is given another position", "I3", func(h *recorder) {
			h.invoke("a", 1)
			h.end(OK, "a", 1, 2, 13)
		}},
		{"a danmaku is stored twice", "I3", func(h *recorder) {
			r := row(2)
			r.Kind, r.Node, r.Epoch, r.Offset = Hist, "n1", 2, 13
			h.add(r)
		}},
		{"two owners give out one offset", "I4", func(h *recorder) {
			h.invoke("c", 1)
			h.end(OK, "c", 1, 1, 7)
		}},
		{"nodes disagree about the epoch of a row", "I4", func(h *recorder) { h.out[h.find(Hist, "n2", 8)].Epoch = 1 }},
		{"a subscriber misses one", "I5", func(h *recorder) { h.drop(Recv, "s1", 9) }},
		{"a subscriber misses more than was announced", "I5", func(h *recorder) {
			i := h.find(Recv, "s1", 9)
			h.out[i] = Record{T: h.out[i].T, Kind: Gap, Proc: "p", Conn: "s1", Room: "7", Offset: 9, To: 9}
			h.drop(Recv, "s1", 10)
		}},
		{"a history has a hole", "I5", func(h *recorder) { h.drop(Hist, "n1", 5) }},
		{"a history does not begin at the beginning", "I5", func(h *recorder) {
			h.out = slices.DeleteFunc(h.out, func(r Record) bool { return r.Kind == Hist && r.Offset == 1 })
		}},
		{"reading after a recovery goes on elsewhere", "I5", func(h *recorder) { h.drop(Recv, "s3", 6) }},
		{"a subscriber gets two in the wrong order", "I6", func(h *recorder) { h.swap(h.find(Recv, "s1", 4), h.find(Recv, "s1", 5)) }},
		{"a subscriber gets one twice", "I6", func(h *recorder) { h.recv("s1", 12, 12) }},
		{"a row of an old owner follows one of the new", "I6", func(h *recorder) {
			for i := range h.out {
				if h.out[i].Offset == 9 {
					h.out[i].Epoch = 1
				}
			}
		}},
		{"a later danmaku lies before an acknowledged one", "I7", func(h *recorder) {
			// c's post was begun after 12 was acknowledged, and yet lies at 11.
			for i := range h.out {
				if r := &h.out[i]; r.Offset == 11 || r.Kind == Invoke && r.Key == "a6" {
					r.User, r.Key, r.Hash = "c", "c1", "hc1"
					r.Seq = 0
				}
			}
			h.out[h.find(Invoke, "a", 0)].Seq = 0
			i := slices.IndexFunc(h.out, func(r Record) bool { return r.Kind == Invoke && r.Key == "c1" })
			j := slices.IndexFunc(h.out, func(r Record) bool { return r.Kind == OK && r.Offset == 11 })
			for _, k := range []int{i, j} {
				h.t++
				h.out[k].T = h.t
			}
			h.out = Merge(h.out)
		}},
		{"one connection's danmaku are stored in another order", "I8", func(h *recorder) {
			i := slices.IndexFunc(h.out, func(r Record) bool { return r.Kind == Invoke && r.Key == "a2" })
			h.out[i].Seq = 9
		}},
		{"recovered, but one is left out", "I10", func(h *recorder) {
			h.drop(Recv, "s3", 12)
			h.out[h.find(Resume, "s3", 0)].Count = 6
		}},
		{"recovered from a position that never was", "I10", func(h *recorder) { h.out[h.find(Resume, "s3", 0)].Since.Epoch = 9 }},
		{"recovered up to a head that was lost", "I10", func(h *recorder) {
			h.out[h.find(Resume, "s3", 0)].Head = Place{2, 13}
			h.out[h.find(Resume, "s3", 0)].Count = 8
			h.add(Record{Kind: Recv, Conn: "s3", User: "a", Key: "a1", Hash: "ha1", Epoch: 2, Offset: 13})
		}},
		{"recovered with another danmaku in the place of one", "I10", func(h *recorder) {
			r := &h.out[h.find(Recv, "s3", 7)]
			r.User, r.Key, r.Hash = "a", "a1", "ha1"
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := usual()
			c.spoil(h)
			if r := Check(h.out); r.Broken[c.invariant] == 0 || !strings.Contains(r.String(), c.invariant) {
				t.Errorf("not noticed: %v", r)
			}
		})
	}
}

// TestOddHistories has what looks wrong and is not.
func TestOddHistories(t *testing.T) {
	for _, c := range []struct {
		name string
		make func(h *recorder)
	}{
		{"I1: an unknown outcome that was lost", func(h *recorder) {
			h.invoke("c", 1)
			h.end(Info, "c", 1, 0, 0)
		}},
		{"I2: a refused post", func(h *recorder) {
			h.invoke("c", 1)
			h.end(Fail, "c", 1, 0, 0)
		}},
		{"I3: a late retry that is a duplicate", func(h *recorder) {
			h.invoke("a", 1)
			h.end(OK, "a", 1, 1, 1).Duplicate = true
		}},
		{"I3, I7: an unknown outcome that had taken effect, known by a retry after others were acknowledged", func(h *recorder) {
			i := h.find(OK, "a", 3)
			h.out[i].Kind, h.out[i].Epoch, h.out[i].Offset = Info, 0, 0
			h.invoke("a", 2)
			h.end(OK, "a", 2, 1, 3).Duplicate = true
		}},
		{"I4: the same user key in another room", func(h *recorder) {
			h.invoke("a", 1)
			h.end(OK, "a", 1, 5, 1)
			hist := h.add(Record{Kind: Hist, Node: "n1", User: "a", Key: "a1", Hash: "ha1", Epoch: 5, Offset: 1})
			hist.Room = "8"
			h.out[len(h.out)-2].Room, h.out[len(h.out)-3].Room = "8", "8"
		}},
		{"I5: an announced gap", func(h *recorder) {
			i := h.find(Recv, "s1", 9)
			h.out[i] = Record{T: h.out[i].T, Kind: Gap, Proc: "p", Conn: "s1", Room: "7", Offset: 9, To: 10}
			h.drop(Recv, "s1", 10)
		}},
		{"I5: a connection that ends early", func(h *recorder) {
			h.out = slices.DeleteFunc(h.out, func(r Record) bool { return r.Kind == Recv && r.Conn == "s1" && r.Offset > 8 })
		}},
		{"I5: a reader that never said where it began", func(h *recorder) { h.recv("s9", 4, 12) }},
		{"I6: a new owner without a danmaku in between", func(h *recorder) {
			for i := range h.out {
				if h.out[i].Offset == 12 {
					h.out[i].Epoch = 7
				}
			}
			h.out[h.find(Resume, "s3", 0)].Head.Epoch = 7
		}},
		{"I7: two posts at once, the later begun first in the log", func(h *recorder) {
			i, j := h.find(Recv, "s1", 11)+1, h.find(OK, "a", 11)
			h.out[i].T, h.out[j].T = h.out[j].T, h.out[i].T // b6 is invoked before a6 is acknowledged
			h.out = Merge(h.out)
		}},
		{"I7: begun in the moment another ended", func(h *recorder) {
			h.invoke("c", 1)
			h.invoke("d", 1)
			h.end(OK, "d", 1, 2, 14)
			h.end(OK, "c", 1, 2, 13)
			h.out[len(h.out)-2].T = h.out[len(h.out)-3].T
			for _, node := range []string{"n1", "n2"} {
				h.add(Record{Kind: Hist, Node: node, User: "c", Key: "c1", Hash: "hc1", Epoch: 2, Offset: 13})
				h.add(Record{Kind: Hist, Node: node, User: "d", Key: "d1", Hash: "hd1", Epoch: 2, Offset: 14})
			}
			h.out[h.find(Invoke, "c", 0)].T = h.out[h.find(OK, "d", 14)].T
			h.out = Merge(h.out)
		}},
		{"I8: a retried post that others overtook", func(h *recorder) {
			i := slices.IndexFunc(h.out, func(r Record) bool { return r.Kind == Invoke && r.Key == "a2" })
			again := h.out[i]
			h.out[i].Seq = 9
			h.out = slices.Insert(h.out, i+1, again)
		}},
		{"I8: posts that claim no order", func(h *recorder) {
			for i := range h.out {
				if h.out[i].Kind == Invoke && h.out[i].User == "a" {
					h.out[i].Seq = 0
				}
			}
		}},
		{"I10: honestly not recovered", func(h *recorder) {
			r := h.add(Record{Kind: Resume, Conn: "s4", Since: Place{9, 3}, Head: place(12), Reason: "unknown_position"})
			r.T = h.out[h.find(Hist, "n1", 1)].T
			h.out = Merge(h.out)
		}},
		{"I10: nothing was missed", func(h *recorder) { h.join("s4", 12, 12, true) }},
		{"I10: recovered from the beginning", func(h *recorder) { h.join("s4", 0, 12, true) }},
		{"I10: a recording that ends inside a recovery", func(h *recorder) { h.drop(Recv, "s3", 12) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := usual()
			c.make(h)
			if r := Check(h.out); !r.Good() {
				t.Errorf("a false alarm: %v", r)
			}
		})
	}
}

func TestReportShowsABoundedNumber(t *testing.T) {
	h := usual()
	for i := range 100 {
		h.add(Record{Kind: Recv, Conn: "s1", User: "x", Key: fmt.Sprint(i), Epoch: 2, Offset: position.Offset(13 + i)})
	}
	r := Check(h.out)
	if r.Broken["I2"] != 100 || len(r.Violations) > 2*maxShown {
		t.Errorf("%d violations described, %v", len(r.Violations), r.Broken)
	}
}

func BenchmarkCheck(b *testing.B) {
	h := &recorder{}
	h.join("s", 0, 0, false)
	const n = 100_000
	for o := 1; o <= n; o++ {
		r := row(o)
		h.invoke(r.User, (o+1)/2)
		h.end(OK, r.User, (o+1)/2, uint64(r.Epoch), uint64(o))
		h.recv("s", o, o)
	}
	h.history("n1", n)
	if r := Check(h.out); !r.Good() {
		b.Fatal(r)
	}
	for b.Loop() {
		Check(h.out)
	}
	b.ReportMetric(float64(b.N*len(h.out))/b.Elapsed().Seconds(), "records/s")
}
