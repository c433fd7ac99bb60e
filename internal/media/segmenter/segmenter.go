package segmenter

import (
	"time"

	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/media"
	"github.com/barrage-live/barrage/internal/media/fmp4"
)

const (
	// audioWait is how far video may run ahead of a cut while audio for it is awaited.
	audioWait = 150 * time.Millisecond
	// audioDead is how long audio must be silent before nobody waits for it.
	audioDead = time.Second
	// maxHeld bounds the audio that is held for video that does not come; then audio leads.
	maxHeld = 3 * time.Second
)

// Config says how to cut. The zero value is the house's default.
type Config struct {
	// PartTarget is the wanted duration of a part; 0 means 500 ms. The real one is fitted to the frame rate.
	PartTarget time.Duration
	// SegmentMin is how long a segment must be before an IDR picture ends it; 0 means 1 s.
	SegmentMin time.Duration
	// SegmentMax is the target duration, in whole seconds: no segment is longer; 0 means 4 s.
	SegmentMax time.Duration
}

func (c Config) filled() Config {
	if c.PartTarget <= 0 {
		c.PartTarget = 500 * time.Millisecond
	}
	if c.SegmentMin <= 0 {
		c.SegmentMin = time.Second
	}
	if c.SegmentMax <= 0 {
		c.SegmentMax = 4 * time.Second
	}
	c.SegmentMax = max(c.SegmentMax.Truncate(time.Second), time.Second)
	return c
}

// Segmenter is the cutter of one broadcast.
type Segmenter struct {
	cfg   Config
	count Counters
	line  timeline
	clock clock
	cutter
	video videoLane
	audio audioLane
	write writer

	tracks     []media.Track
	videoTrack int // index, or -1
	audioTrack int
	warm       []sample // leading samples until the part target is fitted
	scratch    []timed
	resumeAt   func(time.Time) time.Duration
	publishes  bool
}

// New makes the segmenter of a broadcast whose media time is zero at start.
func New(cfg Config, start time.Time) *Segmenter {
	cfg = cfg.filled()
	g := &Segmenter{cfg: cfg, clock: clock{start: start}}
	g.line.count, g.video.count, g.audio.count = &g.count, &g.count, &g.count
	g.video.shortest = cfg.SegmentMin
	g.shortest, g.longest, g.hardCuts = cfg.SegmentMin, cfg.SegmentMax, &g.count.HardCuts
	g.resumeAt = g.resume
	return g
}

// PartTarget is the part target of the playlist, zero until the first part.
func (g *Segmenter) PartTarget() time.Duration { return g.target }

// Target is the target duration of the playlist.
func (g *Segmenter) Target() time.Duration { return g.longest }

// Counters tells what had to be put right so far.
func (g *Segmenter) Counters() Counters { return g.count }

// Begin announces a publication. One that follows another ends that one as Flush does, continues its
// sequence numbers and opens with a discontinuity. The first video and the first audio track are used.
func (g *Segmenter) Begin(tracks []media.Track) ([]Event, error) {
	video, audio := -1, -1
	for i, t := range tracks {
		if err := t.Config.Validate(); err != nil {
			return nil, err
		}
		switch picture := t.Config.Codec.Video(); {
		case picture && video < 0:
			video = i
		case !picture && audio < 0:
			audio = i
		}
	}
	if video < 0 && audio < 0 {
		return nil, fault.New(fault.Invalid, "no_tracks", "the publication has no track")
	}
	out := g.Flush()
	end := g.tail()
	g.clock.restart(g.write.from)
	g.videoTrack, g.audioTrack = video, audio
	g.pictures, g.publishes = video >= 0, true
	g.line.restart(len(tracks))
	g.tracks = g.tracks[:0]
	if video >= 0 {
		g.tracks = append(g.tracks, tracks[video])
		g.video.restart(tracks[video].Config, len(g.tracks), end)
	}
	if audio >= 0 {
		g.tracks = append(g.tracks, tracks[audio])
		g.audio.restart(tracks[audio].Config, len(g.tracks), end)
	}
	g.write.configure(g.tracks)
	return out, nil
}

// Push takes one unit of the publication and returns what it completed. The slice is valid until the next
// call.
func (g *Segmenter) Push(u media.Unit) []Event {
	g.write.events = g.write.events[:0]
	if !g.publishes || (u.Track != g.videoTrack && u.Track != g.audioTrack) || len(u.Data) == 0 {
		return nil
	}
	g.scratch = g.line.push(u, g.resumeAt, g.scratch[:0])
	for i := range g.scratch {
		t := &g.scratch[i]
		if t.jump {
			g.finish()
			g.audio.queue = g.audio.queue[:0]
			g.clock.restart(g.write.from)
			g.write.discontinue()
		}
		g.clock.observe(t.Arrival, t.show)
		if t.Track == g.videoTrack {
			g.pushVideo(t)
		} else {
			g.pushAudio(t)
		}
	}
	g.drain()
	return g.write.events
}

// Flush ends the publication: it completes what is held and closes the segment.
func (g *Segmenter) Flush() []Event {
	g.write.events = g.write.events[:0]
	if g.publishes {
		g.finish()
		g.write.discontinue()
		g.publishes = false
	}
	return g.write.events
}

// tail is where the timeline ends as far as it is known.
func (g *Segmenter) tail() time.Duration {
	end := g.video.end
	if g.video.held {
		end = max(end, g.video.pending.at+g.video.frame)
	}
	if g.audio.rate > 0 {
		end = max(end, fromTicks(g.audio.next, g.audio.rate))
	}
	return end
}

