// Package mediatest makes deterministic publications for tests: units with exact timestamps whose data
// tell which unit it was. It owns nothing; the tests of every wing that takes media.Units call it.
//
// The pictures are not decodable, only well formed: a slice NAL unit of the right type with the picture's
// number in it. Whoever needs real pictures runs ffmpeg (live/livetest). It promises the same units for the
// same Source, and fails in no way but a panic on parameter sets that a test got wrong.
package mediatest

import (
	"encoding/binary"
	"slices"
	"time"

	"github.com/barrage-live/barrage/internal/media"
)

// Epoch is the instant at which every Source starts to arrive when it names no other.
func Epoch() time.Time { return time.Date(2026, time.November, 21, 6, 0, 0, 0, time.UTC) }

// SPS gives a parameter set of 1920x1080 without a promised frame rate.
func SPS() []byte {
	return []byte{
		0x67, 0x42, 0xc0, 0x28, 0xd9, 0x00, 0x78, 0x02, 0x27, 0xe5, 0x84, 0x00,
		0x00, 0x03, 0x00, 0x04, 0x00, 0x00, 0x03, 0x00, 0xf0, 0x3c, 0x60, 0xc9, 0x20,
	}
}

// OtherSPS gives a parameter set of another level, as after a change of the encoder's settings.
func OtherSPS() []byte {
	b := SPS()
	b[3] = 0x29
	return b
}

// PPS gives the picture parameter set that belongs to both.
func PPS() []byte { return []byte{0x68, 0x06, 0x07, 0x08} }

// Config gives the configuration of H.264 parameter sets, which must be good.
func Config(sps, pps []byte) *media.Config { return must(media.NewH264(sps, pps)) }

// Video is the picture track of every Source; its index is 0.
func Video() media.Track { return media.Track{Config: Config(SPS(), PPS())} }

// Audio is the sound track: AAC-LC, 48 kHz, stereo.
func Audio() media.Track { return media.Track{Config: must(media.NewAAC([]byte{0x11, 0x90}))} }

func must(c *media.Config, err error) *media.Config {
	if err != nil {
		panic(err)
	}
	return c
}

// Source describes a publication. The zero value is 30 pictures a second, an IDR picture every two seconds,
// no B-frames, and no sound.
type Source struct {
	// FPS is the number of pictures a second; 0 means 30. Frame is the duration of one, where FPS cannot
	// say it.
	FPS   int
	Frame time.Duration
	// GOP is the number of pictures from one IDR picture to the next; 0 means two seconds' worth.
	GOP int
	// BFrames is the number of B-frames between two references.
	BFrames int
	// Sound adds an AAC track, NoPictures leaves the video track out.
	Sound, NoPictures bool
	// Start is the arrival of the first unit; the zero value means Epoch.
	Start time.Time
	// From is the first timestamp.
	From time.Duration
	// Size is the bytes of a picture; 0 means 1000. An IDR picture has four times as many.
	Size int
	// Millis rounds timestamps to milliseconds, as RTMP does.
	Millis bool
}

func (s Source) filled() Source {
	if s.FPS == 0 {
		s.FPS = 30
	}
	if s.GOP == 0 {
		s.GOP = 2 * s.FPS
		if s.Frame > 0 {
			s.GOP = int(2 * time.Second / s.Frame)
		}
	}
	if s.Start.IsZero() {
		s.Start = Epoch()
	}
	if s.Size == 0 {
		s.Size = 1000
	}
	return s
}

// Tracks lists the tracks in the order of their indexes.
func (s Source) Tracks() []media.Track {
	var t []media.Track
	if !s.NoPictures {
		t = append(t, Video())
	}
	if s.Sound {
		t = append(t, Audio())
	}
	return t
}

// Units makes the units of a duration, in the order of their arrival, which is real time without delay.
func (s Source) Units(d time.Duration) []media.Unit {
	s = s.filled()
	var out []media.Unit
	audio := 0
	if !s.NoPictures {
		audio = 1
		for i := 0; s.time(i) < d; i++ {
			out = append(out, s.picture(i))
		}
	}
	for i := 0; s.Sound && s.tone(i) < d; i++ {
		out = append(out, s.sound(i, audio))
	}
	slices.SortStableFunc(out, func(a, b media.Unit) int { return a.Arrival.Compare(b.Arrival) })
	return out
}

func (s Source) time(i int) time.Duration {
	if s.Frame > 0 {
		return time.Duration(i) * s.Frame
	}
	return time.Duration(i) * time.Second / time.Duration(s.FPS)
}

func (s Source) tone(i int) time.Duration { return time.Duration(i) * 1024 * time.Second / 48000 }

func (s Source) sound(i, track int) media.Unit {
	t := s.tone(i)
	b := binary.BigEndian.AppendUint32(make([]byte, 0, 340), uint32(i))
	return media.Unit{
		Track: track, DTS: s.stamp(t), PTS: s.stamp(t), Key: true,
		Data: [][]byte{b[:340]}, Arrival: s.Start.Add(t),
	}
}

func (s Source) stamp(t time.Duration) time.Duration {
	if s.Millis {
		t = t.Round(time.Millisecond)
	}
	return s.From + t
}

// picture makes the i-th picture in decode order. References are shown BFrames+1 pictures after they are
// decoded plus one, the B-frames between them at once; an IDR picture is the first of its GOP in both
// orders.
func (s Source) picture(i int) media.Unit {
	at := s.time(i)
	key := i%s.GOP == 0
	nal := byte(0x41)
	size := s.Size
	if key {
		nal, size = 0x65, 4*s.Size
	}
	b := make([]byte, max(size, 8))
	b[0] = nal
	binary.BigEndian.PutUint32(b[1:], uint32(i))
	return media.Unit{
		DTS: s.stamp(at), PTS: s.stamp(s.time(i + s.reorder(i%s.GOP))), Key: key,
		Data: [][]byte{b}, Arrival: s.Start.Add(at),
	}
}

// reorder is how many pictures later than its decoding the n-th picture of a GOP is shown.
func (s Source) reorder(n int) int {
	if s.BFrames == 0 {
		return 0
	}
	if n == 0 {
		return 1
	}
	group := s.BFrames + 1
	left := s.GOP - 1 - (n-1)/group*group // pictures left for this group
	switch k := (n - 1) % group; {
	case k > 0:
		return 0
	default:
		return 1 + min(s.BFrames, left-1)
	}
}

// Shift moves the timestamps of every unit from index on.
func Shift(units []media.Unit, from int, by time.Duration) []media.Unit {
	for i := from; i < len(units); i++ {
		units[i].DTS += by
		units[i].PTS += by
	}
	return units
}

// Swell makes the data of what arrives between two times since the first unit so many times as large.
func Swell(units []media.Unit, from, to time.Duration, times int) []media.Unit {
	for i := range units {
		if at := units[i].Arrival.Sub(units[0].Arrival); at >= from && at < to {
			b := units[i].Data[0]
			units[i].Data = [][]byte{append(slices.Clip(b), make([]byte, (times-1)*len(b))...)}
		}
	}
	return units
}

// Index is the first unit that arrives at or after a time since the source's start.
func Index(units []media.Unit, d time.Duration) int {
	return slices.IndexFunc(units, func(u media.Unit) bool { return u.Arrival.Sub(units[0].Arrival) >= d })
}
