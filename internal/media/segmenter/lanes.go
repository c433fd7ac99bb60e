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

// earlyChanges is how many times in a publication the configuration may change again within SegmentMin. Each
// change needs a segment of its own, so an encoder that alternates between two would otherwise make one of
// every picture.
const earlyChanges = 30

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
	count   *Counters

	shortest time.Duration // what a segment must last before another configuration ends it, but for the early ones
	changed  time.Duration // time of the last change
	early    int           // changes that came too soon and were followed
	broken   bool          // pictures were dropped; what follows needs a key picture
}

func (v *videoLane) restart(c *media.Config, number int, end time.Duration) {
	*v = videoLane{
		config: c, coming: c, number: uint32(number), frame: nominalFrame, end: end, queue: v.queue[:0], count: v.count,
		shortest: v.shortest,
	}
}

// codec is that of the pictures, empty before there are any.
func (v *videoLane) codec() media.Codec {
	if v.config == nil {
		return ""
	}
	return v.config.Codec
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
// another one. segment is where the one that the picture may end began.
func (v *videoLane) admit(u *timed, segment time.Duration) (fresh *media.Config, ok bool) {
	if !v.started && !u.Key {
		return nil, false
	}
	v.learn(u)
	same, at := v.coming.Equal(v.config), u.at+v.delay
	late := same || at-max(segment, v.changed) >= v.shortest-jitter
	if (v.broken && !u.Key) || (!late && v.early == earlyChanges) {
		v.broken = true
		v.count.PicturesDropped++
		return nil, false
	}
	v.broken = false
	if same {
		return nil, true
	}
	if !late {
		v.early++
	}
	v.config, v.changed = v.coming, at
	return v.config, true
}

// push takes a picture that was admitted and reports the sample it completed.
func (v *videoLane) push(u *timed, fresh *media.Config) (done sample, ok bool) {
	if !v.started {
		v.started = true
		v.delay = min(max(u.show-u.at, 0), time.Second)
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
	latest  time.Duration
	queue   []sample
	count   *Counters
}

func (a *audioLane) restart(c *media.Config, number int, end time.Duration) {
	*a = audioLane{
		codec: c.Codec, number: uint32(number), rate: uint32(c.Rate), frame: uint32(c.FrameSize), queue: a.queue[:0], count: a.count,
		next: ticks(end, uint32(c.Rate)), latest: end,
	}
}

// length is how many samples a frame holds. Where frames differ and one does not say, it is taken for one of
// 20 ms, as most are.
func (a *audioLane) length(u *timed) uint64 {
	switch {
	case a.frame > 0:
		return uint64(a.frame)
	case u.Duration > 0:
		return ticks(u.Duration, a.rate)
	}
	return uint64(a.rate) / 50
}

// push takes a frame and reports the sample it completed.
func (a *audioLane) push(u *timed) (done sample, ok bool) {
	tick := ticks(max(u.show, 0), a.rate)
	switch stray := fromSigned(int64(tick)-int64(a.next), a.rate); {
	case stray < -audioTolerance:
		a.count.AudioDropped++
		return sample{}, false
	case stray <= audioTolerance:
		tick = a.next
	}
	if a.held {
		until := tick
		if fromTicks(tick-a.next, a.rate) > maxStretch {
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
	a.latest = a.pending.at
	return done, ok
}

func fromSigned(n int64, scale uint32) time.Duration {
	if n < 0 {
		return -fromTicks(uint64(-n), scale)
	}
	return fromTicks(uint64(n), scale)
}

// covers reports whether sound fills the time between two pictures, with no gap of a given length.
func (a *audioLane) covers(from, to, gap time.Duration) bool {
	for i := range a.queue {
		if s := &a.queue[i]; s.until > from {
			if s.at-from > gap {
				return false
			}
			from = s.until
		}
	}
	return a.held && a.pending.at-from <= gap && to-a.pending.at <= gap
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
