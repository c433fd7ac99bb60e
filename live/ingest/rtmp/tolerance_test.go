package rtmp_test

import (
	"bytes"
	"encoding/binary"
	"slices"
	"testing"
	"time"

	"github.com/abema/go-mp4"
	"github.com/bluenviron/gortmplib/pkg/message"

	"github.com/barrage-live/barrage/internal/media"
	"github.com/barrage-live/barrage/internal/media/mediatest"
	"github.com/barrage-live/barrage/live/livetest"
)

// TestWhatNobodyNeedsIsPassedOver: what encoders, gateways and phones send beside pictures and sound ends no
// broadcast. Each was reported of a real one: see the names.
func TestWhatNobodyNeedsIsPassedOver(t *testing.T) {
	text := func(s string) []byte { return append([]byte{2, 0, byte(len(s))}, s...) }
	date := append([]byte{11}, make([]byte, 10)...)
	for name, b := range map[string][]byte{
		"a date in the metadata":               chunk(5, 18, 14+11, slices.Concat(text("@setDataFram"), date[:10])),
		"a typed object":                       chunk(5, 18, 8, append(text("onFI"), 16)),
		"a long string":                        chunk(5, 18, 8, append(text("onFI"), 12)),
		"metadata in AMF3":                     chunk(5, 15, 8, append([]byte{0}, text("onFI")...)),
		"AMF3 that is none of AMF0":            chunk(5, 15, 3, []byte{0x11, 1, 2}),
		"a command in AMF3":                    chunk(3, 17, 8, append([]byte{0}, text("ping")...)),
		"a shared object":                      chunk(3, 19, 4, []byte{0, 1, 2, 3}),
		"a user control message of no type":    chunk(2, 4, 6, []byte{0, 99, 0, 0, 0, 1}),
		"a user control message of 8 bytes":    chunk(2, 4, 8, []byte{0, 31, 0, 0, 0, 1, 0, 0}),
		"no picture at all":                    chunk(6, 9, 0, nil),
		"a picture of one byte":                chunk(6, 9, 1, []byte{0x27}),
		"a video command":                      chunk(6, 9, 2, []byte{0x57, 0}),
		"a picture without bytes":              chunk(6, 9, 5, []byte{0x27, 1, 0, 0, 0}),
		"no sound at all":                      chunk(7, 8, 0, nil),
		"sound of one byte":                    chunk(7, 8, 1, []byte{0xaf}),
		"sound without bytes":                  chunk(7, 8, 2, []byte{0xaf, 1}),
		"a message of no type":                 chunk(3, 99, 3, []byte{1, 2, 3}),
		"a chunk stream of two bytes":          append([]byte{0, 200}, chunk(0, 99, 3, []byte{1, 2, 3})[1:]...),
		"a chunk stream of three bytes":        append([]byte{1, 200, 7}, chunk(0, 99, 3, []byte{1, 2, 3})[1:]...),
		"control on a chunk stream of its own": chunk(9, 4, 6, []byte{0, 3, 0, 0, 0, 1}),
	} {
		t.Run(name, func(t *testing.T) {
			w := livetest.New(t, livetest.Config{})
			p := publish(t, w, "a")
			p.play(mediatest.Source{Sound: true}, time.Second)
			r := reader(t, w, "a")
			for i := range 60 {
				p.raw(b)
				if err := p.unit(media.Unit{Track: 1, DTS: time.Second + time.Duration(i)*21*time.Millisecond, Data: [][]byte{{1, 2, 3}}}); err != nil {
					t.Fatal(err)
				}
			}
			for next(t, r).DTS < time.Second+59*21*time.Millisecond {
				continue
			}
		})
	}
}

