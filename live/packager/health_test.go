package packager

import (
	"slices"
	"testing"
	"time"

	"github.com/barrage-live/barrage/live"
)

// TestWarnings judges publications by what was measured of them.
func TestWarnings(t *testing.T) {
	begun := time.Date(2026, time.November, 21, 6, 0, 0, 0, time.UTC)
	now := begun.Add(time.Minute)
	good := Health{
		Stats: live.Stats{
			Units: 1, KeyframeInterval: 2 * time.Second, FirstArrival: begun, LastArrival: now, LastPicture: now, LastSound: now,
		},
		VideoCodec: "avc1.64001f", AudioCodec: "mp4a.40.2",
	}
	for name, c := range map[string]struct {
		change func(*Health)
		want   []string
	}{
		"nothing":                            {func(*Health) {}, nil},
		"no picture announced":               {func(h *Health) { h.VideoCodec = "" }, []string{"no_video"}},
		"pictures that never came":           {func(h *Health) { h.LastPicture, h.KeyframeInterval = time.Time{}, 0 }, []string{"no_video"}},
		"pictures that stopped":              {func(h *Health) { h.LastPicture = now.Add(-6 * time.Second) }, []string{"no_video"}},
		"pictures that are a little late":    {func(h *Health) { h.LastPicture = now.Add(-4 * time.Second) }, nil},
		"no sound announced":                 {func(h *Health) { h.AudioCodec = "" }, []string{"no_audio"}},
		"sound that stopped":                 {func(h *Health) { h.LastSound = now.Add(-6 * time.Second) }, []string{"no_audio"}},
		"what cannot be read":                {func(h *Health) { h.Unreadable = 3 }, []string{"unreadable"}},
		"nothing but what cannot be read":    {func(h *Health) { h.Unreadable, h.Units = 3, 0 }, []string{"unreadable"}},
		"key pictures far apart":             {func(h *Health) { h.KeyframeInterval = 5 * time.Second }, []string{"keyframe_gap"}},
		"open groups":                        {func(h *Health) { h.OpenGOP = true }, []string{"open_gop"}},
		"refresh without key pictures":       {func(h *Health) { h.GradualRefresh, h.KeyframeInterval = true, 0 }, []string{"intra_refresh"}},
		"refresh and few key pictures":       {func(h *Health) { h.GradualRefresh, h.KeyframeInterval = true, time.Minute }, []string{"intra_refresh"}},
		"refresh between many key pictures":  {func(h *Health) { h.GradualRefresh = true }, nil},
		"a publication that has just begun":  {func(h *Health) { *h = Health{VideoCodec: "avc1.64001f"} }, nil},
		"one whose first pictures are to be": {func(h *Health) { h.LastPicture, h.FirstArrival = time.Time{}, now.Add(-time.Second) }, nil},
	} {
		h := good
		c.change(&h)
		var codes []string
		for _, w := range warnings(&h) {
			codes = append(codes, w.Code)
		}
		if !slices.Equal(codes, c.want) {
			t.Errorf("%s: %v, want %v", name, codes, c.want)
		}
	}
}