// resume is where a publication, or what follows a jump, starts. The margin keeps units that belong a
// little before the first one after everything that was written.
func (g *Segmenter) resume(arrival time.Time) time.Duration {
	return max(g.tail(), g.clock.place(arrival)) + maxBack
}

func (g *Segmenter) pushVideo(t *timed) {
	v := &g.video
	fresh, ok := v.admit(t, g.segment)
	if !ok {
		return
	}
	limit := g.longestFrame()
	if gap := t.at + v.delay - v.pending.at; v.held && gap > limit &&
		(g.audioTrack < 0 || !g.audio.covers(v.pending.at, t.at, limit)) {
		g.count.Holes++
		g.finish()
		g.write.discontinue()
	}
	if !g.pictures && t.Key {
		g.follow(true)
	}
	if s, ok := v.push(t, fresh); ok {
		g.lead(s)
		g.ahead(v.pending, v.frame)
	}
}

// longestFrame is how long a picture may stand before it counts as a hole.
func (g *Segmenter) longestFrame() time.Duration {
	switch {
	case g.target > 0:
		return g.target
	case len(g.warm) > 0:
		return max(g.cfg.PartTarget, 2*median(g.warm))
	}
	return g.longest / 2
}

func (g *Segmenter) pushAudio(t *timed) {
	if g.pictures && !g.video.started {
		return
	}
	s, ok := g.audio.push(t)
	switch {
	case !ok:
	case g.pictures:
		g.audio.queue = append(g.audio.queue, s)
		if s.at-g.video.pending.at > maxHeld {
			g.follow(false)
		}
	default:
		g.lead(s)
		g.ahead(g.audio.pending, s.until-s.at)
	}
}

// follow changes the leading track: to audio when pictures stay away, back when an IDR picture comes.
func (g *Segmenter) follow(pictures bool) {
	g.finish()
	g.write.discontinue()
	g.pictures, g.video.started = pictures, pictures
	if pictures {
		return
	}
	held := g.audio.queue
	g.audio.queue = nil
	for i := range held {
		g.lead(held[i])
	}
}

// lead takes a completed sample of the leading track. The part target is fitted to the first part's worth
// of them.
func (g *Segmenter) lead(s sample) {
	if g.target > 0 {
		g.place(s)
		return
	}
	g.warm = append(g.warm, s)
	if s.until-g.warm[0].at >= g.cfg.PartTarget {
		g.warmUp()
	}
}

func (g *Segmenter) warmUp() {
	g.target = min(fit(g.cfg.PartTarget, median(g.warm)), g.longest/2)
	for i := range g.warm {
		g.place(g.warm[i])
	}
	g.warm = nil
}

func (g *Segmenter) place(s sample) {
	if g.open && s.at > g.until {
		g.count.Holes++
		g.closeRun()
		g.write.discontinue()
	}
	if g.open {
		g.before(&s)
	} else {
		g.begin(&s)
		g.write.from = s.at
		g.audio.queue = g.write.take(g.audio.queue, s.at, nil)
		if s.fresh != nil {
			g.reconfigure(s.fresh)
		}
	}
	if g.pictures {
		g.video.queue = append(g.video.queue, s)
	} else {
		g.audio.queue = append(g.audio.queue, s)
	}
	g.until, g.frame = s.until, s.until-s.at
	g.within(&s)
}

// drain writes the parts whose end is decided and whose audio is there, once their time is known.
func (g *Segmenter) drain() {
	if g.clock.catchingUp() {
		return
	}
	n := 0
	for n < len(g.cuts) && g.audioReady(g.cuts[n].at) {
		g.emit(g.cuts[n])
		n++
	}
	g.cuts = append(g.cuts[:0], g.cuts[n:]...)
}

// audioReady reports whether no more audio is to be awaited for a part that ends at this time.
func (g *Segmenter) audioReady(at time.Duration) bool {
	a := &g.audio
	if g.audioTrack < 0 || !g.pictures || (a.held && a.pending.at >= at) {
		return true
	}
	if g.video.pending.at-at <= audioWait && at-a.latest <= audioDead {
		return false
	}
	if s, ok := a.settle(); ok {
		a.queue = append(a.queue, s)
	}
	return true
}

// finish completes what is held and closes the segment.
func (g *Segmenter) finish() {
	if v := &g.video; v.held {
		frame := v.frame
		if g.target > 0 {
			frame = min(frame, g.target)
		}
		g.lead(v.finish(v.pending.at + frame))
	}
	if s, ok := g.audio.settle(); ok {
		if g.pictures {
			g.audio.queue = append(g.audio.queue, s)
		} else {
			g.lead(s)
		}
	}
	if len(g.warm) > 0 {
		g.warmUp()
	}
	g.closeRun()
}

// closeRun writes everything that was placed and closes the segment.
func (g *Segmenter) closeRun() {
	for _, k := range g.cuts {
		g.emit(k)
	}
	g.cuts = g.cuts[:0]
	if g.open {
		g.emit(cut{at: g.until, last: true})
	}
	g.open = false
}

// emit writes the part that ends at a cut.
func (g *Segmenter) emit(k cut) {
	w := &g.write
	w.runs = w.runs[:0]
	g.video.queue = w.take(g.video.queue, k.at, &fmp4.Run{Track: g.video.number, Codec: g.video.codec()})
	g.audio.queue = w.take(g.audio.queue, k.at, &fmp4.Run{Track: g.audio.number, Codec: g.audio.codec})
	w.part(k, g)
	if k.fresh != nil {
		g.reconfigure(k.fresh)
	}
}

// reconfigure announces a new configuration for what follows.
func (g *Segmenter) reconfigure(fresh *media.Config) {
	g.tracks[0].Config = fresh
	g.write.configure(g.tracks)
	g.write.discontinue()
}
