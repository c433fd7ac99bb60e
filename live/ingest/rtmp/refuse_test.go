package rtmp_test

import (
	"bytes"
	"crypto/rand"
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"github.com/bluenviron/gortmplib/pkg/message"

	"github.com/barrage-live/barrage/internal/media/mediatest"
	"github.com/barrage-live/barrage/live/ingest/rtmp"
	"github.com/barrage-live/barrage/live/livetest"
)

// refusal is a publisher who is told why it may not go on.
type refusal struct {
	name               string
	lax                bool
	app, command, path string
	after              func(c *client)
	want, counted      string
}

// mediaRefusals have a valid key and send what is not carried.
func mediaRefusals() []refusal {
	cases := []refusal{
		{
			name: "a codec that is not carried",
			after: func(c *client) {
				c.send(&message.Audio{ChunkStreamID: 4, MessageStreamID: 0x1000000, Codec: message.CodecMPEG1Audio, AU: []byte{1, 2, 3}})
			},
			counted: "codec_unsupported",
		},
		{
			name:    "video that the library does not know",
			after:   func(c *client) { c.raw(chunk(6, 9, 9, []byte("\x12\x00\x00\x84\x00FLV1"))) },
			counted: "codec_unsupported",
		},
		{
			name: "Speex, in the middle",
			after: func(c *client) {
				c.play(mediatest.Source{}, time.Second)
				c.raw(chunk(7, 8, 6, []byte("\xb6Speex")))
			},
			counted: "codec_unsupported",
		},
		{
			name:    "a parameter set that cannot be read",
			after:   func(c *client) { c.send(avc(mediatest.SPS()[:6], mediatest.PPS())) },
			counted: "bad_video_config",
		},
		{
			name: "16 MiB of pictures and no sequence header",
			after: func(c *client) {
				for range 4 {
					c.send(&message.Video{
						ChunkStreamID: 6, MessageStreamID: 0x1000000, Codec: message.CodecH264, Type: message.VideoTypeAU,
						AU: make([]byte, 4<<20),
					})
				}
			},
			counted: "no_tracks",
		},
	}
	for i := range cases {
		c := &cases[i]
		c.app, c.command, c.path, c.want = "live", "publish", "k-a", "NetStream.Publish.Rejected"
	}
	return cases
}

func TestRefusals(t *testing.T) {
	cases := []refusal{
		{name: "wrong key", app: "live", command: "publish", path: "nonsense", want: "NetStream.Publish.BadName", counted: "bad_stream_key"},
		{name: "wrong application", app: "stream", command: "publish", path: "k-a", want: "NetStream.Publish.BadName", counted: "bad_path"},
		{name: "no key", app: "live", command: "publish", path: "", want: "NetStream.Publish.BadName", counted: "bad_path"},
		{name: "key with a path", app: "live", command: "publish", path: "k-a/b", want: "NetStream.Publish.BadName", counted: "bad_path"},
		{name: "a player", app: "live", command: "play", path: "k-a", want: "NetStream.Play.Failed", counted: "play_unsupported"},
		{
			name: "wrong key, judged when the tracks are known", lax: true, app: "live", command: "publish", path: "nonsense",
			after: func(c *client) { c.play(mediatest.Source{}, time.Second) },
			want:  "NetStream.Publish.BadName", counted: "bad_stream_key",
		},
	}
	for _, c := range append(cases, mediaRefusals()...) {
		t.Run(c.name, func(t *testing.T) {
			w := livetest.New(t, livetest.Config{Lax: c.lax})
			p := connect(t, w, c.app, c.command, c.path)
			got := p.status()
			if c.after != nil {
				if got != "NetStream.Publish.Start" {
					t.Fatalf("before: %s", got)
				}
				c.after(p)
				got = p.status()
			}
			if got != c.want {
				t.Errorf("the client sees %s, want %s", got, c.want)
			}
			if !p.closed() {
				t.Error("the connection stays open")
			}
			counted(t, w, c.counted, 1)
		})
	}
}

// TestBadInput sends what is not RTMP, or is meant to hurt, while somebody else publishes.
func TestBadInput(t *testing.T) {
	w := livetest.New(t, livetest.Config{RTMP: rtmp.Config{Handshake: 3 * time.Second, Detect: 3 * time.Second, Idle: time.Minute}})
	healthy := publish(t, w, "healthy")
	_ = healthy.nc.SetDeadline(time.Time{}) // it stays for as long as the cases below take
	healthy.play(mediatest.Source{Sound: true}, time.Second)
	shake := append([]byte{3}, make([]byte, 2*1536)...)
	noise := make([]byte, 4096)
	_, _ = rand.Read(noise)
	noise[0] = 0x99
	cases := []struct {
		name, code string
		bytes      []byte
	}{
		{"an HTTP request", "not_rtmp", []byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n")},
		{"a TLS greeting", "not_rtmp", []byte{22, 3, 1, 2, 0, 1}},
		{"encrypted RTMP", "not_rtmp", append([]byte{6}, make([]byte, 1536)...)},
		{"noise", "not_rtmp", noise},
		{"silence", "publisher_silent", nil},
		{"half a handshake", "publisher_silent", shake[:1000]},
		{"a message of 16 MB", "message_too_long", append(bytes.Clone(shake), chunk(3, 20, 0xffffff, nil)...)},
		{"a message of 10 MB of video before the key", "message_too_long", append(bytes.Clone(shake), chunk(3, 9, 10<<20, nil)...)},
		{"chunks of one byte", "bad_chunk", append(bytes.Clone(shake), setChunkSize(1)...)},
		{"a message of 5 KiB before the key", "message_too_long", append(bytes.Clone(shake), chunk(3, 20, 5<<10, nil)...)},
		{"an acknowledgement for each byte", "bad_chunk", append(bytes.Clone(shake), chunk(2, 5, 4, []byte{0, 0, 0, 1})...)},
		{"chunks of more than 2 GB", "bad_chunk", append(bytes.Clone(shake), setChunkSize(1<<31)...)},
		{"a continuation of nothing", "bad_chunk", append(bytes.Clone(shake), 0xc5)},
		{"a continuation of nothing, its number in three bytes", "bad_chunk", append(bytes.Clone(shake), 0xc1, 1, 1)},
		{"a flood before the key", "too_much_before_auth", append(bytes.Clone(shake), bytes.Repeat(chunk(3, 3, 4, []byte{0, 0, 0, 1}), 8192)...)},
		{"a command that is none", "bad_rtmp", append(bytes.Clone(shake), chunk(3, 20, 4, []byte{1, 2, 3, 4})...)},
		{"arrays within arrays", "bad_rtmp", append(append(bytes.Clone(shake), setChunkSize(65536)...),
			chunk(3, 20, 4000, bytes.Repeat([]byte{10, 0, 0, 0, 1}, 800))...)},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			before := closedBy(t, w, c.code)
			nc, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", w.RTMP.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = nc.Close() }()
			_, _ = nc.Write(c.bytes) // the server may close before it has read all
			_ = nc.SetReadDeadline(time.Now().Add(30 * time.Second))
			if _, err := io.Copy(io.Discard, nc); errors.Is(err, os.ErrDeadlineExceeded) {
				t.Error("the connection stays open")
			}
			counted(t, w, c.code, before+1)
		})
	}
	healthy.unharmed(w.Live("healthy") != nil)
}
