package rtmp_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/bluenviron/gortmplib/pkg/message"

	"github.com/barrage-live/barrage/internal/media/mediatest"
	"github.com/barrage-live/barrage/live/livetest"
)

// secret is a key, and part of every other one of TestKeysAreNeverLogged. The Gate's name for the channel
// lacks it.
const secret = "k-sesame"

// TestKeysAreNeverLogged publishes with a key wherever encoders, and people who fill in their forms, may
// put it, and reads the whole log.
func TestKeysAreNeverLogged(t *testing.T) {
	command := func(name string, args ...any) *message.CommandAMF0 {
		return &message.CommandAMF0{ChunkStreamID: 3, MessageStreamID: 0x1000000, Name: name, CommandID: 9, Arguments: args}
	}
	published := func(c *client) {
		c.play(mediatest.Source{}, time.Second)
		c.send(command("FCUnpublish", nil, secret))
	}
	cases := []struct {
		name               string
		lax                bool
		app, command, path string
		after              func(c *client)
		counted, line      string
	}{
		{"accepted", false, "live", "publish", secret, published, "stream_ended", "publisher gone"},
		{"accepted, the key in the application", false, "live/" + secret, "publish", "", published, "stream_ended", "publisher gone"},
		{"accepted, then garbage", false, "live", "publish", secret, func(c *client) {
			garbage := chunk(3, 20, len(secret)+4, []byte(secret+"\x01\x02\x03\x04"))
			c.raw(bytes.Repeat(garbage, 200)) // some of it is passed over
		}, "bad_rtmp", "connection refused"},
		{"a wrong key", false, "live", "publish", secret + "-1", nil, "bad_stream_key", "connection refused"},
		{"a wrong key, judged late", true, "live", "publish", secret + "-1", func(c *client) {
			c.play(mediatest.Source{}, time.Second)
		}, "bad_stream_key", "connection refused"},
		{"a key with a path", false, "live", "publish", secret + "/x", nil, "bad_path", "connection refused"},
		{"a key with a query", false, "live", "publish", "?key=" + secret, nil, "bad_path", "connection refused"},
		{"a key with what no key has", false, "live", "publish", secret + "\\", nil, "bad_path", "connection refused"},
		{"a key that is no part of an address", false, "live", "publish", secret + "\x00x", nil, "bad_path", "connection refused"},
		{"another application", false, secret, "publish", secret, nil, "bad_path", "connection refused"},
		{"an address that is none", false, "%zz/" + secret, "publish", secret, nil, "bad_path", "connection refused"},
		{"a player", false, "live", "play", secret, nil, "play_unsupported", "connection refused"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			var log bytes.Buffer // the handler writes lines one at a time; it is read when the world has ended
			t.Cleanup(func() {
				if !strings.Contains(log.String(), c.line) || !strings.Contains(log.String(), "code="+c.counted) {
					t.Errorf("the log does not tell of the connection:\n%s", &log)
				}
				for line := range strings.Lines(log.String()) {
					if strings.Contains(line, secret) {
						t.Errorf("the key is in the log: %s", line)
					}
				}
			})
			w := livetest.New(t, livetest.Config{Lax: c.lax, Log: &log})
			p := connect(t, w, c.app, c.command, c.path)
			got := p.status()
			if c.after == nil {
				_ = p.nc.Close() // the server need not wait for it
			} else {
				if got != "NetStream.Publish.Start" {
					t.Fatalf("before: %s", got)
				}
				c.after(p)
			}
			counted(t, w, c.counted, 1)
		})
	}
}
