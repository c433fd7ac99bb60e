package media_test

import (
	"bytes"
	"encoding/hex"
	"slices"
	"testing"

	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/media"
	"github.com/barrage-live/barrage/internal/media/mediatest"
)

// TestRecordsAreThoseOfFFmpeg compares what is made of a stream with what ffmpeg wrote of the same.
func TestRecordsAreThoseOfFFmpeg(t *testing.T) {
	for _, c := range []struct{ video, audio media.Codec }{{media.H264, media.AAC}, {media.AV1, media.Opus}, {media.VP9, ""}, {media.H265, ""}} {
		e := mediatest.Encode(t, c.video, c.audio, 1)
		for i, track := range e.Tracks {
			got, want := slices.Clone(track.Config.Record), slices.Clone(e.Records[i])
			switch track.Config.Codec { //nolint:exhaustive // the others agree to the last byte
			case media.VP9:
				got[5], want[5] = 0, 0 // the level: that of 60 pictures a second, ffmpeg knows of 30
			case media.H265:
				got, want = got[:22], want[:22]                                            // before the arrays: ffmpeg adds the name of the encoder
				got[13], got[14], got[15], want[13], want[14], want[15] = 0, 0, 0, 0, 0, 0 // and knows of threads
				got[21], want[21] = 0, 0
			}
			if !bytes.Equal(got, want) {
				t.Errorf("%s: %x, ffmpeg wrote %x", track.Config.Codec, got, want)
			}
		}
	}
}

// TestConfigsFollowThePictures finds in the pictures themselves what they were announced with.
func TestConfigsFollowThePictures(t *testing.T) {
	for _, codec := range []media.Codec{media.H264, media.H265, media.AV1, media.VP9} {
		e := mediatest.Encode(t, codec, "", 2)
		first, p := e.Tracks[0].Config, media.NewPictures(e.Tracks[0].Config)
		keys := 0
		for _, u := range e.Units(mediatest.Epoch()) {
			got := media.Unit{}
			if !p.Fill(&got, u.Data) || got.Key != u.Key || got.Config != nil {
				t.Fatalf("%s at %v: key %v, want %v, config %v", codec, u.DTS, got.Key, u.Key, got.Config)
			}
			if !got.Key {
				continue
			}
			keys++
			if c := media.ConfigOf(codec, got.Data); !c.Equal(first) {
				t.Errorf("%s: the key picture at %v says %+v, want %+v", codec, u.DTS, c, first)
			}
		}
		if keys != 2 {
			t.Errorf("%s: %d key pictures in 2 s", codec, keys)
		}
	}
}

// TestAnotherConfigIsMarked changes the size of the picture, beside the pictures and inside of them.
func TestAnotherConfigIsMarked(t *testing.T) {
	for _, codec := range []media.Codec{media.H264, media.H265, media.AV1, media.VP9} {
		small := mediatest.Encode(t, codec, "", 1)
		large := mediatest.Encode(t, codec, "", 1, "-s", "640x360")
		for _, beside := range []bool{true, false} {
			p := media.NewPictures(small.Tracks[0].Config)
			if beside {
				p.Use(large.Tracks[0].Config)
			}
			marked := 0
			for i, u := range large.Units(mediatest.Epoch()) {
				data := u.Data
				if i == 0 && !beside && (codec == media.H264 || codec == media.H265) {
					data = slices.Concat(large.Tracks[0].Config.ParameterSets(), data)
				}
				got := media.Unit{}
				if !p.Fill(&got, data) {
					t.Fatalf("%s: no picture at %v", codec, u.DTS)
				}
				if got.Config != nil {
					marked++
					if i > 0 || got.Config.Width != 640 || !got.Config.Equal(large.Tracks[0].Config) {
						t.Errorf("%s: at %v %+v is marked", codec, u.DTS, got.Config)
					}
				}
			}
			if marked != 1 {
				t.Errorf("%s, beside %v: %d marks", codec, beside, marked)
			}
		}
	}
}

