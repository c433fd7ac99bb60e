package rtmp

import (
	"slices"
	"testing"
	"time"

	"github.com/bluenviron/gortmplib/pkg/amf0"
	"github.com/bluenviron/gortmplib/pkg/message"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/barrage-live/barrage/internal/id"
	"github.com/barrage-live/barrage/internal/media"
	"github.com/barrage-live/barrage/internal/media/mediatest"
	"github.com/barrage-live/barrage/internal/media/segmenter"
	"github.com/barrage-live/barrage/live"
)

// encoder is a publication whose tracks change, on a clock of its own.
type encoder struct {
	to  *toStream
	now time.Time
	got []media.Unit
}

func (e *encoder) keep(u media.Unit, ok bool) {
	if ok {
		e.got = append(e.got, u)
	}
}

// second sends a second of sound, and of pictures of a codec if it is not empty; the first is a key picture
// if key.
func (e *encoder) second(sound, picture media.Codec, key bool) {
	for i := range 10 {
		if picture != "" {
			body := []byte{0, 0, 0, 3, 0x41, 0x9a, 0x80}
			switch {
			case picture == media.VP9 && i == 0 && key:
				body = []byte{0x82, 0x49, 0x83, 0x42, 0x00, 0x13, 0xf0, 0x0b, 0x36, 0x00}
			case picture == media.VP9:
				body = []byte{0x86, 0, 0}
			case i == 0 && key:
				body[4] = 0x65
			}
			at := time.Duration(e.now.UnixNano())
			e.keep(e.to.videoPiece(e.now, &piece{codec: picture, dts: at, pts: at, body: body}))
		}
		if sound != "" {
			e.keep(e.to.audioPiece(e.now, &piece{codec: sound, dts: time.Duration(e.now.UnixNano()), body: []byte{0xfc, 1}}))
		}
		e.now = e.now.Add(100 * time.Millisecond)
	}
}

func (e *encoder) header(c *media.Config) {
	p := &piece{codec: c.Codec, header: true, config: c}
	if c.Codec.Video() {
		e.keep(e.to.videoPiece(e.now, p))
	} else {
		e.keep(e.to.audioPiece(e.now, p))
	}
}

