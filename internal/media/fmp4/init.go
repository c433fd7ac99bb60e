package fmp4

import (
	"github.com/bluenviron/mediacommon/v2/pkg/formats/fmp4"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/fmp4/seekablebuffer"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/mp4/codecs"

	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/media"
)

// VideoScale is the number of ticks per second of every video track.
const VideoScale = 90000

// TimeScale is the number of ticks per second of a track: 90 kHz for video, the sampling rate for audio, so
// that an audio frame is a whole number of ticks.
func TimeScale(t media.Track) (uint32, error) {
	if t.Codec.Video() {
		return VideoScale, nil
	}
	a, err := media.ParseAudio(t)
	return uint32(a.Rate), err
}

// Init writes the initialization segment (ftyp and moov) of the tracks. Track i of the slice gets track_ID
// i+1. It fails with fault.Invalid when a track's configuration cannot be read. The caller owns the bytes.
func Init(tracks []media.Track) ([]byte, error) {
	var in fmp4.Init
	for i, t := range tracks {
		if err := t.Validate(); err != nil {
			return nil, err
		}
		scale, err := TimeScale(t)
		if err != nil {
			return nil, err
		}
		it := &fmp4.InitTrack{ID: i + 1, TimeScale: scale}
		if t.Codec.Video() {
			it.Codec = &codecs.H264{SPS: t.SPS, PPS: t.PPS}
		} else {
			a, _ := media.ParseAudio(t)
			it.Codec = &codecs.MPEG4Audio{Config: a.Config}
		}
		in.Tracks = append(in.Tracks, it)
	}
	var b seekablebuffer.Buffer
	if err := in.Marshal(&b); err != nil {
		return nil, fault.Wrap(fault.Invalid, "bad_track", "the tracks cannot be described in an init segment", err)
	}
	return b.Bytes(), nil
}
