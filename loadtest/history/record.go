package history

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"sync"
	"unique"

	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/position"
)

// Kind says what a Record is about.
type Kind string

// The kinds.
const (
	Invoke Kind = "invoke" // a post begins: Room, User, Key, Seq, Hash
	OK     Kind = "ok"     // it was acknowledged: and Epoch, Offset, Duplicate
	Fail   Kind = "fail"   // it was refused, and nothing was done: and Reason
	Info   Kind = "info"   // its outcome is unknown: and Reason
	Recv   Kind = "recv"   // a danmaku was delivered: Room, User, Key, Hash, Epoch, Offset
	Resume Kind = "resume" // a join was answered: Room, Since, Head, Recovered, Count, Reason
	Gap    Kind = "gap"    // the server announced that Offset to To will not come
	Hist   Kind = "hist"   // a row of the final history as Node tells it: like Recv
)

// Place is a position as a Record carries it.
type Place struct {
	Epoch  position.Epoch  `json:"epoch"`
	Offset position.Offset `json:"offset"`
}

// Record is one line of a history. Fields that do not belong to its Kind are zero.
type Record struct {
	// T is nanoseconds on a monotonic clock that all processes of the recording share.
	T    int64  `json:"t"`
	Kind Kind   `json:"kind"`
	Proc string `json:"proc,omitempty"`
	Conn string `json:"conn,omitempty"`
	Node string `json:"node,omitempty"`
	Room string `json:"room"`
	User string `json:"user,omitempty"`
	Key  string `json:"key,omitempty"`
	// Hash stands for the content of the danmaku; any function of it will do that is the same everywhere.
	Hash string `json:"hash,omitempty"`
	// Seq numbers the posts of one connection to one room, in the order they were sent. Zero claims no order.
	Seq       uint64          `json:"seq,omitempty"`
	Epoch     position.Epoch  `json:"epoch,omitempty"`
	Offset    position.Offset `json:"offset,omitempty"`
	To        position.Offset `json:"to,omitempty"`
	Duplicate bool            `json:"duplicate,omitempty"`
	Since     Place           `json:"since,omitzero"`
	Head      Place           `json:"head,omitzero"`
	Recovered bool            `json:"recovered,omitempty"`
	// Count is how many danmaku came with the answer; they follow as Recv.
	Count  int    `json:"count,omitempty"`
	Reason string `json:"reason,omitempty"`
}

// post is what a danmaku is known by.
type post struct{ room, user, key string }

func (r Record) post() post { return post{r.Room, r.User, r.Key} }

func (r Record) place() Place { return Place{r.Epoch, r.Offset} }

// Log writes records. It is safe for concurrent use.
type Log struct {
	mu  sync.Mutex
	out *bufio.Writer
	enc *json.Encoder
	err error
}

// NewLog writes to w, which stays the caller's.
func NewLog(w io.Writer) *Log {
	out := bufio.NewWriterSize(w, 1<<16)
	return &Log{out: out, enc: json.NewEncoder(out)}
}

// Append writes one record. Its error is kept and returned by Flush, so that recorders need not look.
func (l *Log) Append(r Record) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.enc.Encode(r); err != nil && l.err == nil {
		l.err = err
	}
}

// Flush hands everything to the writer and returns the first error there ever was.
func (l *Log) Flush() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.out.Flush(); l.err == nil {
		l.err = err
	}
	return l.err
}

// maxLine bounds one line of a history.
const maxLine = 1 << 16

// Read reads the records of one process. A last line that was torn, because the process was killed, is left
// out.
func Read(r io.Reader) ([]Record, error) {
	in := bufio.NewReaderSize(r, maxLine)
	var out []Record
	for n := 1; ; n++ {
		line, err := in.ReadSlice('\n')
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return nil, fault.Wrap(fault.Invalid, "bad_history", "a line cannot be read or is too long", err)
		}
		rec, err := parse(line)
		if err != nil {
			return nil, fault.Newf(fault.Invalid, "bad_history", "line %d: %v", n, err)
		}
		out = append(out, rec)
	}
}

func parse(line []byte) (Record, error) {
	var r Record
	d := json.NewDecoder(bytes.NewReader(line))
	d.DisallowUnknownFields()
	if err := d.Decode(&r); err != nil {
		return Record{}, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return Record{}, errors.New("more than one value")
	}
	if !slices.Contains([]Kind{Invoke, OK, Fail, Info, Recv, Resume, Gap, Hist}, r.Kind) {
		return Record{}, errors.New("no such kind")
	}
	for _, s := range []*string{&r.Proc, &r.Conn, &r.Node, &r.Room, &r.User, &r.Key, &r.Hash, &r.Reason} {
		*s = unique.Make(*s).Value()
	}
	return r, nil
}

// Merge joins the records of several processes in the order of time. Records of the same moment keep their
// order.
func Merge(processes ...[]Record) []Record {
	all := slices.Concat(processes...)
	slices.SortStableFunc(all, func(a, b Record) int { return cmp.Compare(a.T, b.T) })
	return all
}