func mono(t *testing.T) *media.Config {
	t.Helper()
	c, err := media.NewAAC([]byte{0x12, 0x08})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// turnCase is what an encoder sends, and what becomes of it: how many units of each track, at which of them
// the tracks change, and which they are at last.
type turnCase struct {
	tracks       []media.Track
	send         func(*encoder)
	units, turns []int
	last         []media.Codec
}

func (c *turnCase) run(t *testing.T) {
	e := &encoder{to: made(c.tracks), now: mediatest.Epoch()}
	c.send(e)
	counts := make([]int, len(c.units))
	var turns []int
	known := c.tracks
	for i, u := range e.got {
		counts[u.Track]++
		if u.Tracks != nil {
			turns, known = append(turns, i), u.Tracks
		}
		if u.Track >= len(known) {
			t.Fatalf("unit %d is of track %d of %d", i, u.Track, len(known))
		}
	}
	var codecs []media.Codec
	for _, k := range known {
		codecs = append(codecs, k.Config.Codec)
	}
	if !slices.Equal(counts, c.units) || !slices.Equal(turns, c.turns) || !slices.Equal(codecs, c.last) {
		t.Errorf("units %v, want %v; turns %v, want %v; %v", counts, c.units, turns, c.turns, codecs)
	}
}

// TestTracksChangeInOneConnection: a publication goes on with other tracks from the unit at which readers can
// begin anew; nothing of the other track is lost, and nothing of the new one comes before.
func TestTracksChangeInOneConnection(t *testing.T) {
	video, sound := mediatest.Video(), mediatest.Audio()
	for name, c := range map[string]turnCase{
		"sound of another format waits for a key picture": {[]media.Track{video, sound}, func(e *encoder) {
			e.second(media.AAC, media.H264, true)
			e.header(mono(t))
			e.second(media.AAC, media.H264, false)
			e.second(media.AAC, media.H264, true)
		}, []int{30, 20}, []int{30}, []media.Codec{media.H264, media.AAC}},
		"but not for ever": {[]media.Track{video, sound}, func(e *encoder) {
			e.second(media.AAC, media.H264, true)
			e.header(mono(t))
			for range 7 {
				e.second(media.AAC, media.H264, false)
			}
		}, []int{80, 20}, []int{81}, []media.Codec{media.H264, media.AAC}},
		"sound alone changes at once": {[]media.Track{sound}, func(e *encoder) {
			e.second(media.AAC, "", false)
			e.header(mono(t))
			e.second(media.AAC, "", false)
		}, []int{20}, []int{10}, []media.Codec{media.AAC}},
		"but once a second": {[]media.Track{sound}, func(e *encoder) {
			e.header(mono(t))
			e.second(media.AAC, "", false)
			e.header(sound.Config)
			e.second(media.AAC, "", false)
			e.header(mono(t))
			e.header(sound.Config)
			e.second(media.AAC, "", false)
		}, []int{30}, []int{0, 10}, []media.Codec{media.AAC}},
		"a format that comes back before it counted": {[]media.Track{video, sound}, func(e *encoder) {
			e.second(media.AAC, media.H264, true)
			e.header(mono(t))
			e.header(sound.Config)
			e.second(media.AAC, media.H264, true)
		}, []int{20, 20}, nil, []media.Codec{media.H264, media.AAC}},
		"pictures join": {[]media.Track{sound}, func(e *encoder) {
			e.second(media.AAC, media.H264, true) // of which nothing is known
			e.header(video.Config)
			e.second(media.AAC, media.H264, false)
			e.second(media.AAC, media.H264, true)
		}, []int{30, 10}, []int{20}, []media.Codec{media.AAC, media.H264}},
		"pictures join that say themselves what they are": {[]media.Track{sound}, func(e *encoder) {
			e.second(media.AAC, "", false)
			e.second(media.AAC, media.VP9, true)
		}, []int{20, 10}, []int{10}, []media.Codec{media.AAC, media.VP9}},
		"sound joins": {[]media.Track{video}, func(e *encoder) {
			e.second(media.AAC, media.H264, true)
			e.header(sound.Config)
			e.second(media.AAC, media.H264, true)
		}, []int{20, 10}, []int{10}, []media.Codec{media.H264, media.AAC}},
		"another codec of pictures": {[]media.Track{video, sound}, func(e *encoder) {
			e.second(media.AAC, media.H264, true)
			e.second(media.AAC, media.VP9, true)
		}, []int{20, 20}, []int{20}, []media.Codec{media.VP9, media.AAC}},
	} {
		t.Run(name, c.run)
	}
}

// TestSoundTurnsWithoutThePictures: sound of another format is heard in the end, whatever the pictures wait
// for.
func TestSoundTurnsWithoutThePictures(t *testing.T) {
	video, sound := mediatest.Video(), mediatest.Audio()
	hevc := mediatest.Encode(t, media.H265, "", 1).Tracks[0].Config
	for name, c := range map[string]turnCase{
		"sound changes while pictures are awaited that never come": {[]media.Track{sound}, func(e *encoder) {
			e.second(media.AAC, "", false)
			e.header(video.Config)
			e.second(media.AAC, "", false)
			e.header(mono(t))
			for range 6 {
				e.second(media.AAC, "", false)
			}
		}, []int{30}, []int{20}, []media.Codec{media.AAC}},
		"and the pictures come after all": {[]media.Track{sound}, func(e *encoder) {
			e.header(video.Config)
			e.header(mono(t))
			for range 7 {
				e.second(media.AAC, media.H264, false)
			}
			e.second(media.AAC, media.H264, true)
		}, []int{20, 10}, []int{0, 10}, []media.Codec{media.AAC, media.H264}},
		"sound changes while another codec never sends a key picture": {[]media.Track{video, sound}, func(e *encoder) {
			e.second(media.AAC, media.H264, true)
			e.header(hevc)
			e.header(mono(t))
			for range 7 {
				e.second(media.AAC, "", false)
			}
		}, []int{10, 20}, []int{20}, []media.Codec{media.H264, media.AAC}},
	} {
		t.Run(name, c.run)
	}
}

// TestSoundJoinsBeforeTheFirstPicture: metadata tell of pictures alone, then both sequence headers come
// before any media. The playlist has both, as the publication has.
func TestSoundJoinsBeforeTheFirstPicture(t *testing.T) {
	at := mediatest.Epoch()
	d := &detector{video: mediatest.Video().Config} // its sequence header has come
	tells := &message.DataAMF0{Payload: amf0.Data{"onMetaData", amf0.Object{{Key: "videocodecid", Value: float64(7)}}}}
	if known, err := d.push(arrived{Message: tells, at: at}); !known || err != nil {
		t.Fatal(known, err)
	}
	s := live.NewStream(id.NewStream(), d.tracks())
	r := s.NewReader() // the packager is there before the first unit
	e := &encoder{to: made(s.Tracks()), now: at}
	e.header(mediatest.Audio().Config)
	for range 6 {
		e.second(media.AAC, media.H264, true)
	}
	for _, u := range e.got {
		if err := s.Write(u); err != nil {
			t.Fatal(err)
		}
	}
	s.Close(nil)
	g := segmenter.New(segmenter.Config{}, at)
	if _, err := g.Begin(r.Tracks()); err != nil {
		t.Fatal(err)
	}
	var published []media.Track
	for u, err := r.Next(t.Context()); err == nil; u, err = r.Next(t.Context()) {
		for _, event := range g.Push(u) {
			if i, ok := event.(*segmenter.Init); ok {
				published = i.Tracks
			}
		}
	}
	if len(published) != 2 || len(r.Tracks()) != 2 {
		t.Errorf("the reader knows %d tracks, the playlist has %d", len(r.Tracks()), len(published))
	}
}

// TestBackToTheFirstCodec: another codec is announced and sends nothing that reading could start with; then
// the first goes on with other parameter sets, more than once. The stream is told of each.
func TestBackToTheFirstCodec(t *testing.T) {
	hevc := mediatest.Encode(t, media.H265, "", 1).Tracks[0].Config
	first, other := mediatest.Video().Config, mediatest.Config(mediatest.OtherSPS(), mediatest.PPS())
	e := &encoder{to: made([]media.Track{mediatest.Video()}), now: mediatest.Epoch()}
	e.second("", media.H264, true)
	for i, c := range []*media.Config{other, other, first} {
		e.got = nil
		e.header(hevc)
		e.header(c)
		e.second("", media.H264, true)
		if len(e.got) != 10 || e.got[0].Tracks != nil {
			t.Fatalf("%d: %d units, the first with tracks %v", i, len(e.got), e.got[0].Tracks)
		}
		if told := e.got[0].Config; i == 1 && told != nil || i != 1 && !told.Equal(c) {
			t.Errorf("%d: told of %+v, want %+v", i, told, c)
		}
	}
}

// TestACodecThatChangesWithinAPicture: a picture that waits for its slices when another codec begins without
// a header is lost, and counted.
func TestACodecThatChangesWithinAPicture(t *testing.T) {
	e := &encoder{to: made([]media.Track{mediatest.Video()}), now: mediatest.Epoch()}
	for i := range 4 {
		at := time.Duration(i/2) * 40 * time.Millisecond
		slice := []byte{0, 0, 0, 3, 0x65, 0x80 >> (i % 2), 1}
		e.keep(e.to.videoPiece(e.now, &piece{codec: media.H264, dts: at, pts: at, body: slice}))
	}
	passed := e.to.metrics.passed.WithLabelValues("other_track")
	before := testutil.ToFloat64(passed)
	e.second("", media.VP9, true)
	if n := testutil.ToFloat64(passed) - before; n != 1 {
		t.Errorf("%v pictures are counted as lost, want 1", n)
	}
}
