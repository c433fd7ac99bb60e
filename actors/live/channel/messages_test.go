package channel

import (
	"math"
	"path/filepath"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/barrage-live/barrage/actors/actortest"
	"github.com/barrage-live/barrage/actors/document"
	"github.com/barrage-live/barrage/internal/auth"
	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/id"
	"github.com/barrage-live/barrage/internal/media/segmenter"
	"github.com/barrage-live/barrage/internal/position"
	"github.com/barrage-live/barrage/live"
	"github.com/barrage-live/barrage/live/origin"
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
		begin{key, "b1"},
		ended{3, true},
		abandoned{"b1"},
		refused{key, Refusal{"codec_unsupported", "MP3 is not carried", "rtmp", at}},
		measure{},
		opened{3},
		openFailed{3, true},
		erase{"b1"},
		settle{"b1"},
		Channel{"c1", "ann", "弹幕", "u1", "r1", at, Live, "b1", at, at.Add(time.Second)},
		mine,
		[]Key{mine},
		Ingest{Live, at, health, Refusal{"codec_unsupported", "MP3 is not carried", "rtmp", at}},
		origin.Lease{
			Channel: "c1", Room: "r1", Title: "弹幕", Broadcast: "b1", Start: at, Fence: 3, Resumes: true,
			Record: position.Fence{Epoch: 4, Activation: 5},
		},
		struct{}{},
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
			begin{key, id.Broadcast(word("broadcast"))},
			begin{key: key},
			ended{number, rapid.Bool().Draw(r, "goodbye")},
			abandoned{id.Broadcast(word("request"))},
			Channel{ID: id.Channel(word("channel")), Created: at, Phase: Offline},
			Channel{Phase: Interrupted, Broadcast: id.Broadcast(word("broadcast")), Start: at, Since: at},
			mine, dead,
			[]Key{mine, dead, {}},
			[]Key{},
			Ingest{Live, at, health, Refusal{}},
			Ingest{},
			origin.Lease{},
			origin.Lease{
				Channel: id.Channel(word("channel")), Room: id.Room(word("room")), Title: word("title"), Broadcast: id.Broadcast(word("broadcast")),
				Start: at, Fence: number, Record: position.Fence{Epoch: position.Epoch(number), Activation: number},
			},
			opened{number},
			openFailed{fence: number},
			erase{id.Broadcast(word("broadcast"))},
			settle{id.Broadcast(word("broadcast"))},
		} {
			actortest.WantSame(r, c, v)
		}
	})
}

func TestWhatNoChannelSaysIsRefused(t *testing.T) {
	c := kindMessages(t).Codec(t)
	frame, err := c.Encode(Ingest{Health: packager.Health{Stats: live.Stats{FPS: math.NaN()}}})
	if err != nil {
		t.Fatal(err)
	}
	if v, err := c.Decode(frame); fault.CodeOf(err) != "bad_message" {
		t.Errorf("a rate that is no number is read as %v, %v", v, err)
	}
	if frame, err = c.Encode(check{auth.StreamKey{Channel: "7"}}); err != nil {
		t.Fatal(err)
	}
	if v, err := c.Decode(frame); fault.CodeOf(err) != "bad_message" {
		t.Errorf("a key without a secret is read as %v, %v", v, err)
	}
}
