package packager

import (
	"fmt"
	"time"

	"github.com/barrage-live/barrage/internal/media/segmenter"
	"github.com/barrage-live/barrage/live"
)

// Health is what a streamer wants to know of the publication.
type Health struct {
	live.Stats
	Width, Height          int
	VideoCodec, AudioCodec string
	// Counters are those of the whole broadcast.
	Counters segmenter.Counters
	Warnings []Warning
}

// Warning says in plain words what a streamer should change. Code is a stable word.
type Warning struct{ Code, Message string }

// longKeyframeGap is the target duration of the playlist: over it segments have to be cut without a key
// picture.
const longKeyframeGap = 4 * time.Second

// Health describes the publication that was attached last.
func (p *Packager) Health() Health {
	p.mu.Lock()
	stream, counters := p.mu.stream, p.mu.counters
	p.mu.Unlock()
	if stream == nil {
		return Health{}
	}
	h := Health{Stats: stream.Stats(), Counters: counters}
	for _, c := range stream.Configs() {
		if c.Codec.Video() {
			h.Width, h.Height, h.VideoCodec = c.Width, c.Height, c.Name
		} else {
			h.AudioCodec = c.Name
		}
	}
	h.Warnings = warnings(&h)
	if p.cfg.Recorder.Paused() {
		h.Warnings = append(h.Warnings, Warning{
			"not_recorded",
			"This broadcast is not recorded at the moment: the disk of the server is nearly full, or the channel has used up its quota. Viewers see it live.",
		})
	}
	return h
}

// warnings judges a publication.
func warnings(h *Health) []Warning {
	var w []Warning
	if h.KeyframeInterval > longKeyframeGap {
		w = append(w, Warning{"keyframe_gap", fmt.Sprintf(
			"Key pictures are %.0f s apart. Set the keyframe interval of the encoder to 2 s: viewers start and recover faster.",
			h.KeyframeInterval.Seconds())})
	}
	if h.BFrames {
		w = append(w, Warning{
			"b_frames",
			"The encoder uses B-frames. They add delay, and viewers over WebRTC cannot show them. Turn them off or choose zero latency.",
		})
	}
	if h.Units > 0 && h.AudioCodec == "" {
		w = append(w, Warning{"no_audio", "There is no sound track. Check the audio source and its codec (AAC or Opus)."})
	}
	if h.Counters.Jumps > 0 {
		w = append(w, Warning{"timestamp_jump", fmt.Sprintf(
			"The timestamps of the encoder have jumped %d times. Viewers see a short break each time.", h.Counters.Jumps)})
	}
	if h.Counters.Holes > 0 {
		w = append(w, Warning{"gaps", fmt.Sprintf(
			"Nothing came for a while %d times. The connection or the encoder is overloaded: lower the bitrate.", h.Counters.Holes)})
	}
	return w
}
