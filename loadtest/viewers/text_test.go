package viewers

import (
	"slices"
	"testing"
	"time"
)

func TestParse(t *testing.T) {
	const whole = "#EXTM3U\n#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,CAN-SKIP-UNTIL=24.0\n#EXT-X-MEDIA-SEQUENCE:5\n" +
		"#EXTINF:2.0,\n5.m4s\n#EXT-X-PART:DURATION=0.5,URI=\"6.0.m4s\",INDEPENDENT=YES\n#EXTINF:0.5,\n6.m4s\n" +
		"#EXT-X-PART:DURATION=0.25,URI=\"7.0.m4s\"\n#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"7.1.m4s\"\n"
	const delta = "#EXTM3U\n#EXT-X-MEDIA-SEQUENCE:5\n#EXT-X-SKIP:SKIPPED-SEGMENTS=3\n#EXTINF:2.0,\n8.m4s\n"
	for _, c := range []struct {
		text, next string
		parts      []part
	}{
		{whole, "_HLS_msn=7&_HLS_part=1&_HLS_skip=YES", []part{{"6.0.m4s", 500 * time.Millisecond}, {"7.0.m4s", 250 * time.Millisecond}}},
		{delta, "_HLS_msn=9&_HLS_part=0", nil},
	} {
		got, err := parse(c.text)
		if err != nil || got.next != c.next || !slices.Equal(got.parts, c.parts) {
			t.Errorf("%+v, %v", got, err)
		}
	}
	for _, bad := range []string{"", "<html>", "#EXTM3U\n#EXT-X-MEDIA-SEQUENCE:x\n"} {
		if _, err := parse(bad); err == nil {
			t.Errorf("%q was read", bad)
		}
	}
}

func TestPartsBehindTheNewest(t *testing.T) {
	got := &text{parts: []part{{uri: "a"}, {uri: "b"}, {uri: "c"}}}
	for newest, want := range map[string]int{"": 1, "x": 1, "c": 0, "a": 2} {
		if n := len(got.after(newest)); n != want {
			t.Errorf("behind %q there are %d, want %d", newest, n, want)
		}
	}
}

func TestMediaPlaylistsOfAVariant(t *testing.T) {
	got, err := mediaPlaylists([]byte("#EXTM3U\n#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"a,b\",URI=\"sound.m3u8\"\n#EXT-X-STREAM-INF:BANDWIDTH=1\nvideo.m3u8\n"))
	if err != nil || !slices.Equal(got, []string{"video.m3u8", "sound.m3u8"}) {
		t.Errorf("%q, %v", got, err)
	}
}
