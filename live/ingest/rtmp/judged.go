package rtmp

import (
	"crypto/sha256"
	"sync"
	"time"

	"github.com/barrage-live/barrage/internal/fault"
)

const (
	// maxJudged bounds how many good keys, and how many wrong ones, are remembered: half of it, at least.
	maxJudged = 8192
	// wrongLasts is how long a wrong key is refused from memory.
	wrongLasts = time.Minute
)

// judged remembers what was said about stream keys. Of the good ones only that they were: they are asked
// about every time, because a key may be revoked. Keys are secrets, so it holds their digests. It is safe for
// concurrent use.
type judged struct {
	mu struct {
		sync.Mutex
		good  recent[struct{}]
		wrong recent[verdict]
	}
}

type digest [sha256.Size]byte

func digestOf(key string) digest { return sha256.Sum256([]byte(key)) }

type verdict struct {
	err error
	at  time.Time
}

func newJudged() *judged {
	j := &judged{}
	j.mu.good, j.mu.wrong = newRecent[struct{}](), newRecent[verdict]()
	return j
}

// look tells whether a key was good when it was last asked about, or why it is wrong if it was a moment ago.
func (j *judged) look(d digest) (good bool, wrong error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if v, ok := j.mu.wrong.get(d); ok && time.Since(v.at) < wrongLasts {
		return false, v.err
	}
	_, good = j.mu.good.get(d)
	return good, nil
}

// learn takes an answer about a key. One that judges nothing, such as that nobody can tell, changes nothing.
func (j *judged) learn(d digest, err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	switch {
	case err == nil:
		j.mu.wrong.drop(d) // of two answers at once, the good one came last
		j.mu.good.put(d, struct{}{})
	case saysWrong(err):
		j.mu.good.drop(d)
		j.mu.wrong.put(d, verdict{err, time.Now()})
	}
}

// saysWrong reports whether an answer is that the key is wrong.
func saysWrong(err error) bool {
	kind := fault.KindOf(err)
	return kind == fault.Unauthenticated || kind == fault.NotFound
}

// recent holds the last values that were put or got: maxJudged at most, and half of them at least.
type recent[V any] struct{ young, old map[digest]V }

func newRecent[V any]() recent[V] { return recent[V]{map[digest]V{}, map[digest]V{}} }

func (r *recent[V]) get(d digest) (V, bool) {
	v, ok := r.young[d]
	if ok {
		return v, true
	}
	if v, ok = r.old[d]; ok {
		r.put(d, v)
	}
	return v, ok
}

func (r *recent[V]) put(d digest, v V) {
	if r.young[d] = v; len(r.young) >= maxJudged/2 {
		r.young, r.old = map[digest]V{}, r.young
	}
}

func (r *recent[V]) drop(d digest) {
	delete(r.young, d)
	delete(r.old, d)
}
