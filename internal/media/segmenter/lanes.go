package segmenter

import (
	"time"

	"github.com/barrage-live/barrage/internal/media"
	"github.com/barrage-live/barrage/internal/media/fmp4"
)

// sample is a unit whose duration is known, or, while pending, still unknown.
type sample struct {
	at    time.Duration // decode time
	until time.Duration // end, once known
	tick  uint64        // decode time in ticks of the track
	key   bool
	out   fmp4.Sample
	// fresh is the configuration that holds from this sample, if it is another one.
	fresh *media.Config
}

// ticks rounds a time to ticks. The rounding is absolute, so that the end of one sample and the start of
// the next are the same number however many samples lie before.
func ticks(t time.Duration, scale uint32) uint64 {
	s, rest := t/time.Second, t%time.Second
	return uint64(s)*uint64(scale) + uint64(rest*time.Duration(scale)+time.Second/2)/uint64(time.Second)
}

func fromTicks(n uint64, scale uint32) time.Duration {
	s, rest := n/uint64(scale), n%uint64(scale)
	return time.Duration(s)*time.Second + time.Duration(rest)*time.Second/time.Duration(scale)
}

// nominalFrame is the duration of a picture of which nothing is known.
const nominalFrame = 33 * time.Millisecond

// customary is the distance of two key pictures while it is unknown.
const customary = 2 * time.Second

// maxBytes bounds the pictures that are held until a part is full and its time is known.
const maxBytes = 64 << 20

// maxWait is how long a picture from which decoding can start is awaited where playback begins anew, at
// most.
const maxWait = 3 * time.Second

// videoLane holds the last picture until the next tells how long it lasts.
//
// Decode times are moved by the reorder delay of the first picture (PTS - DTS), so that an IDR picture is
// decoded and shown at the same time on the timeline and B-frames get negative offsets: then part
// boundaries, audio and program-date-time all speak of what is seen.
type videoLane struct {
	config  *media.Config // of the pictures that are kept
	coming  *media.Config // of the pictures that come
	number  uint32
	delay   time.Duration
	started bool
	pending sample
	held    bool
	end     time.Duration // of the last finished picture
	frame   time.Duration // its duration
	queue   []sample
	bytes   int // of the pictures that were pushed and not written yet
	count   *Counters

	budget *budget
	broken bool          // a picture was dropped; what follows needs a key picture
	doubt  time.Duration // the reorder delay that the last key picture told, where it was another

	waiting  bool          // playback begins anew and should with a key picture
	from     time.Duration // when that began; negative until a picture comes
	key, gop time.Duration // time of the last key picture and its distance from the one before
}

func (v *videoLane) restart(c *media.Config, number int, end time.Duration) {
	*v = videoLane{
		config: c, coming: c, number: uint32(number), frame: nominalFrame, end: end, queue: v.queue[:0], count: v.count,
		budget: v.budget, doubt: -1, key: -1, gop: customary,
	}
}

// codec is that of the pictures, empty before there are any.
func (v *videoLane) codec() media.Codec {
	if v.config == nil {
		return ""
	}
	return v.config.Codec
}

// believable reports whether a picture can follow: its decode time is not so far behind the last one that
// moving it would get ahead of the time, and what is held has room for it. Otherwise it is dropped.
func (v *videoLane) believable(u *timed) bool {
	if (!v.held || v.pending.at-u.at-v.delay <= maxBack) && v.bytes+weight(u.Data) <= maxBytes {
		return true
	}
	v.broken = true
	v.count.PicturesDropped++
	v.budget.pay(u.Arrival, 1, errTimestamps)
	return false
}

func weight(data [][]byte) int {
	n := 0
	for i := range data {
		n += len(data[i])
	}
	return n
}

// follow moves a decode time that does not rise to just after the last one.
func (v *videoLane) follow(at time.Duration) time.Duration {
	switch {
	case v.held && at <= v.pending.at:
		v.count.Clamped++
		return v.pending.at + time.Millisecond
	case !v.held && at < v.end:
		v.count.Clamped++
		return v.end
	}
	return at
}

