package rtmp_test

import (
	"strings"
	"testing"
	"time"

	"github.com/bluenviron/gortmplib/pkg/amf0"
	"github.com/bluenviron/gortmplib/pkg/message"

	"github.com/barrage-live/barrage/internal/media"
	"github.com/barrage-live/barrage/internal/media/mediatest"
	"github.com/barrage-live/barrage/live/livetest"
)

// words reads on to the next onStatus and gives what it says.
func (c *client) words() string {
	c.t.Helper()
	for {
		m, err := c.Read()
		if err != nil {
			return err.Error()
		}
		if cmd, ok := m.(*message.CommandAMF0); ok && cmd.Name == "onStatus" {
			info, _ := cmd.Arguments[1].(amf0.Object)
			text, _ := info.GetString("description")
			return text
		}
	}
}

// TestRefusalsNameWhatCame sends what is not carried; the encoder and the log are told its name.
func TestRefusalsNameWhatCame(t *testing.T) {
	t.Parallel()
	video := func(body string) func(c *client) {
		return func(c *client) { c.raw(chunk(6, 9, len(body), []byte(body))) }
	}
	audio := func(body string) func(c *client) {
		return func(c *client) { c.raw(chunk(7, 8, len(body), []byte(body))) }
	}
	for name, c := range map[string]struct {
		send func(c *client)
		want string
	}{
		"MP3":                  {audio("\x2fsound"), "MP3 is not carried"},
		"MP3 by name":          {audio("\x91.mp3sound"), "MP3 is not carried"},
		"FLAC":                 {audio("\x90fLaCsound"), "FLAC is not carried"},
		"AC-3":                 {audio("\x91ac-3sound"), "AC-3 is not carried"},
		"a FourCC of nobody":   {audio("\x91zzzzsound"), `the codec "zzzz" is not carried`},
		"VP8":                  {video("\x91vp08picture"), "VP8 is not carried"},
		"Sorenson":             {video("\x12picture"), "Sorenson H.263 (FLV1) is not carried"},
		"a codec of nobody":    {video("\x1fpicture"), "the FLV video codec 15 is not carried"},
		"several tracks":       {video("\x96\x00avc1picture"), "several tracks"},
		"several sounds":       {audio("\x95\x00mp4asound"), "several tracks"},
		"an extension":         {video("\x97\x00\x00\x00\x00\x00\x00"), "Enhanced RTMP"},
		"H.265 that is broken": {video("\x90hvc1\x01\x02\x03"), "the sequence header of the H.265 video cannot be read"},
		"AV1 that is broken":   {video("\x90av01\x01"), "the sequence header of the AV1 video cannot be read"},
		"xHE-AAC":              {audio("\xaf\x00\xf9\x46\x40"), "this kind of AAC is not carried"},
		"AAC without channels": {audio("\xaf\x00\x11\x80"), "choose stereo"},
		"Opus that is broken":  {audio("\x90OpusOpusHead"), "the identification header of the Opus audio"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var log strings.Builder
			w := livetest.New(t, livetest.Config{Log: &log})
			p := publish(t, w, "a")
			c.send(p)
			if got := p.words(); !strings.Contains(got, c.want) {
				t.Errorf("the encoder is told %q, want %q", got, c.want)
			}
			if !p.closed() {
				t.Error("the connection stays open")
			}
			if err := w.RTMP.Close(); err != nil { // waits for what its connections log
				t.Fatal(err)
			}
			if told := strings.ReplaceAll(log.String(), `\"`, `"`); !strings.Contains(told, c.want) {
				t.Errorf("the log does not tell:\n%s", told)
			}
		})
	}
}

// tagged makes a message of media.
func tagged(kind byte, head string, body []byte) []byte {
	return chunk(5, kind, len(head)+len(body), append([]byte(head), body...))
}

// TestHeadersInEveryForm sends sequence headers as encoders write them that do not keep to the letter, or
// whose letter the library does not know; the publication begins all the same.
func TestHeadersInEveryForm(t *testing.T) {
	t.Parallel()
	vp9 := mediatest.Encode(t, media.VP9, "", 1)
	hevc := mediatest.Encode(t, media.H265, "", 1).Records[0]
	colours := append([]byte("\x02\x00\x09colorInfo"), 3, 0, 0, 9) // AMF0: a text and an empty object
	for name, c := range map[string]struct {
		messages [][]byte
		want     string
	}{
		"VP9 of FFmpeg, without version and flags": {[][]byte{
			tagged(9, "\x90vp09", []byte{0, 20, 0x82, 2, 2, 2, 0, 0}), tagged(9, "\x91vp09", vp9.Units(time.Time{})[0].Data[0]),
		}, "vp09.00.20.08"},
		"H.265 without a FourCC":            {[][]byte{tagged(9, "\x1c\x00\x00\x00\x00", hevc)}, "hvc1.1.6.L60.90"},
		"H.265 with metadata in front":      {[][]byte{tagged(9, "\x94hvc1", colours), tagged(9, "\x90hvc1", hevc)}, "hvc1.1.6.L60.90"},
		"HE-AAC that is announced behind":   {[][]byte{tagged(8, "\xaf\x00", []byte{0x13, 0x10, 0x56, 0xe5, 0x98})}, "mp4a.40.5"},
		"HE-AAC, the same in Enhanced RTMP": {[][]byte{tagged(8, "\x90mp4a", []byte{0x13, 0x10, 0x56, 0xe5, 0x98})}, "mp4a.40.5"},
		"HE-AAC v2":                         {[][]byte{tagged(8, "\xaf\x00", []byte{0xeb, 0x09, 0x88, 0})}, "mp4a.40.29"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := livetest.New(t, livetest.Config{})
			p := publish(t, w, "a")
			p.raw(setChunkSize(65536))
			for _, m := range c.messages {
				p.raw(m)
			}
			first := map[byte][2]float64{9: {1, 0}, 8: {0, 1}}[c.messages[0][7]]
			p.send(metadata(first[0], first[1])) // nothing else comes
			livetest.Eventually(t, 20*time.Second, "the publication begins", func() bool { return w.Live("a") != nil })
			if got := w.Live("a").Tracks(); len(got) != 1 || got[0].Config.Name != c.want {
				t.Errorf("got %+v", got[0].Config)
			}
		})
	}
}