// TestByteStreams: an encoder that leaves the start codes of a byte stream in its pictures, with its sets
// inside them and a sequence header that is none, is seen.
func TestByteStreams(t *testing.T) {
	w := livetest.New(t, livetest.Config{})
	p := publish(t, w, "a")
	p.send(metadata(7, 0))
	start := []byte{0, 0, 0, 1}
	sets := slices.Concat(start, mediatest.SPS(), start, mediatest.PPS())
	head := chunk(6, 9, 5+len(sets), []byte{0x17, 0, 0, 0, 0})
	p.raw(append(head, sets...))
	for i := range 60 {
		tag, nal := byte(0x27), []byte{0x41, 0x80, byte(i)}
		body := slices.Concat(start, nal)
		if i%30 == 0 {
			tag, body = 0x17, slices.Concat(sets, start, []byte{0x65, 0x80, byte(i)})
		}
		b := append(chunk(6, 9, 5+len(body), []byte{tag, 1, 0, 0, 0}), body...)
		b[2], b[3] = byte(i*40>>8), byte(i*40)
		p.raw(b)
	}
	r := reader(t, w, "a")
	u := next(t, r)
	for u.DTS < 59*40*time.Millisecond {
		u = next(t, r)
	}
	if len(u.Data) != 1 || !bytes.Equal(u.Data[0], []byte{0x41, 0x80, 59}) {
		t.Errorf("the last picture: %x", u.Data)
	}
}

// TestSeveralParameterSets: an encoder whose sequence header has two picture parameter sets is carried with
// both, in the header and in every key picture that comes without.
func TestSeveralParameterSets(t *testing.T) {
	w := livetest.New(t, livetest.Config{})
	p := publish(t, w, "a")
	other := append(slices.Clone(mediatest.PPS()), 0x80)
	m := avc(mediatest.SPS(), mediatest.PPS())
	m.AVCConfig.NumOfPictureParameterSets = 2
	m.AVCConfig.PictureParameterSets = append(m.AVCConfig.PictureParameterSets, mp4.AVCParameterSet{Length: uint16(len(other)), NALUnit: other})
	p.send(metadata(7, 0))
	p.send(m)
	for _, at := range []time.Duration{0, time.Second} {
		if err := p.unit(media.Unit{DTS: at, PTS: at, Key: true, Data: [][]byte{{0x65, 0x80}}}); err != nil {
			t.Fatal(err)
		}
	}
	r := reader(t, w, "a")
	want := [][]byte{mediatest.SPS(), mediatest.PPS(), other}
	if got := w.Live("a").Tracks()[0].Config.ParameterSets(); !slices.EqualFunc(got, want, bytes.Equal) {
		t.Errorf("the track has %x", got)
	}
	if u := next(t, r); len(u.Data) != 4 || !slices.EqualFunc(u.Data[:3], want, bytes.Equal) {
		t.Errorf("a key picture has %x", u.Data)
	}
}

// TestWhatAnAggregateHoldsIsBounded: a tag in an aggregate is no longer than a message of its kind may be,
// and costs as much. The library reads lists within lists by recursion: a long one would take the stack of
// the process.
func TestWhatAnAggregateHoldsIsBounded(t *testing.T) {
	w := livetest.New(t, livetest.Config{})
	tag := func(kind byte, body []byte) []byte {
		n := len(body)
		b := append([]byte{kind, byte(n >> 16), byte(n >> 8), byte(n), 0, 0, 0, 0, 0, 0, 0}, body...)
		return append(b, 0, 0, 0, 0)
	}
	for i, c := range []struct {
		code string
		body []byte
	}{
		{"message_too_long", tag(18, bytes.Repeat([]byte{3, 0, 1, 97}, 1<<20))},
		{"bitrate_too_high", bytes.Repeat(tag(8, []byte{0xaf, 1, 7}), 400_000)},
	} {
		p := publish(t, w, "a")
		p.play(mediatest.Source{Sound: true}, time.Second)
		p.raw(setChunkSize(16 << 20))
		_, _ = p.nc.Write(chunk(7, 22, len(c.body), c.body)) // it may be refused before all has come
		counted(t, w, c.code, 1)
		if !p.closed() {
			t.Errorf("case %d: the connection stays open", i)
		}
	}
}

