package wire

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"
	"pgregory.net/rapid"

	"github.com/barrage-live/barrage/internal/wire/wirepb"
)

// anyDanmaku draws a danmaku; what is drawn from few values is absent now and then.
func anyDanmaku(t *rapid.T) *wirepb.Danmaku {
	text := rapid.OneOf(rapid.String(), rapid.StringOfN(rapid.RuneFrom([]rune("\"\\/<&>\b\f\n\r\t\x00\x1f\x7f\u2028é弹🎉")), 0, 20, -1))
	d := &wirepb.Danmaku{
		Epoch: rapid.Uint64Range(0, 2).Draw(t, "epoch"), Offset: rapid.Uint64().Draw(t, "offset"), User: rapid.Uint64().Draw(t, "user"),
		Name: text.Draw(t, "name"), Text: text.Draw(t, "text"),
		Mode: wirepb.Mode(rapid.Int32Range(0, 5).Draw(t, "mode")), Size: wirepb.Size(rapid.Int32Range(0, 5).Draw(t, "size")),
		SentAtMs: rapid.Int64().Draw(t, "sent"),
	}
	if rapid.Bool().Draw(t, "coloured") {
		d.Colour = new(rapid.Uint32().Draw(t, "colour"))
	}
	if rapid.Bool().Draw(t, "timed") {
		d.MediaTimeMs = new(rapid.Uint64().Draw(t, "media"))
	}
	return d
}

func anyPosition(t *rapid.T) *wirepb.Position {
	if rapid.Bool().Draw(t, "nowhere") {
		return nil
	}
	return &wirepb.Position{Epoch: rapid.Uint64Range(0, 3).Draw(t, "epoch"), Offset: rapid.Uint64().Draw(t, "offset")}
}

// anyListing draws a frame that lists danmaku; set gives it its list.
func anyListing(t *rapid.T) (f *wirepb.ServerFrame, set func([]*wirepb.Danmaku)) {
	room := rapid.StringMatching(`[1-9][0-9]{0,15}`).Draw(t, "room")
	word := rapid.SampledFrom([]string{"", "sampled", "too_old"}).Draw(t, "word")
	yes := rapid.Bool().Draw(t, "yes")
	f = &wirepb.ServerFrame{Id: rapid.Uint64Range(0, 3).Draw(t, "id")}
	switch rapid.IntRange(0, 2).Draw(t, "kind") {
	case 0:
		b := &wirepb.Batch{Room: room, From: anyPosition(t), To: anyPosition(t), Skipped: rapid.Uint32Range(0, 2).Draw(t, "skipped"), Why: word}
		f.Body = &wirepb.ServerFrame_Batch{Batch: b}
		return f, func(list []*wirepb.Danmaku) { b.Danmaku = list }
	case 1:
		j := &wirepb.Joined{Room: room, Position: anyPosition(t), Recovered: yes, More: !yes, Reason: word}
		if yes {
			j.State = &wirepb.RoomState{
				Room: room, Online: 3, SlowModeSeconds: 1, MaxLength: 2, Live: true, BroadcastStartMs: -7, Broadcast: word, Version: 9,
			}
		}
		f.Body = &wirepb.ServerFrame_Joined{Joined: j}
		return f, func(list []*wirepb.Danmaku) { j.Danmaku = list }
	}
	p := &wirepb.HistoryPage{Room: room, To: anyPosition(t), More: yes}
	f.Body = &wirepb.ServerFrame_HistoryPage{HistoryPage: p}
	return f, func(list []*wirepb.Danmaku) { p.Danmaku = list }
}

// TestListingIsWhatTheEncodersMake puts frames together of parts, cut anywhere, and compares them with the
// generated encoders.
func TestListingIsWhatTheEncodersMake(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		head, set := anyListing(t)
		list := rapid.SliceOfN(rapid.Custom(anyDanmaku), 0, 5).Draw(t, "danmaku")
		for _, e := range []Encoding{Proto, JSON} {
			set(nil)
			parts := [][]byte{nil}
			for _, d := range list {
				if rapid.Bool().Draw(t, "cut") {
					parts = append(parts, nil)
				}
				parts[len(parts)-1] = AppendElement(parts[len(parts)-1], e, d)
			}
			got := AppendListing([]byte("before"), e, head, parts...)
			set(list)
			want, err := Encode(e, head)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, append([]byte("before"), want...)) {
				t.Fatalf("%v: put together\n%q, encoded\n%q", e, got, want)
			}
			back, err := DecodeServer(e, got[len("before"):])
			if diff := cmp.Diff(head, back, protocmp.Transform()); diff != "" || err != nil {
				t.Fatalf("%v: %v\n%s", e, err, diff)
			}
		}
	})
}

func TestElementMendsTextThatIsNotUTF8(t *testing.T) {
	for _, e := range []Encoding{Proto, JSON} {
		frame := AppendListing(nil, e, &wirepb.ServerFrame{Body: &wirepb.ServerFrame_Batch{Batch: &wirepb.Batch{Room: "1"}}},
			AppendElement(nil, e, &wirepb.Danmaku{Text: "a\xff\xfeb", Name: "\xc3"}))
		f, err := DecodeServer(e, frame)
		if err != nil || f.GetBatch().GetDanmaku()[0].GetText() != "a\uFFFDb" || f.GetBatch().GetDanmaku()[0].GetName() != "\uFFFD" {
			t.Errorf("%v: %v, %v", e, f, err)
		}
	}
}

func TestListingOfWhatListsNothing(t *testing.T) {
	head := &wirepb.ServerFrame{Body: &wirepb.ServerFrame_Pong{Pong: &wirepb.Pong{}}}
	for _, e := range []Encoding{Proto, JSON} {
		if got := AppendListing([]byte("x"), e, head, []byte("y")); string(got) != "x" {
			t.Errorf("%v: appended %q", e, got)
		}
	}
}

// TestDanmakuIsCompact holds what a danmaku costs on the wire besides its name and its text.
func TestDanmakuIsCompact(t *testing.T) {
	d := &wirepb.Danmaku{
		Offset: 1_000_000, User: 130_000_000_000_000, Name: "观众", Text: strings.Repeat("x", 64), MediaTimeMs: new(uint64(3_600_000)),
		SentAtMs: 1_795_000_000_000,
	}
	for e, most := range map[Encoding]int{Proto: 30, JSON: 121} {
		if n := len(AppendElement(nil, e, d)) - len(d.GetName()) - len(d.GetText()); n > most {
			t.Errorf("%v: %d bytes besides name and text, at most %d are meant", e, n, most)
		} else {
			t.Logf("%v: %d bytes with a text of 64, %d besides name and text", e, n+len(d.GetName())+len(d.GetText()), n)
		}
	}
}

// BenchmarkListing measures a frame of 32 danmaku whose bytes exist, and the making of those bytes.
func BenchmarkListing(b *testing.B) {
	head := &wirepb.ServerFrame{Body: &wirepb.ServerFrame_Batch{Batch: &wirepb.Batch{Room: "42", From: aPosition(), To: aPosition()}}}
	for _, e := range []Encoding{Proto, JSON} {
		var part []byte
		for range 32 {
			part = AppendElement(part, e, aDanmaku())
		}
		buf := make([]byte, 0, 2*len(part))
		b.Run(fmt.Sprint("frame/", e), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				buf = AppendListing(buf[:0], e, head, part)
			}
		})
		d := aDanmaku()
		b.Run(fmt.Sprint("elements/", e), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				part = part[:0]
				for range 32 {
					part = AppendElement(part, e, d)
				}
			}
		})
	}
}
