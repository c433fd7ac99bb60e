package channel

import (
	"path/filepath"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/barrage-live/barrage/actors/actortest"
	"github.com/barrage-live/barrage/actors/document"
	"github.com/barrage-live/barrage/internal/auth"
	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/id"
	"github.com/barrage-live/barrage/internal/media"
	"github.com/barrage-live/barrage/internal/media/segmenter"
	"github.com/barrage-live/barrage/live"
	"github.com/barrage-live/barrage/live/packager"
)

// samples are one of every message with every field filled.
func samples(tb testing.TB) []any {
	tb.Helper()
	at := time.Date(2026, 11, 27, 12, 0, 0, 1_000_000, time.UTC)
	key, err := auth.ParseStreamKey("7-0123456789abcdefghjkmnpqrstvwxyz")
	if err != nil {
		tb.Fatal(err)
	}
	tracks := []media.Track{
		{Config: &media.Config{Codec: media.H264, Record: []byte{1, 2}, Name: "avc1.64001f", Width: 1280, Height: 720}},
		{Config: &media.Config{Codec: media.AAC, Record: []byte{4}, Name: "mp4a.40.2", Rate: 48000, Channels: 2, FrameSize: 1024}},
	}
	mine := Key{"k1", "0123", at, at.Add(time.Second), at.Add(time.Hour), at.Add(time.Minute), true}
	health := packager.Health{
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
	}
	return []any{
		document.Wake{},
		create{"c1", "ann", "弹幕", "u1", "r1"},
		setTitle{"弹幕"},
		get{},
		mintKey{"k1", key, 3},
		listKeys{},
		revokeKey{"\xff is not UTF-8"},
		revokeKeys{3},
		check{key},
		begin{key, "b1", tracks},
		ended{3, true},
		abandoned{"b1"},
		measure{},
		Channel{"c1", "ann", "弹幕", "u1", "r1", at, Live, "b1", at, at.Add(time.Second)},
		mine,
		[]Key{mine},
		Ingest{Live, at, health},
		leased{live.NewStream("s1", tracks), 3},
	}
}

func kindMessages(tb testing.TB) actortest.Messages {
	tb.Helper()
	return actortest.Messages{Kind: Kind(Deps{}), Samples: samples(tb), Golden: filepath.Join("channelpb", "testdata", "messages.txt")}
}

func TestMessages(t *testing.T) { kindMessages(t).Hold(t) }

func FuzzMessages(f *testing.F) { kindMessages(f).Fuzz(f) }

func TestDrawnMessagesArriveAsTheyWereSent(t *testing.T) {
	c := kindMessages(t).Codec(t)
	rapid.Check(t, func(r *rapid.T) {
		word := func(name string) string { return rapid.String().Draw(r, name) }
		some := func(name string) (b []byte) { return append(b, rapid.SliceOf(rapid.Byte()).Draw(r, name)...) } // never empty and not nil
		at := time.Unix(rapid.Int64Range(-1<<36, 1<<36).Draw(r, "at"), rapid.Int64Range(0, 999_999_999).Draw(r, "nanoseconds")).UTC()
		number, whole := rapid.Uint64().Draw(r, "number"), rapid.Int().Draw(r, "whole")
		key := auth.NewStreamKey(id.NewChannel(time.Now()))
		track := media.Track{Config: &media.Config{
			Codec: media.Codec(word("codec")), Record: some("record"), Name: word("name of the codec"), Width: whole, Height: whole,
			Rate: whole, Channels: whole, FrameSize: whole,
		}}
		health := packager.Health{
			Stats: live.Stats{
				BitrateBPS: whole, FPS: rapid.Float64().Draw(r, "fps"), KeyframeInterval: time.Duration(rapid.Int64().Draw(r, "interval")),
				FirstArrival: at, LastArrival: at, Units: number, Bytes: number,
			},
			Width: whole, Height: whole, VideoCodec: word("video"), AudioCodec: word("audio"),
			Counters: segmenter.Counters{Jumps: number, Holes: number},
			Warnings: []packager.Warning{{Code: word("code"), Message: word("message")}, {}},
		}
		mine := Key{ID: word("id"), Hint: word("hint"), Created: at, InUse: rapid.Bool().Draw(r, "in use")}
		dead := Key{ID: mine.ID, Created: at, Used: at, Expires: at, Revoked: at}
		for _, v := range []any{
			create{id.Channel(word("channel")), word("name"), word("title"), id.User(word("owner")), id.Room(word("room"))},
			setTitle{word("title")},
			mintKey{mine.ID, key, number},
			revokeKeys{number},
			revokeKey{string(some("any id"))},
			check{key},
			begin{key, id.Broadcast(word("broadcast")), []media.Track{track, {Config: &media.Config{}}}},
			begin{key: key},
			ended{number, rapid.Bool().Draw(r, "goodbye")},
			abandoned{id.Broadcast(word("request"))},
			Channel{ID: id.Channel(word("channel")), Created: at, Phase: Offline},
			Channel{Phase: Interrupted, Broadcast: id.Broadcast(word("broadcast")), Start: at, Since: at},
			mine, dead,
			[]Key{mine, dead, {}},
			[]Key{},
			Ingest{Live, at, health},
			Ingest{},
			leased{live.NewStream(id.NewStream(), nil), number},
		} {
			actortest.WantSame(r, c, v)
		}
	})
}

// A stream is the same one on the other side, and a lease without it is none.
func TestALeaseIsItsStream(t *testing.T) {
	c, s := kindMessages(t).Codec(t), live.NewStream("s1", nil)
	frame, local, err := c.Encode(leased{s, 3})
	if err != nil || local != s {
		t.Fatalf("%v goes beside a lease, %v", local, err)
	}
	if v, err := c.Decode(frame, local); err != nil || v != (leased{s, 3}) {
		t.Errorf("a lease arrives as %v, %v", v, err)
	}
	for name, with := range map[string]any{"nothing": nil, "something else": 7} {
		if v, err := c.Decode(frame, with); fault.CodeOf(err) != "bad_message" {
			t.Errorf("a lease with %s is read as %v, %v", name, v, err)
		}
	}
	if frame, _, err = c.Encode(check{auth.StreamKey{Channel: "7"}}); err != nil {
		t.Fatal(err)
	}
	if v, err := c.Decode(frame, nil); fault.CodeOf(err) != "bad_message" {
		t.Errorf("a key without a secret is read as %v, %v", v, err)
	}
}
