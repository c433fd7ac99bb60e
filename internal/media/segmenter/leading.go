package segmenter

import "time"

// jump ends what was placed, because the timestamps go on elsewhere.
func (g *Segmenter) jump(now time.Time) {
	g.anew(now)
	g.audio.queue = g.audio.queue[:0]
	g.clock.restart(g.write.from, len(g.line.lanes))
}

// lost says that a unit was dropped: pictures that refer to it cannot be decoded.
func (g *Segmenter) lost(track int) {
	if track == g.videoTrack {
		g.video.broken = true
	}
}

// anew ends what was placed: playback begins anew, with a picture from which decoding can start.
func (g *Segmenter) anew(now time.Time) {
	if v := &g.video; v.held { // it stands no longer than until now
		v.frame = min(v.frame, max(nominalFrame, g.clock.place(now)-v.pending.at))
	}
	g.finish(0)
	g.write.discontinue()
	g.budget.broken = now
	g.video.await()
}

func (g *Segmenter) pushVideo(t *timed) {
	v := &g.video
	fresh, ok := v.admit(t)
	if !ok {
		return
	}
	switch gap := t.at + v.delay - v.pending.at; {
	case !g.pictures:
		behind := g.tail() - t.at - v.delay
		if !t.Entry() || behind > maxHeld || !g.budget.mayBreak(t.Arrival) {
			g.count.PicturesDropped++
			return
		}
		g.follow(true)
		v.end = g.tail()
	case !v.held || !g.budget.mayBreak(t.Arrival):
	case gap > maxStand:
		g.count.Holes++
		g.anew(t.Arrival)
	case v.reordered(t):
		g.budget.pay(t.Arrival, breakCost, errTimestamps)
		g.jump(t.Arrival) // all times of pictures were wrong, and what the clock knows of them
		v.delay = v.doubt
	}
	if v.waits(t) || !v.believable(t) {
		return
	}
	if s, ok := v.push(t, fresh); ok {
		g.lead(s)
		g.ahead(v.pending, v.frame)
	}
}

func (g *Segmenter) pushAudio(t *timed) {
	g.heard = t.Arrival
	if g.video.held {
		g.lag.add(t.Arrival, g.video.pending.at-t.at)
	}
	// Where sound leads, a gap is a break: what lies apart too little is closed.
	s, ok := g.audio.push(t, g.pictures || g.budget.mayBreak(t.Arrival))
	switch {
	case !ok:
	case g.pictures:
		g.audio.queue = append(g.audio.queue, s)
		held := maxHeld
		if g.video.held {
			held = maxStand
		}
		if s.at-g.video.since(g.audio.queue[0].at) > held && g.budget.mayBreak(t.Arrival) {
			g.follow(false)
		}
	default:
		g.lead(s)
		g.ahead(g.audio.pending, s.until-s.at)
	}
}

// follow changes the leading track: to audio when pictures stay away, back when an IDR picture comes.
func (g *Segmenter) follow(pictures bool) {
	g.finish(0)
	g.write.discontinue()
	g.budget.broken = g.now
	g.pictures, g.video.started = pictures, pictures
	if !g.shown {
		g.configure()
	}
	if pictures {
		return
	}
	held := g.audio.queue
	g.audio.queue = nil
	for i := range held {
		g.lead(held[i])
	}
}

// configure announces the tracks: sound alone as long as no picture was ever seen, since a player that is
// told of pictures waits for them.
func (g *Segmenter) configure() {
	tracks := g.tracks
	if !g.pictures && !g.shown && g.videoTrack >= 0 {
		tracks = tracks[1:]
	}
	g.audio.number = uint32(len(tracks))
	g.write.configure(tracks)
}