func TestAAC(t *testing.T) {
	for _, c := range []struct {
		name, asc, codec string
		channels, rate   int
		refused          bool
	}{
		{name: "LC", asc: "1190", codec: "mp4a.40.2", channels: 2, rate: 48000},
		{name: "LC with an empty extension behind", asc: "119056e500", codec: "mp4a.40.2", channels: 2, rate: 48000},
		{name: "HE-AAC, announced behind", asc: "131056e598", codec: "mp4a.40.5", channels: 2, rate: 24000},
		{name: "HE-AAC v2, announced behind", asc: "130856e59d4880", codec: "mp4a.40.29", channels: 1, rate: 24000},
		{name: "HE-AAC", asc: "2b11880000", codec: "mp4a.40.5", channels: 2, rate: 24000},
		{name: "HE-AAC v2", asc: "eb098800", codec: "mp4a.40.29", channels: 1, rate: 24000},
		{name: "5.1(side) of ffmpeg", asc: "118004c844002000c40d4c61766335392e33372e31303056e500", refused: true},
		{name: "5.1 of ffmpeg", asc: "11b056e500", codec: "mp4a.40.2", channels: 6, rate: 48000},
		{name: "7.1", asc: "11b856e500", codec: "mp4a.40.2", channels: 8, rate: 48000},
		{name: "2.1", asc: "118004c4010020000d4c61766335392e33372e31303056e500", refused: true},
		{name: "no channels told", asc: "1180", refused: true},
		{name: "xHE-AAC", asc: "f94640", refused: true},
		{name: "nothing", asc: "", refused: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			asc, err := hex.DecodeString(c.asc)
			if err != nil {
				t.Fatal(err)
			}
			got, err := media.NewAAC(asc)
			if c.refused {
				if fault.CodeOf(err) != "bad_audio_config" {
					t.Fatalf("got %+v, %v", got, err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got.Name != c.codec || got.Channels != c.channels || got.Rate != c.rate || !bytes.Equal(got.Record, asc) {
				t.Errorf("got %+v", got)
			}
		})
	}
}

func TestConfigsThatAreRefused(t *testing.T) {
	sps, pps := mediatest.SPS(), mediatest.PPS()
	for name, f := range map[string]func() (*media.Config, error){
		"bad_video_config H.264 without sets": func() (*media.Config, error) { return media.NewH264(nil, nil) },
		"bad_video_config H.264 cut":          func() (*media.Config, error) { return media.NewH264(sps[:6], pps) },
		"bad_video_config H.265 without sets": func() (*media.Config, error) { return media.NewH265(sps, sps, nil) },
		"bad_video_config AV1":                func() (*media.Config, error) { return media.NewAV1([]byte{0x0a, 0x01}) },
		"bad_video_config VP9, no key frame":  func() (*media.Config, error) { return media.NewVP9([]byte{0x86, 0, 0, 0}) },
		"bad_audio_config Opus":               func() (*media.Config, error) { return media.NewOpus([]byte("OpusHead")) },
		"bad_audio_config Opus, channels": func() (*media.Config, error) {
			return media.NewOpus([]byte("OpusHead\x01\x06\x00\x00\x80\xbb\x00\x00\x00\x00\x00"))
		},
		"codec_unsupported of nothing": func() (*media.Config, error) { var c *media.Config; return c, c.Validate() },
		"codec_unsupported":            func() (*media.Config, error) { c := &media.Config{Codec: "theora"}; return c, c.Validate() },
		"bad_audio_config empty":       func() (*media.Config, error) { c := &media.Config{Codec: media.AAC}; return c, c.Validate() },
	} {
		if _, err := f(); err == nil || fault.KindOf(err) != fault.Invalid || name[:len(fault.CodeOf(err))] != fault.CodeOf(err) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// FuzzConfigs holds that nothing that a stranger sends of itself panics, and that what is accepted is
// complete and gives back what it was made of.
func FuzzConfigs(f *testing.F) {
	f.Add([]byte{0x11, 0x90}, mediatest.SPS(), mediatest.PPS())
	f.Add([]byte("OpusHead\x01\x02\x38\x01\x80\xbb\x00\x00\x00\x00\x00"), []byte{0x0a, 0x0b, 0, 0, 0, 1, 2, 3}, []byte{0x12, 0})
	f.Add([]byte{0}, []byte{0x0a, 0x0b, 2, 0, 0, 5, 0x21, 0xe7, 0xf6, 0x62, 0x57, 0xc8, 2}, []byte{0x12, 0})
	f.Add([]byte{0x82, 0x49, 0x83, 0x42, 0, 0x13, 0xf0, 0x0b, 0x36}, []byte{0x40, 1, 2, 3}, []byte{0x42, 1, 2, 3})
	f.Fuzz(func(t *testing.T, a, b, c []byte) {
		whole := func(config *media.Config, err error) {
			if err != nil {
				return
			}
			if err := config.Validate(); err != nil {
				t.Errorf("%+v is not complete: %v", config, err)
			}
			if config.Codec.Video() {
				media.NewPictures(config).Fill(&media.Unit{}, [][]byte{a, b, c})
			}
		}
		whole(media.NewAAC(a))
		whole(media.NewOpus(a))
		whole(media.NewVP9(a))
		whole(media.NewAV1(b))
		whole(media.NewH264(b, c))
		whole(media.NewH265(a, b, c))
		media.OpusDuration(a)
		obus, ok := media.OBUs(b)
		for _, codec := range []media.Codec{media.H264, media.H265, media.VP9, media.AAC} {
			media.ConfigOf(codec, [][]byte{a, b, c})
		}
		if ok {
			media.ConfigOf(media.AV1, obus)
		}
	})
}
