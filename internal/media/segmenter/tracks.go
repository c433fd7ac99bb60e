package segmenter

import (
	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/media"
)

// choose finds the first video and the first audio track, -1 for one that is missing.
func choose(tracks []media.Track) (video, audio int, err error) {
	video, audio = -1, -1
	for i, t := range tracks {
		if err := t.Config.Validate(); err != nil {
			return -1, -1, err
		}
		switch picture := t.Config.Codec.Video(); {
		case picture && video < 0:
			video = i
		case !picture && audio < 0:
			audio = i
		}
	}
	if video < 0 && audio < 0 {
		return -1, -1, fault.New(fault.Invalid, "no_tracks", "the publication has no track")
	}
	return video, audio, nil
}

// use makes the lanes of tracks that follow what was written.
func (g *Segmenter) use(tracks []media.Track, video, audio int) {
	end := g.tail()
	g.lag = interleave{}
	g.videoTrack, g.audioTrack, g.pictures = video, audio, video >= 0
	g.tracks = g.tracks[:0]
	if video >= 0 {
		g.tracks = append(g.tracks, tracks[video])
		g.video.restart(tracks[video].Config, len(g.tracks), end)
	}
	if audio >= 0 {
		g.tracks = append(g.tracks, tracks[audio])
		g.audio.restart(tracks[audio].Config, len(g.tracks), end)
	}
	g.configure()
}

// change goes on with other tracks on the same timeline, after a discontinuity. What cannot be described is
// not followed: the units to come are then of tracks that are not there.
func (g *Segmenter) change(u *media.Unit) {
	video, audio, err := choose(u.Tracks)
	if err != nil {
		return
	}
	g.finish(0)
	g.write.discontinue()
	g.audio.queue = g.audio.queue[:0]
	g.budget.pay(u.Arrival, breakCost, errConfigs)
	g.budget.broken, g.heard = u.Arrival, u.Arrival
	for i := range g.line.lanes { // nothing of another encoding belongs in a lane
		var next *media.Config
		if i == video || i == audio {
			next = u.Tracks[i].Config
		}
		if !g.config(i).Equal(next) {
			g.line.forget(&g.line.lanes[i])
		}
	}
	g.line.grow(len(u.Tracks))
	g.clock.grow(len(u.Tracks))
	g.use(u.Tracks, video, audio)
}

// config is the newest configuration of a track, nil of one that is not used.
func (g *Segmenter) config(track int) *media.Config {
	switch track {
	case g.videoTrack:
		return g.video.coming
	case g.audioTrack:
		return g.tracks[len(g.tracks)-1].Config
	}
	return nil
}