// TestLengthsAreThoseOfTheVideo: a header of sound says nothing of the lengths of NAL units.
func TestLengthsAreThoseOfTheVideo(t *testing.T) {
	w := livetest.New(t, livetest.Config{})
	p := publish(t, w, "a")
	m := avc(mediatest.SPS(), mediatest.PPS())
	m.AVCConfig.LengthSizeMinusOne = 1
	p.send(metadata(7, 10))
	p.send(m)
	p.send(aac())
	for i := range 3 {
		at := time.Duration(i) * time.Second
		p.send(&message.Video{
			ChunkStreamID: message.VideoChunkStreamID, MessageStreamID: 0x1000000, Codec: message.CodecH264,
			IsKeyFrame: true, Type: message.VideoTypeAU, DTS: at, AU: []byte{0, 2, 0x65, 0x80},
		})
	}
	r := reader(t, w, "a")
	if u := next(t, r); !u.Key || len(u.Data) != 3 {
		t.Errorf("got %+v", u)
	}
}

// TestAnEmptyHeaderEndsNothing: a sequence header without parameter sets, in the middle, is passed over.
func TestAnEmptyHeaderEndsNothing(t *testing.T) {
	w := livetest.New(t, livetest.Config{})
	p := publish(t, w, "a")
	p.play(mediatest.Source{Sound: true}, time.Second)
	r := reader(t, w, "a")
	p.raw(chunk(9, 9, 12, []byte("\x17\x00\x00\x00\x00\x01\x64\x00\x1f\xff\xe0\x00")))
	for i := range 3 {
		if err := p.unit(media.Unit{Track: 1, DTS: time.Second + time.Duration(i)*time.Second, Data: [][]byte{{1, 2, 3}}}); err != nil {
			t.Fatal(err)
		}
	}
	for next(t, r).DTS < 3*time.Second {
		continue
	}
}

// TestKeyPicturesOfOpenGroups: where only the type of the frame tells that a picture of H.264 which refers to
// no other is a key picture (FLV 10.1, annex E.4.3.1), it is one, and decoders are told; what is shown before
// it and comes after it is left out.
func TestKeyPicturesOfOpenGroups(t *testing.T) {
	w := livetest.New(t, livetest.Config{})
	p := publish(t, w, "a")
	p.send(metadata(7, 0))
	p.send(avc(mediatest.SPS(), mediatest.PPS()))
	r := reader(t, w, "a")
	const frame = 40 * time.Millisecond
	for i, u := range []media.Unit{
		{Key: true, PTS: 3 * frame, Data: [][]byte{{0x41, 0x88, 0x80}}}, // of type I
		{PTS: frame, Data: [][]byte{{0x01, 0x9f, 0x80}}},
		{PTS: 2 * frame, Data: [][]byte{{0x01, 0x9f, 0x81}}},
		{PTS: 6 * frame, Data: [][]byte{{0x41, 0x9a, 0x80}}},
		{PTS: 4 * frame, Data: [][]byte{{0x01, 0x9f, 0x82}}},
	} {
		u.DTS = time.Duration(i) * frame
		if err := p.unit(u); err != nil {
			t.Fatal(err)
		}
	}
	first := next(t, r)
	if !first.Key || !first.Open || len(first.Data) != 4 || first.Data[2][0] != 6 {
		t.Errorf("the key picture is %+v", first)
	}
	for _, want := range []time.Duration{6 * frame, 4 * frame} {
		if u := next(t, r); u.Key || u.PTS != want {
			t.Errorf("got %+v, want the picture of %v", u, want)
		}
	}
}

