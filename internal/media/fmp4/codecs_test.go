package fmp4_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/Eyevinn/mp4ff/mp4"
	library "github.com/bluenviron/mediacommon/v2/pkg/formats/fmp4"

	"github.com/barrage-live/barrage/internal/media"
	"github.com/barrage-live/barrage/internal/media/fmp4"
	"github.com/barrage-live/barrage/internal/media/mediatest"
)

// write makes a file of a publication: the init segment and one part.
func write(e *mediatest.Encoded) []byte {
	var runs []fmp4.Run
	for i, t := range e.Tracks {
		scale := int64(fmp4.TimeScale(t.Config))
		ticks := func(d time.Duration) int64 { return (int64(d)*scale + int64(time.Second)/2) / int64(time.Second) }
		run := fmp4.Run{Track: uint32(i + 1), Codec: t.Config.Codec}
		units := slices.DeleteFunc(e.Units(time.Time{}), func(u media.Unit) bool { return u.Track != i })
		for k, u := range units {
			s := fmp4.Sample{Offset: int32(ticks(u.PTS) - ticks(u.DTS)), Sync: u.Key, Data: u.Data, Duration: uint32(scale / 30)}
			if !t.Config.Codec.Video() {
				s.Duration = 960
			}
			if k+1 < len(units) {
				s.Duration = uint32(ticks(units[k+1].DTS) - ticks(u.DTS))
			}
			run.Samples = append(run.Samples, s)
		}
		runs = append(runs, run)
	}
	return fmp4.AppendPart(fmp4.Init(e.Tracks), 1, runs)
}

// probed is what ffprobe says of one track.
type probed struct {
	Codec    string `json:"codec_name"`
	Tag      string `json:"codec_tag_string"`
	Profile  string `json:"profile"`
	Width    int    `json:"width"`
	Height   int    `json:"height"`
	Rate     string `json:"sample_rate"`
	Channels int    `json:"channels"`
	Frames   string `json:"nb_read_frames"`
}

// probe lets ffprobe decode a file whole.
func probe(t *testing.T, b []byte) []probed {
	t.Helper()
	file := filepath.Join(t.TempDir(), "made.mp4")
	if err := os.WriteFile(file, b, 0o600); err != nil {
		t.Fatal(err)
	}
	var stderr bytes.Buffer
	cmd := exec.CommandContext(t.Context(), "ffprobe", "-v", "warning", "-count_frames", "-show_streams", "-of", "json", file)
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil || stderr.Len() > 0 {
		t.Fatalf("ffprobe: %v\n%s", err, &stderr)
	}
	var p struct{ Streams []probed }
	if err := json.Unmarshal(out, &p); err != nil {
		t.Fatal(err)
	}
	return p.Streams
}

// TestEveryCodec writes real elementary streams and has them read by three others: mp4ff finds the records as
// the encoder's program wrote them and every sample, mediacommon the codecs, ffprobe decodes every frame.
func TestEveryCodec(t *testing.T) {
	for _, c := range []struct {
		video, audio media.Codec
		names        []string
		streams      []string // as ffprobe calls them
		tags         []string
	}{
		{media.H264, media.AAC, []string{"avc1.42c00d", "mp4a.40.2"}, []string{"h264", "aac"}, []string{"avc1", "mp4a"}},
		{media.H265, media.AAC, []string{"hvc1.1.6.L60.90", "mp4a.40.2"}, []string{"hevc", "aac"}, []string{"hvc1", "mp4a"}},
		{media.AV1, media.Opus, []string{"av01.0.00M.08", "opus"}, []string{"av1", "opus"}, []string{"av01", "Opus"}},
		{media.VP9, media.Opus, []string{"vp09.00.20.08", "opus"}, []string{"vp9", "opus"}, []string{"vp09", "Opus"}},
	} {
		t.Run(fmt.Sprint(c.video, c.audio), func(t *testing.T) {
			e := mediatest.Encode(t, c.video, c.audio, 2)
			b := write(e)
			f, err := mp4.DecodeFile(bytes.NewReader(b))
			if err != nil {
				t.Fatal(err)
			}
			var in library.Init
			if err := in.Unmarshal(bytes.NewReader(b)); err != nil || len(in.Tracks) != 2 {
				t.Fatalf("mediacommon reads %d tracks: %v", len(in.Tracks), err)
			}
			streams := probe(t, b)
			for i, trak := range f.Init.Moov.Traks {
				config := e.Tracks[i].Config
				if config.Name != c.names[i] {
					t.Errorf("the codec is called %q, want %q", config.Name, c.names[i])
				}
				if got := mediatest.Record(trak.Mdia.Minf.Stbl.Stsd); !bytes.Equal(got, config.Record) {
					t.Errorf("%s: the record is %x, want %x", config.Codec, got, config.Record)
				}
				samples, err := f.Segments[0].Fragments[0].GetFullSamples(f.Init.Moov.Mvex.Trexs[i])
				if err != nil {
					t.Fatal(err)
				}
				got := streams[i]
				if got.Codec != c.streams[i] {
					t.Errorf("ffprobe says %+v of %s", got, config.Codec)
				}
				if n, _ := strconv.Atoi(got.Frames); n < len(samples)-1 || got.Tag != c.tags[i] { // a decoder keeps the first of sound
					t.Errorf("%s: %d of %d frames are decoded, %+v", config.Codec, n, len(samples), got)
				}
				if config.Codec.Video() && (got.Width != 320 || got.Height != 180 || config.Width != 320 || config.Height != 180) {
					t.Errorf("%s: the picture has %dx%d, ffprobe says %dx%d", config.Codec, config.Width, config.Height, got.Width, got.Height)
				}
				if !config.Codec.Video() && (got.Rate != "48000" || got.Channels != 2 || config.Channels != 2) {
					t.Errorf("%s: ffprobe says %+v", config.Codec, got)
				}
			}
		})
	}
}

// TestAV1WithADisplayDelay: pictures whose sequence header tells how many of them a decoder holds, as SVT-AV1
// announces it; ffprobe finds the size and decodes every frame.
func TestAV1WithADisplayDelay(t *testing.T) {
	e := mediatest.Encode(t, media.AV1, "", 1)
	header := delayed(e.Tracks[0].Config.Record[4:])
	config, err := media.NewAV1(header)
	if err != nil {
		t.Fatal(err)
	}
	e.Tracks[0].Config = config
	told := 0
	for _, u := range e.Units(time.Time{}) {
		for i, obu := range u.Data {
			if obu[0]>>3 == 1 {
				u.Data[i] = header
				told++
			}
		}
	}
	got := probe(t, write(e))
	if told == 0 || len(got) != 1 || got[0].Codec != "av1" || got[0].Profile != "Main" || got[0].Frames != "30" || got[0].Width != 320 || got[0].Height != 180 {
		t.Errorf("%d headers; ffprobe says %+v", told, got)
	}
}

// delayed gives a sequence header OBU of one operating point and no timing an initial display delay of five
// frames (AV1 specification section 5.5.1).
func delayed(obu []byte) []byte {
	const flag, after = 6, 29 // initial_display_delay_present_flag, and where the level has ended
	var bits []byte
	for i := range 8 * len(obu[2:]) {
		if i == after {
			bits = append(bits, 1, 0, 1, 0, 0)
		}
		bits = append(bits, obu[2+i/8]>>(7-i%8)&1)
	}
	bits[flag] = 1
	out := append([]byte{obu[0], 0}, make([]byte, (len(bits)+7)/8)...)
	for i, b := range bits {
		out[2+i/8] |= b << (7 - i%8)
	}
	out[1] = byte(len(out) - 2)
	return out
}
