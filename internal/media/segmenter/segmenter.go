package segmenter

import (
	"time"

	"github.com/barrage-live/barrage/internal/media"
	"github.com/barrage-live/barrage/internal/media/fmp4"
)

const (
	// audioWait is how far video may run ahead of a cut while audio for it is awaited, at least.
	audioWait = 150 * time.Millisecond
	// audioDead is how long audio must be silent before nobody waits for it.
	audioDead = time.Second
	// maxHeld bounds the audio that is held for video of which nothing came; then audio leads. Where there
	// was a picture it may stand.
	maxHeld = 3 * time.Second
	// maxStand is how long a picture may stand. When the next one comes later still playback begins anew.
	maxStand = 6 * time.Second
	// early is how far the end of a part may be ahead of the wall clock when the part is written: less than
	// a picture, which lines differ by all the time.
	early = nominalFrame
)

// Config says how to cut. The zero value is the house's default.
type Config struct {
	// PartTarget is the wanted duration of a part; 0 means 500 ms. The real one is fitted to the frame
	// rate.
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
	lag   interleave
	cutter
	video videoLane
	audio audioLane
	write writer

	tracks     []media.Track
	videoTrack int // index, or -1
	audioTrack int
	warm       []sample // leading samples until the part target is fitted
	scratch    []timed
	publishes  bool
	shown      bool      // a picture was
	now        time.Time // arrival of the unit that is looked at
	heard      time.Time // that of the last sound, or of the publication's first unit
	budget     budget
}

// New makes the segmenter of a broadcast whose media time is zero at start.
func New(cfg Config, start time.Time) *Segmenter {
	cfg = cfg.filled()
	g := &Segmenter{cfg: cfg, clock: newClock(start), budget: budget{apart: cfg.SegmentMin - jitter}}
	g.line = timeline{clock: &g.clock, budget: &g.budget, tail: g.tail, interrupt: g.jump, lost: g.lost, count: &g.count}
	g.video.count, g.audio.count, g.video.budget = &g.count, &g.count, &g.budget
	g.shortest, g.longest, g.hardCuts = cfg.SegmentMin, cfg.SegmentMax, &g.count.HardCuts
	return g
}

// PartTarget is the part target of the playlist, zero until the first part.
func (g *Segmenter) PartTarget() time.Duration { return g.target }

// Target is the target duration of the playlist.
func (g *Segmenter) Target() time.Duration { return g.longest }

// Err is why the publication was given up, or nil: it broke more than its budget allows. What it still
// sends is dropped, until the next Begin. It is a fault.Exhausted, "bad_timestamps" or "config_changes".
func (g *Segmenter) Err() error { return g.budget.err }

// Counters tells what had to be put right so far.
func (g *Segmenter) Counters() Counters { return g.count }

// Begin announces a publication. One that follows another ends that one as Flush does, continues its
// sequence numbers and opens with a discontinuity. The first video and the first audio track are used.
func (g *Segmenter) Begin(tracks []media.Track) ([]Event, error) {
	video, audio, err := choose(tracks)
	if err != nil {
		return nil, err
	}
	out := g.Flush()
	g.clock.restart(g.write.from, len(tracks))
	g.budget.restart()
	g.line.restart(len(tracks))
	g.publishes, g.heard = true, time.Time{}
	g.use(tracks, video, audio)
	return out, nil
}

// Push takes one unit of the publication and returns what it completed. The slice is valid until the next
// call.
func (g *Segmenter) Push(u media.Unit) []Event {
	g.write.events = g.write.events[:0]
	if u.Tracks != nil && g.publishes && g.budget.err == nil {
		g.change(&u)
	}
	if !g.publishes || g.budget.err != nil || (u.Track != g.videoTrack && u.Track != g.audioTrack) || len(u.Data) == 0 {
		return g.write.events
	}
	g.now = u.Arrival
	if g.heard.IsZero() {
		g.heard = u.Arrival
	}
	g.scratch = g.line.push(u, g.scratch[:0])
	for i := range g.scratch {
		// By the decode time: composition times are wrong more easily, and one that is moves no clock.
		if t := &g.scratch[i]; t.Track == g.videoTrack {
			g.clock.observe(t.Track, t.Arrival, t.at+g.video.delay)
			g.pushVideo(t)
		} else {
			g.clock.observe(t.Track, t.Arrival, t.at)
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
		sound := fromTicks(g.audio.next, max(g.audio.rate, 1)) // nothing that came is lost
		g.finish(min(sound, g.video.pending.at+maxStand))
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
		g.budget.broken = g.now
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
	next := &g.audio.pending
	if g.pictures {
		g.video.queue = append(g.video.queue, s)
		g.shown, next = true, &g.video.pending
	} else {
		g.audio.queue = append(g.audio.queue, s)
	}
	if !g.begun {
		g.begun, g.independent = true, s.key
	}
	g.until, g.frame = s.until, s.until-s.at
	if next.at != s.until {
		next = nil
	}
	g.within(&s, next)
}

// drain writes the parts whose end is decided and whose audio is there, once their time is known and has
// come: what a line had saved up arrives sooner than the clock may go back for it.
func (g *Segmenter) drain() {
	if g.clock.catchingUp() {
		return
	}
	n := 0
	for n < len(g.cuts) && g.clock.lead(g.now, g.cuts[n].at) <= early && g.audioReady(g.cuts[n].at) {
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
	if g.video.pending.at-at <= g.lag.wait() && g.now.Sub(g.heard) <= audioDead {
		return false
	}
	if s, ok := a.settle(); ok {
		a.queue = append(a.queue, s)
	}
	return true
}

// finish completes what is held and closes the segment. The picture that is held lasts as long as the one
// before it, but for a part at most, and until a time at least.
func (g *Segmenter) finish(least time.Duration) {
	if v := &g.video; v.held {
		frame := v.frame
		if g.target > 0 {
			frame = min(frame, g.target)
		}
		g.lead(v.finish(max(v.pending.at+frame, least)))
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
	w, newest := &g.write, g.write.newest
	lead := g.audio.queue
	if g.pictures {
		lead = g.video.queue
	}
	for i := range lead {
		if lead[i].at < k.at {
			newest = lead[i].at
		}
	}
	w.runs = w.runs[:0]
	g.video.queue = w.take(g.video.queue, k.at, &fmp4.Run{Track: g.video.number, Codec: g.video.codec()})
	for _, s := range w.runs[0].Samples {
		g.video.bytes -= weight(s.Data)
	}
	g.audio.queue = w.take(g.audio.queue, k.at, &fmp4.Run{Track: g.audio.number, Codec: g.audio.codec})
	w.part(k, g)
	w.newest = newest
	if k.fresh != nil {
		g.reconfigure(k.fresh)
	}
}

// reconfigure announces a new configuration for what follows.
func (g *Segmenter) reconfigure(fresh *media.Config) {
	g.tracks[0].Config = fresh
	g.configure()
	g.write.discontinue()
}