// TestTracksThatComeLate: a camera that sends two seconds of sound before any picture, or pictures before any
// sound, and one that changes the format of its sound, publish on in the connection they have.
func TestTracksThatComeLate(t *testing.T) {
	w := livetest.New(t, livetest.Config{})
	p := publish(t, w, "a")
	sound := func(at time.Duration) {
		m := aac()
		m.AACType, m.AACConfig, m.AU, m.DTS = message.AudioAACTypeAU, nil, []byte{1, 2, 3}, at
		p.send(m)
	}
	p.send(metadata(0, 10))
	p.send(aac())
	sound(0)
	r := reader(t, w, "a")
	p.send(avc(mediatest.SPS(), mediatest.PPS()))
	for i, u := range []media.Unit{{Key: true, Data: [][]byte{{0x65, 0x80}}}, {Data: [][]byte{{0x41, 0x9a, 0x80}}}} {
		u.DTS = 2*time.Second + time.Duration(i)*40*time.Millisecond
		u.PTS = u.DTS
		if err := p.unit(u); err != nil {
			t.Fatal(err)
		}
	}
	if u := next(t, r); u.Track != 0 || u.Tracks != nil {
		t.Errorf("the sound is %+v", u)
	}
	if u := next(t, r); u.Track != 1 || !u.Key || len(u.Tracks) != 2 {
		t.Errorf("the first picture is %+v", u)
	}
	if u := next(t, r); u.Track != 1 || u.Tracks != nil {
		t.Errorf("the second picture is %+v", u)
	}
	if s := w.Live("a"); len(s.Tracks()) != 2 || s.Err() != nil {
		t.Errorf("the stream has %d tracks, %v", len(s.Tracks()), s.Err())
	}
}

// TestPingsAndAcknowledgements: a client hears at its own request how much has come, and an answer to its
// pings, whatever of what it sends the library never sees.
func TestPingsAndAcknowledgements(t *testing.T) {
	w := livetest.New(t, livetest.Config{})
	p := publish(t, w, "a")
	p.raw(chunk(2, 5, 4, binary.BigEndian.AppendUint32(nil, 5000)))
	p.raw(chunk(2, 4, 6, []byte{0, 6, 1, 2, 3, 4}))
	nothing := chunk(3, 99, 100, make([]byte, 100)) // which nobody reads
	p.raw(bytes.Repeat(nothing, 200))
	pong, last := false, uint32(0)
	for !pong || last < 20_000 {
		m, err := p.Read()
		if err != nil {
			t.Fatalf("pong %v, acknowledged %d: %v", pong, last, err)
		}
		switch m := m.(type) {
		case *message.UserControlPingResponse:
			pong = m.ServerTime == 0x01020304
		case *message.Acknowledge:
			if m.Value < last+5000 {
				t.Errorf("acknowledged %d after %d", m.Value, last)
			}
			last = m.Value
		}
	}
}

// TestAggregates: pictures and sound that come several in a message are units like any other.
func TestAggregates(t *testing.T) {
	w := livetest.New(t, livetest.Config{})
	p := publish(t, w, "a")
	p.play(mediatest.Source{Sound: true}, time.Second)
	r := reader(t, w, "a")
	tag := func(kind byte, at uint32, body string) []byte {
		b := []byte{kind, 0, 0, byte(len(body)), byte(at >> 16), byte(at >> 8), byte(at), 0, 0, 0, 0}
		return append(append(b, body...), 0, 0, 0, byte(11+len(body)))
	}
	both := slices.Concat(tag(8, 7, "\xaf\x01abc"), tag(8, 28, "\xaf\x01def"))
	b := chunk(7, 22, len(both), both)
	b[1], b[2], b[3] = 0, 0x07, 0xd0 // 2000 ms
	p.raw(b)
	for _, want := range []time.Duration{2000 * time.Millisecond, 2021 * time.Millisecond} {
		u := next(t, r)
		for u.DTS < 2*time.Second {
			u = next(t, r)
		}
		if u.Track != 1 || u.DTS != want || len(u.Data[0]) != 3 {
			t.Errorf("got %+v, want one at %v", u, want)
		}
	}
}
