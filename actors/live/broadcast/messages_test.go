package broadcast

import (
	"math"
	"path/filepath"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/barrage-live/barrage/actors/actortest"
	"github.com/barrage-live/barrage/actors/live/channel"
	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/id"
	"github.com/barrage-live/barrage/internal/media"
	"github.com/barrage-live/barrage/internal/media/segmenter"
	"github.com/barrage-live/barrage/live"
	"github.com/barrage-live/barrage/live/packager"
)

// samples are one of every message with every field filled.
func samples() []any {
	at := time.Date(2026, 11, 27, 12, 0, 0, 1_000_000, time.UTC)
	tracks := []media.Track{
		{Config: &media.Config{Codec: media.H264, Record: []byte{1, 2}, Name: "avc1.64001f", Width: 1280, Height: 720}},
		{Config: &media.Config{Codec: media.AAC, Record: []byte{4}, Name: "mp4a.40.2", Rate: 48000, Channels: 2, FrameSize: 1024}},
	}
	stream := live.NewStream("s1", tracks)
	return []any{
		open{channel.Opening{Channel: "c1", Room: "r1", Title: "t1", Broadcast: "b1", Resumes: true, Start: at, Fence: 3, Tracks: tracks}},
		inquire{"b1"},
		interrupt{3},
		finish{"b1"},
		erase{"b1"},
		tend{"b1"},
		health{},
		locate{},
		stream,
		channel.Held{Fence: 3, Stream: stream},
		packager.Health{
			Stats: live.Stats{
				BitrateBPS: 3_000_000, FPS: 29.97, KeyframeInterval: 2 * time.Second, BFrames: true, FirstArrival: at, LastArrival: at.Add(time.Second),
				Units: 5, Bytes: 6, OpenGOP: true, GradualRefresh: true, Unreadable: 7,
				LastPicture: at.Add(2 * time.Second), LastSound: at.Add(3 * time.Second),
			},
			Width: 1280, Height: 720, VideoCodec: "avc1.64001f", AudioCodec: "mp4a.40.2",
			Counters: segmenter.Counters{
				Jumps: 1, Glitches: 2, Clamped: 3, AudioDropped: 4, Holes: 5, HardCuts: 6, PicturesDropped: 7,
			},
			Warnings: []packager.Warning{{Code: "gaps", Message: "Nothing came for a while 5 times."}},
		},
		&packager.Packager{},
		struct{}{},
	}
}

func kindMessages() actortest.Messages {
	return actortest.Messages{Kind: Kind(Deps{}), Samples: samples(), Golden: filepath.Join("broadcastpb", "testdata", "messages.txt")}
}

func TestMessages(t *testing.T) { kindMessages().Hold(t) }

func FuzzMessages(f *testing.F) { kindMessages().Fuzz(f) }

func TestDrawnMessagesArriveAsTheyWereSent(t *testing.T) {
	c := kindMessages().Codec(t)
	rapid.Check(t, func(r *rapid.T) {
		broadcast, fence := id.Broadcast(rapid.String().Draw(r, "broadcast")), rapid.Uint64().Draw(r, "fence")
		at := time.Unix(rapid.Int64Range(-1<<36, 1<<36).Draw(r, "at"), rapid.Int64Range(0, 999_999_999).Draw(r, "nanoseconds")).UTC()
		track := media.Track{Config: &media.Config{
			Codec: media.AAC, Record: []byte{1}, Rate: rapid.Int().Draw(r, "rate"), Channels: rapid.Int().Draw(r, "channels"),
		}}
		for _, v := range []any{
			open{channel.Opening{
				Channel: id.Channel(broadcast), Broadcast: broadcast, Resumes: rapid.Bool().Draw(r, "resumes"), Start: at, Fence: fence,
				Tracks: []media.Track{track},
			}},
			open{},
			inquire{broadcast},
			interrupt{fence},
			finish{broadcast},
			erase{broadcast},
			tend{broadcast},
			channel.Held{Fence: fence, Stream: live.NewStream(id.NewStream(), nil)},
			channel.Held{Fence: fence},
			packager.Health{Stats: live.Stats{FPS: rapid.Float64().Draw(r, "fps"), LastArrival: at, Units: fence}},
			packager.Health{},
		} {
			actortest.WantSame(r, c, v)
		}
	})
}

// What runs here is the same on the other side, and an answer that is nothing without it is refused.
func TestWhatRunsHereIsHandedOver(t *testing.T) {
	c, s, p := kindMessages().Codec(t), live.NewStream("s1", nil), &packager.Packager{}
	for _, v := range []any{s, p} {
		frame, local, err := c.Encode(v)
		if err != nil || local != v {
			t.Fatalf("%v goes beside a %T, %v", local, v, err)
		}
		if got, err := c.Decode(frame, local); err != nil || got != v {
			t.Errorf("a %T arrives as another one, %v, %v", v, got, err)
		}
		for name, with := range map[string]any{"nothing": nil, "something else": 7} {
			if got, err := c.Decode(frame, with); fault.CodeOf(err) != "bad_message" {
				t.Errorf("a %T with %s is read as %v, %v", v, name, got, err)
			}
		}
	}
	held := channel.Held{Fence: 3}
	if frame, local, err := c.Encode(held); err != nil || local != nil {
		t.Errorf("%v goes beside a broadcast that nobody publishes, %v, %x", local, err, frame)
	}
	frame, _, err := c.Encode(packager.Health{Stats: live.Stats{FPS: math.NaN()}})
	if err != nil {
		t.Fatal(err)
	}
	if v, err := c.Decode(frame, nil); fault.CodeOf(err) != "bad_message" {
		t.Errorf("a rate that is no number is read as %v, %v", v, err)
	}
}
