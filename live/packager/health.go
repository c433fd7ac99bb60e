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

// missing is how long pictures or sound may stay away before a streamer is told.
const missing = 5 * time.Second

// warnings judges a publication.
func warnings(h *Health) []Warning {
	var w []Warning
	if h.Unreadable > 0 {
		w = append(w, Warning{"unreadable", fmt.Sprintf(
			"%d pictures or pieces of sound of the last seconds could not be read and are missing. Restart the encoder, or choose another one for this codec.",
			h.Unreadable)})
	}
	if h.Units > 0 {
		w = append(w, absent(h)...)
	}
	w = append(w, keyframes(h)...)
	if h.BFrames {
		w = append(w, Warning{
			"b_frames",
			"The encoder uses B-frames. They add delay, and viewers over WebRTC cannot show them. Turn them off or choose zero latency.",
		})
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

// absent tells what does not come: a track that is not there, or of which nothing arrives.
func absent(h *Health) (w []Warning) {
	since := func(t time.Time) time.Duration {
		if t.IsZero() {
			t = h.FirstArrival
		}
		return h.LastArrival.Sub(t)
	}
	switch {
	case h.VideoCodec == "":
		w = append(w, Warning{"no_video", "There is no picture, viewers only hear sound. Check the video source and its codec (H.264, H.265, AV1 or VP9)."})
	case since(h.LastPicture) > missing:
		w = append(w, Warning{"no_video", "No picture arrives, viewers only hear sound. Check the video source."})
	}
	switch {
	case h.AudioCodec == "":
		w = append(w, Warning{"no_audio", "There is no sound track. Check the audio source and its codec (AAC or Opus)."})
	case since(h.LastSound) > missing:
		w = append(w, Warning{"no_audio", "No sound arrives. Check the audio source."})
	}
	return w
}

// keyframes judges where viewers can start.
func keyframes(h *Health) (w []Warning) {
	far := h.KeyframeInterval > longKeyframeGap || h.KeyframeInterval == 0
	switch {
	case h.GradualRefresh && far:
		w = append(w, Warning{
			"intra_refresh",
			"The encoder refreshes the picture little by little (intra refresh) and sends no key pictures. Whoever opens the page later sees nothing: turn intra refresh off and set the keyframe interval to 2 s.",
		})
	case h.KeyframeInterval > longKeyframeGap:
		w = append(w, Warning{"keyframe_gap", fmt.Sprintf(
			"Key pictures are %.0f s apart. Set the keyframe interval of the encoder to 2 s: viewers start and recover faster.",
			h.KeyframeInterval.Seconds())})
	}
	if h.OpenGOP {
		w = append(w, Warning{
			"open_gop",
			"The encoder uses open groups of pictures (open GOP). The pictures in front of each key picture are left out, so that viewers can start there: turn open GOP off for a smooth picture.",
		})
	}
	return w
}
