package e2e

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// TestOpenGroupsArePlayable: an encoder whose only IDR picture is its first, as x264 is with open groups of
// pictures, is seen by whoever opens the page later.
func TestOpenGroupsArePlayable(t *testing.T) {
	s := start(t, t.TempDir())
	st := s.streamer(t, "open")
	publish(t, s.rtmp(st.Key), strings.Fields("-f lavfi -i testsrc2=size=320x180:rate=30 -f lavfi -i sine=frequency=440:sample_rate=48000"+
		" -c:v libx264 -preset veryfast -pix_fmt yuv420p -x264-params open-gop=1:keyint=30:min-keyint=30:scenecut=0:bframes=2:b-adapt=0"+
		" -c:a aac -b:a 96k")...)
	await(t, "segments without the IDR picture", 60*time.Second, func() bool {
		c := s.channel(t, "open")
		if !c.Live {
			return false
		}
		res, err := http.Get(s.url("/live/open/" + c.Broadcast + "/source/index.m3u8"))
		if err != nil {
			return false
		}
		defer res.Body.Close()
		b, _ := io.ReadAll(res.Body)
		return strings.Count(string(b), "#EXTINF") >= 8
	})
	inChromium(t, s.url("/open"), "open")
	codecsOf(t, s.url("/live/open/index.m3u8"), []string{"h264", "aac"})
}
