package room

import (
	"slices"
	"time"
	"unicode/utf8"

	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/position"
)

// The refusals of posts, beside those of a draft.
var (
	errNobody    = fault.New(fault.Unauthenticated, "login_required", "posting needs an account")
	errBadName   = fault.New(fault.Invalid, "bad_name", "a name is 1 to 256 bytes of UTF-8").In("name")
	errBadUser   = fault.New(fault.Invalid, "bad_user", "an id of a user is at most 64 bytes of UTF-8").In("user")
	errMuted     = fault.New(fault.Denied, "muted", "you are muted in this room")
	errSlow      = fault.New(fault.Exhausted, "slow_mode", "the room is in slow mode")
	errTooFast   = fault.New(fault.Exhausted, "too_fast", "you post too fast")
	errKeyReused = fault.New(fault.Conflict, "key_reused", "this key was used for another danmaku; draw a new one").In("key")
)

// stallAfter is how long an append may take before new posts are refused, so that they learn it soon and do
// not pile up.
const stallAfter = time.Second

// post accepts a danmaku into the queue of the log, or says why not. A key already posted is answered
// before anything else is judged: what was accepted once stays accepted.
func (s *state) post(now instant, w waiter, c post) {
	if err := checkPost(c); err != nil {
		s.refuse(w, err)
		return
	}
	s.keys.forget(now.at)
	k := postKey{c.Author.User, c.Draft.Key}
	if before, known := s.keys.posted[k]; known {
		s.postAgain(w, k, c.Draft, before)
		return
	}
	e, err := s.admit(now, c)
	if err != nil {
		s.refuse(w, err)
		return
	}
	e.to = w
	s.keys.begin(k, e.content)
	s.queue.push(e)
	s.flush(now)
}

func checkPost(c post) error {
	switch a := c.Author; {
	case a.User == "":
		return errNobody
	case len(a.User) > maxUser || !utf8.ValidString(string(a.User)):
		return errBadUser
	case a.Name == "" || len(a.Name) > maxName || !utf8.ValidString(a.Name):
		return errBadName
	}
	return checkKey(c.Draft.Key)
}

// postAgain answers a key that was posted before: only the same danmaku is the same post.
func (s *state) postAgain(w waiter, k postKey, d Draft, before seen) {
	// The length that the owner allows may have changed since.
	d, err := d.normalised(MaxLength)
	switch {
	case err != nil:
		s.refuse(w, err)
	case s.keys.content(d.Text, d.Mode, d.Colour, d.Size) != before.content:
		s.refuse(w, errKeyReused)
	case before.position.Offset != 0:
		s.answerPost(w, before.position, true)
	case s.doubt.exists:
		s.refuse(w, errUnknown.After(retryDoubt))
	case s.full():
		s.refuse(w, errBusy.After(s.relief()))
	default:
		s.keys.join(k, w)
	}
}

// admit judges a new post and numbers it.
func (s *state) admit(now instant, c post) (entry, error) {
	// First what costs nothing to find out, because it is asked most when the room can do least.
	if err := s.overload(now); err != nil {
		return entry{}, err
	}
	user, slow := c.Author.User, s.card.Settings.SlowMode
	if s.isMuted(user, now) {
		return entry{}, errMuted
	}
	if wait := s.rates.wait(user, now.at); wait > 0 {
		return entry{}, errTooFast.After(wait)
	}
	d, err := c.Draft.normalised(s.card.Settings.MaxLength)
	if err != nil {
		return entry{}, err
	}
	if slow > 0 && !s.exempt(c.Author) {
		if wait := s.pace.wait(user, now.at, slow); wait > 0 {
			return entry{}, errSlow.After(wait)
		}
		s.pace.note(user, now.at, slow)
	}
	s.rates.take(user, now.at)
	e := entry{
		Danmaku: Danmaku{
			Position: position.Position{Epoch: s.epoch, Offset: s.next()},
			Key:      d.Key, User: user, Name: c.Author.Name, Text: d.Text, Mode: d.Mode, Colour: d.Colour, Size: d.Size,
			MediaTime: mediaTime(d.MediaTime, s.card.broadcast != "", now.at-s.liveSince),
			At:        now.shown(), Broadcast: s.card.broadcast,
		},
		at: now.at, content: s.keys.content(d.Text, d.Mode, d.Colour, d.Size),
	}
	e.weight = e.Weight()
	return e, nil
}

// next is the offset of the next danmaku.
func (s *state) next() position.Offset { return s.head.Offset + position.Offset(s.queue.len()) + 1 }

// exempt reports whether slow mode spares the author.
func (s *state) exempt(a Author) bool {
	return a.User == s.card.Owner || slices.Contains(a.Roles, "moderator") || slices.Contains(a.Roles, "admin")
}

// overload says why the room takes no new post at the moment, whoever posts it: what was accepted goes first.
func (s *state) overload(now instant) error {
	switch {
	case s.doubt.exists, s.saves.doubt.exists && bucketOf(s.next()) > s.card.bucket:
		return errDoubt.After(retryDoubt)
	case s.queue.out && now.at-s.appendAt > stallAfter, s.waitsForBucket() && now.at-s.queue.waiting[0].at > stallAfter:
		return errBusy.After(stallAfter)
	case s.full():
		return errBusy.After(s.relief())
	}
	return nil
}

// full reports whether as much waits for the log and for the tick as may, or as many for the log's answer.
func (s *state) full() bool {
	return s.queue.len()+s.fanout.rows+s.keys.retries >= s.cfg.MaxPending || s.queue.size+s.fanout.size >= s.cfg.MaxPendingBytes
}

// relief is about how long it takes until a full room takes posts again: as long as the ticks that wait.
func (s *state) relief() time.Duration {
	return s.interval() + time.Duration(s.fanout.size/MaxTickBytes)*s.cfg.Tick
}
