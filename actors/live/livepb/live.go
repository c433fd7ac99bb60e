// Package livepb is what messages say of a publication, and how it is made of the values that it stands for.
//
// It owns the form alone. It promises that what one side puts in, the other side takes out. It refuses only
// what no publication could have, with an error for the decoder of the message around it.
package livepb

import (
	"errors"
	"math"

	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/barrage-live/barrage/internal/media/segmenter"
	"github.com/barrage-live/barrage/internal/moment"
	"github.com/barrage-live/barrage/live"
	"github.com/barrage-live/barrage/live/packager"
)

var errRate = errors.New("a rate of pictures is a number")

// OfHealth makes the health of a message.
func OfHealth(h packager.Health) *Health {
	m := &Health{
		BitrateBps: int64(h.BitrateBPS), Fps: h.FPS, KeyframeInterval: durationpb.New(h.KeyframeInterval), BFrames: h.BFrames,
		FirstArrival: moment.Proto(h.FirstArrival), LastArrival: moment.Proto(h.LastArrival), Units: h.Units, Bytes: h.Bytes,
		Width: int64(h.Width), Height: int64(h.Height), VideoCodec: h.VideoCodec, AudioCodec: h.AudioCodec,
		OpenGop: h.OpenGOP, GradualRefresh: h.GradualRefresh, Unreadable: int64(h.Unreadable),
		LastPicture: moment.Proto(h.LastPicture), LastSound: moment.Proto(h.LastSound),
		Counters: &Counters{
			Jumps: h.Counters.Jumps, Glitches: h.Counters.Glitches, Clamped: h.Counters.Clamped, AudioDropped: h.Counters.AudioDropped,
			Holes: h.Counters.Holes, HardCuts: h.Counters.HardCuts, PicturesDropped: h.Counters.PicturesDropped,
		},
	}
	for _, w := range h.Warnings {
		m.Warnings = append(m.Warnings, &Warning{Code: w.Code, Message: w.Message})
	}
	return m
}

// ToHealth takes it out; no warnings are nil.
func ToHealth(m *Health) (packager.Health, error) {
	if math.IsNaN(m.GetFps()) {
		return packager.Health{}, errRate
	}
	c := m.GetCounters()
	h := packager.Health{
		Stats: live.Stats{
			BitrateBPS: int(m.GetBitrateBps()), FPS: m.GetFps(), KeyframeInterval: m.GetKeyframeInterval().AsDuration(), BFrames: m.GetBFrames(),
			FirstArrival: moment.Time(m.GetFirstArrival()), LastArrival: moment.Time(m.GetLastArrival()), Units: m.GetUnits(), Bytes: m.GetBytes(),
			OpenGOP: m.GetOpenGop(), GradualRefresh: m.GetGradualRefresh(), Unreadable: int(m.GetUnreadable()),
			LastPicture: moment.Time(m.GetLastPicture()), LastSound: moment.Time(m.GetLastSound()),
		},
		Width: int(m.GetWidth()), Height: int(m.GetHeight()), VideoCodec: m.GetVideoCodec(), AudioCodec: m.GetAudioCodec(),
		Counters: segmenter.Counters{
			Jumps: c.GetJumps(), Glitches: c.GetGlitches(), Clamped: c.GetClamped(), AudioDropped: c.GetAudioDropped(),
			Holes: c.GetHoles(), HardCuts: c.GetHardCuts(), PicturesDropped: c.GetPicturesDropped(),
		},
	}
	for _, w := range m.GetWarnings() {
		h.Warnings = append(h.Warnings, packager.Warning{Code: w.GetCode(), Message: w.GetMessage()})
	}
	return h, nil
}
