package media

import (
	"fmt"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/vp9"
)

// NewVP9 makes the Config of a key frame: nothing else says how large the picture is. The level is that of
// the size, whatever the encoder promised, so that equal pictures make equal records.
func NewVP9(key []byte) (*Config, error) {
	var h vp9.Header
	if err := h.Unmarshal(key); err != nil {
		return nil, badVideo("the VP9 key frame cannot be read", err)
	}
	if h.ColorConfig == nil || h.FrameSize == nil {
		return nil, badVideo("the VP9 frame is no key frame", nil)
	}
	level := vp9Level(h.Width() * h.Height())
	color := byte(2) // unspecified
	if h.ColorConfig.ColorSpace == 2 {
		color = 1 // BT.709
	}
	depth := h.ColorConfig.BitDepth
	record := []byte{ // VP codecs in ISO files, version 1
		1, 0, 0, 0, h.Profile, level, depth<<4 | h.ChromaSubsampling()<<1 | bit(h.ColorConfig.ColorRange, 0),
		color, color, color, 0, 0,
	}
	return checked(&Config{
		Codec: VP9, Record: record, Name: fmt.Sprintf("vp09.%02d.%02d.%02d", h.Profile, level, depth),
		Width: h.Width(), Height: h.Height(),
	})
}

// vp9Level is the lowest level that allows 60 pictures a second of a size (VP9 levels, largest luma sample
// rate).
func vp9Level(pixels int) byte {
	levels := [...]byte{10, 11, 20, 21, 30, 31, 40, 41, 50, 51, 52, 61}
	for i, rate := range [...]int{
		829_440, 2_764_800, 4_608_000, 9_216_000, 20_736_000, 36_864_000,
		83_558_400, 160_432_128, 311_951_360, 588_251_136, 1_176_502_272, 2_353_004_544,
	} {
		if pixels*60 <= rate {
			return levels[i]
		}
	}
	return 62
}

// vp9Frame reports whether a frame, or the first of a superframe, is a key frame, and whether it is one at
// all.
func vp9Frame(frame []byte) (key, ok bool) {
	var h vp9.Header
	if h.Unmarshal(frame) != nil {
		return false, false
	}
	return !h.NonKeyFrame && !h.ShowExistingFrame, true
}