// admit decides whether a picture is kept, and gives the configuration that holds from it if that is
// another one. A change needs a segment of its own, so it comes as often as a break may.
func (v *videoLane) admit(u *timed) (fresh *media.Config, ok bool) {
	if !v.started && !u.Entry() {
		return nil, false
	}
	v.learn(u)
	same := v.coming.Equal(v.config)
	if (v.broken && !u.Entry()) || (!same && !v.budget.mayBreak(u.Arrival)) {
		v.broken = true
		v.count.PicturesDropped++
		if !same {
			v.budget.pay(u.Arrival, 1, errConfigs)
		}
		return nil, false
	}
	v.broken = false
	if same {
		return nil, true
	}
	v.budget.pay(u.Arrival, breakCost, errConfigs)
	v.budget.broken = u.Arrival
	v.config = v.coming
	return v.config, true
}

// await says that playback begins anew.
func (v *videoLane) await() { v.waiting, v.from = true, -1 }

// waits reports whether a picture is dropped because playback begins anew, and the next key picture is not
// far: players reset their decoders there (draft section 6.3.3), and a browser shows nothing before it. It
// is awaited for half as long again as the last two lay apart; a publisher whose key pictures are far
// apart, or do not come, is carried on regardless.
func (v *videoLane) waits(u *timed) bool {
	if u.Key {
		if v.key >= 0 {
			v.gop = u.at - v.key
		}
		v.key, v.waiting = u.at, false
	}
	if v.waiting && v.from < 0 {
		v.from = u.at
		v.waiting = v.gop <= maxWait
	}
	v.waiting = v.waiting && u.at-v.from < v.gop*3/2 && u.at-v.from < maxWait
	if v.waiting {
		v.count.PicturesDropped++
	}
	return v.waiting
}

// since is the time since which pictures have been away: first, if none has come.
func (v *videoLane) since(first time.Duration) time.Duration {
	if !v.started {
		return first
	}
	return max(v.pending.at, v.from)
}

// reordered reports whether two key pictures in turn tell another reorder delay than the one that holds:
// the first picture may have told nonsense.
func (v *videoLane) reordered(u *timed) bool {
	if !u.Key {
		return false
	}
	told := reorder(u)
	last := v.doubt
	v.doubt = told
	if told > v.delay && told-v.delay <= leading*v.frame {
		return false
	}
	return (told-v.delay).Abs() > rounded && last >= 0 && (told-last).Abs() <= rounded
}

// leading is how many pictures a key picture may be shown later than the first one told, without a doubt:
// in an open group of pictures, which H.265 has by default, those that are shown before it are decoded
// after it.
const leading = 8

// rounded is by how much times of one duration differ when timestamps are in milliseconds.
const rounded = 3 * time.Millisecond

func reorder(u *timed) time.Duration { return min(max(u.show-u.at, 0), time.Second) }

// push takes a picture that was admitted and reports the sample it completed.
func (v *videoLane) push(u *timed, fresh *media.Config) (done sample, ok bool) {
	if !v.started {
		v.started = true
		v.delay = reorder(u)
	}
	s := sample{at: v.follow(u.at + v.delay), key: u.Key, fresh: fresh}
	s.tick = ticks(s.at, fmp4.VideoScale)
	s.out = fmp4.Sample{
		Offset: int32(int64(ticks(max(u.show, 0), fmp4.VideoScale)) - int64(s.tick)),
		Sync:   u.Key,
		Data:   u.Data,
	}
	if v.held {
		done, ok = v.finish(s.at), true
	}
	v.pending, v.held = s, true
	v.bytes += weight(u.Data)
	return done, ok
}

// finish gives the pending picture its end. The caller queues it.
func (v *videoLane) finish(until time.Duration) sample {
	s := v.pending
	v.held = false
	s.until = until
	s.out.Duration = uint32(ticks(until, fmp4.VideoScale) - s.tick)
	v.frame, v.end = until-s.at, until
	return s
}

