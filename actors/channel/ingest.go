package channel

import (
	"time"

	"github.com/barrage-live/barrage/internal/media"
	"github.com/barrage-live/barrage/live"
)

// Ingest is how a publisher is doing.
type Ingest struct {
	Phase    Phase
	Since    time.Time // when the phase began
	Stats    Stats
	Warnings []Warning
}

// Stats is what was measured of the present publisher. Zero fields are unknown.
type Stats struct {
	BitsPerSecond    int
	FramesPerSecond  float64
	KeyframeInterval time.Duration
	Width, Height    int
	Video, Audio     string // RFC 6381 names
	BFrames          bool
	LastUnit         time.Time
}

// statsOf reads the meters of a stream; nil has none.
func statsOf(s *live.Stream) Stats {
	if s == nil {
		return Stats{}
	}
	m := s.Stats()
	out := Stats{
		BitsPerSecond: m.BitrateBPS, FramesPerSecond: m.FPS, KeyframeInterval: m.KeyframeInterval, BFrames: m.BFrames, LastUnit: m.LastArrival,
	}
	for _, t := range s.Tracks() {
		if !t.Codec.Video() {
			out.Audio = t.CodecString()
			continue
		}
		v, err := media.ParseVideo(t)
		if err != nil {
			continue // the picture is shown as unknown
		}
		out.Video, out.Width, out.Height = v.Codec, v.Width, v.Height
	}
	return out
}

// Warning is something the streamer should change. The code is stable.
type Warning struct{ Code, Message string }

// Limits behind the warnings: a keyframe interval over 4 s makes viewers wait for the picture, RFC 8216 players buffer by it.
const (
	longKeyframe = 4 * time.Second
	lowFrames    = 15
	highBits     = 20_000_000
	silence      = 3 * time.Second
)

// warnings judges what was measured.
func warnings(p Phase, s Stats, now time.Time) []Warning {
	var w []Warning
	add := func(when bool, code, message string) {
		if when {
			w = append(w, Warning{code, message})
		}
	}
	add(p == Interrupted, "publisher_lost", "the publisher is gone; the broadcast ends unless it returns")
	if p != Live {
		return w
	}
	add(!s.LastUnit.IsZero() && now.Sub(s.LastUnit) > silence, "no_data", "nothing has arrived for some seconds")
	add(s.Video == "", "no_video", "the stream has no picture")
	add(s.Audio == "", "no_audio", "the stream has no sound")
	add(s.BFrames, "b_frames", "B-frames add delay; set their number to 0")
	add(s.KeyframeInterval > longKeyframe, "keyframe_interval", "keyframes are over 4 s apart; set the interval to 2 s")
	add(s.FramesPerSecond > 0 && s.FramesPerSecond < lowFrames, "low_frame_rate", "fewer than 15 frames per second arrive")
	add(s.BitsPerSecond > highBits, "high_bitrate", "over 20 Mbit/s; many viewers will not keep up")
	return w
}