// learn notes the configuration that a unit brings, if it can be described. A publisher may send it once
// only, with the first picture it holds for, so it is remembered even when that picture is dropped. Another
// codec would need another lane: ingests end the publication there.
func (v *videoLane) learn(u *timed) {
	if c := u.Config; c != nil && c.Validate() == nil && c.Codec == v.config.Codec {
		v.coming = c
	}
}

// audioTolerance is how far the timestamps of audio may stray from the count of its samples. They are
// rounded to milliseconds by RTMP, which a decoder would hear as jitter; the count is exact.
const audioTolerance = 60 * time.Millisecond

// audioDeadband is how far they stray before the count follows them, by one tick a frame, which nobody
// hears: at 48 kHz that is a thousandth, where clocks differ by a few ten thousandths.
const audioDeadband = 4 * time.Millisecond

// maxStretch is the largest gap that is closed by letting the frame before it last longer.
const maxStretch = 250 * time.Millisecond

// audioLane counts samples: a frame begins where the one before ended unless its timestamp says otherwise
// clearly.
type audioLane struct {
	codec   media.Codec
	number  uint32
	rate    uint32
	frame   uint32 // samples in each, 0 when they differ
	pending sample
	held    bool
	next    uint64 // where the next frame begins when nothing is missing
	queue   []sample
	count   *Counters
}

func (a *audioLane) restart(c *media.Config, number int, end time.Duration) {
	*a = audioLane{
		codec: c.Codec, number: uint32(number), rate: uint32(c.Rate), frame: uint32(c.FrameSize), queue: a.queue[:0], count: a.count,
		next: ticks(end, uint32(c.Rate)),
	}
}

// length is how many samples a frame holds. Where frames differ and one does not say, it is taken for one
// of 20 ms, as most are.
func (a *audioLane) length(u *timed) uint64 {
	switch {
	case a.frame > 0:
		return uint64(a.frame)
	case u.Duration > 0:
		return ticks(u.Duration, a.rate)
	}
	return uint64(a.rate) / 50
}

// push takes a frame and reports the sample it completed. A long gap stays one if it may, else the frame
// before it lasts until its end.
func (a *audioLane) push(u *timed, gaps bool) (done sample, ok bool) {
	tick := ticks(max(u.show, 0), a.rate)
	switch stray := fromSigned(int64(tick)-int64(a.next), a.rate); {
	case stray < -audioTolerance:
		a.count.AudioDropped++
		return sample{}, false
	case stray < -audioDeadband:
		tick = a.next - 1
	case stray <= audioDeadband:
		tick = a.next
	case stray <= audioTolerance:
		tick = a.next + 1
	}
	if a.held {
		until := tick
		if gaps && tick > a.next && fromTicks(tick-a.next, a.rate) > maxStretch {
			until = a.next
		}
		done, ok = a.finish(until), true
	}
	a.next = tick + a.length(u)
	a.pending = sample{
		at: fromTicks(tick, a.rate), tick: tick, key: true,
		out: fmp4.Sample{Sync: true, Data: u.Data},
	}
	a.held = true
	return done, ok
}

func fromSigned(n int64, scale uint32) time.Duration {
	if n < 0 {
		return -fromTicks(uint64(-n), scale)
	}
	return fromTicks(uint64(n), scale)
}

// finish gives the pending frame its end. The caller queues it.
func (a *audioLane) finish(tick uint64) sample {
	s := a.pending
	a.held = false
	s.out.Duration = uint32(tick - s.tick)
	s.until = fromTicks(tick, a.rate)
	return s
}

// settle ends the pending frame after its nominal length, because nobody waits for the next any longer.
func (a *audioLane) settle() (done sample, ok bool) {
	if !a.held {
		return sample{}, false
	}
	return a.finish(a.next), true
}
