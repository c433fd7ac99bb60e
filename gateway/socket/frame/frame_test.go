package frame

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"
	"pgregory.net/rapid"

	"github.com/barrage-live/barrage/actors/live/room"
	"github.com/barrage-live/barrage/internal/position"
	"github.com/barrage-live/barrage/internal/rfc6455"
	"github.com/barrage-live/barrage/internal/wire"
	"github.com/barrage-live/barrage/internal/wire/wirepb"
)

// some are n danmaku from an offset on; the epoch grows at every offset that rises divides.
func some(from, n, rises int) []room.Danmaku {
	list := make([]room.Danmaku, n)
	for i := range list {
		o := from + i
		list[i] = room.Danmaku{
			Position: position.Position{Epoch: position.Epoch(1 + o/rises), Offset: position.Offset(o)}, User: "1234567890", Name: "观众",
			Text: fmt.Sprint(o) + strings.Repeat("x", o%7*10), Mode: room.Mode(1 + o%3), Size: room.Size(1 + o%3), Colour: uint32(o%2) * wire.White,
			MediaTime: time.Duration(o%4-1) * time.Second, At: time.UnixMilli(1_800_000_000_000),
		}
	}
	return list
}

func blocksOf(log []room.Danmaku) []*Block {
	if len(log) == 0 {
		return nil
	}
	return Blocks(time.Time{}, position.Position{}, log[len(log)-1].Position, log)
}

// message is what a danmaku is on the wire, in a message that ends in an epoch.
func message(d room.Danmaku, end position.Epoch) *wirepb.Danmaku {
	m := &wirepb.Danmaku{Offset: uint64(d.Position.Offset), User: User(d.User), Name: d.Name, Text: d.Text, SentAtMs: d.At.UnixMilli()}
	if d.Position.Epoch != end {
		m.Epoch = uint64(d.Position.Epoch)
	}
	if d.Mode != room.Scroll {
		m.Mode = wirepb.Mode(d.Mode)
	}
	if d.Size != room.Normal {
		m.Size = wirepb.Size(d.Size)
	}
	if d.Colour != wire.White {
		m.Colour = &d.Colour
	}
	if d.MediaTime >= 0 {
		m.MediaTimeMs = new(uint64(d.MediaTime / time.Millisecond))
	}
	return m
}

// open gives the payload of the one websocket frame that b is.
func open(t interface{ Fatalf(string, ...any) }, e wire.Encoding, b []byte) []byte {
	op := rfc6455.Binary
	if e.Text() {
		op = rfc6455.Text
	}
	for n := range 11 {
		if header := rfc6455.AppendHeader(nil, op, true, max(0, len(b)-n)); len(header) == n && slices.Equal(header, b[:min(n, len(b))]) {
			return b[n:]
		}
	}
	t.Fatalf("%q is no frame", b[:min(len(b), 20)])
	return nil
}

// TestAppendIsWhatTheEncodersMake puts frames together of parts of blocks, with epochs that change, and
// compares them with what the generated encoders make of the same danmaku.
func TestAppendIsWhatTheEncodersMake(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		log := some(1, rapid.IntRange(0, 300).Draw(t, "danmaku"), rapid.IntRange(3, 400).Draw(t, "rises"))
		blocks := blocksOf(log)
		begin := rapid.IntRange(0, len(log)).Draw(t, "begin")
		rows, want := RowsAfter(position.Offset(begin), blocks), log[begin:]
		if rapid.Bool().Draw(t, "newest") {
			before := rapid.IntRange(begin, len(log)).Draw(t, "before") // the one with this index is the first that is left out
			rows, want = Last(position.Offset(before+1), before-begin, blocks), log[begin:before]
			if before == len(log) && rapid.Bool().Draw(t, "end") {
				rows = Last(0, before-begin, blocks)
			}
		}
		if rows.Len() != len(want) {
			t.Fatalf("%d rows of %d", rows.Len(), len(want))
		}
		to := rapid.SampledFrom([]position.Position{rows.Last(), {Epoch: 1, Offset: 1000}, {Epoch: 500, Offset: 1000}}).Draw(t, "to")
		head := Batch("42", position.Position{}, to, len(want), "sampled")
		for _, e := range []wire.Encoding{wire.Proto, wire.JSON} {
			got := open(t, e, Append([]byte("before"), e, head, rows)[len("before"):])
			whole := proto.CloneOf(head)
			for _, d := range want {
				whole.GetBatch().Danmaku = append(whole.GetBatch().Danmaku, message(d, to.Epoch))
			}
			encoded, err := wire.Encode(e, whole)
			if err != nil || string(got) != string(encoded) {
				t.Fatalf("%v: put together\n%q, encoded\n%q %v", e, got, encoded, err)
			}
		}
	})
}

// TestCutsFit cuts lists in all three ways, to every size.
func TestCutsFit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		log := some(1, rapid.IntRange(0, 300).Draw(t, "danmaku"), rapid.IntRange(3, 400).Draw(t, "rises"))
		rows := RowsAfter(0, blocksOf(log))
		e := wire.Encoding(rapid.IntRange(0, 1).Draw(t, "encoding"))
		most := rapid.IntRange(0, 30_000).Draw(t, "bytes")
		oldest, newest, sample := rows.Oldest(e, most), rows.Newest(e, most), rows.Sample(e, most)
		for name, cut := range map[string]Rows{"oldest": oldest, "newest": newest, "sample": sample} {
			parts, size := cut.in(e, cut.Last().Epoch)
			if n := len(slices.Concat(parts...)); n != size || n > most || cut.Len() == 0 && len(log) > 0 && most > 250 {
				t.Fatalf("%s: %d danmaku of %d, %d bytes, %d are told, at most %d", name, cut.Len(), len(log), n, size, most)
			}
		}
		all, size := rows.in(e, rows.Last().Epoch)
		if _ = all; size+40*len(log) <= most && (oldest.Len() != len(log) || newest.Len() != len(log) || sample.Len() != len(log)) {
			t.Fatalf("all %d danmaku would fit, and %d, %d, %d are kept", len(log), oldest.Len(), newest.Len(), sample.Len())
		}
		if oldest.Len() > 0 && oldest.First() != rows.First() || newest.Len() > 0 && newest.Last() != rows.Last() ||
			sample.Len() > 0 && sample.Last() != rows.Last() {
			t.Fatal("a cut keeps the wrong end")
		}
	})
}

func TestSampleIsEven(t *testing.T) {
	log := some(1, 1000, 5000)
	rows := RowsAfter(0, blocksOf(log))
	_, size := rows.in(wire.JSON, 1)
	cut := rows.Sample(wire.JSON, size/10)
	if cut.Len() < 80 || cut.Len() > 110 {
		t.Fatalf("%d of 1000 are a tenth", cut.Len())
	}
	for i, p := range cut.parts[1:] {
		if step := p.block.rows[p.from].Position.Offset - cut.parts[i].block.rows[cut.parts[i].from].Position.Offset; step < 9 || step > 12 {
			t.Errorf("%d are left out at once", step)
		}
	}
}

func TestBytesAreMadeOnce(t *testing.T) {
	b := blocksOf(some(1, 50, 100))[0]
	rows := RowsAfter(0, []*Block{b})
	for _, e := range []wire.Encoding{wire.Proto, wire.JSON} {
		first, _ := rows.in(e, 1)
		second, _ := RowsAfter(10, []*Block{b}).in(e, 1)
		if &first[0][len(first[0])-1] != &second[0][len(second[0])-1] {
			t.Errorf("%v: two readers have bytes of their own", e)
		}
	}
}

func TestFramesOfOtherKinds(t *testing.T) {
	at := func(o position.Offset) position.Position { return position.Position{Epoch: 7, Offset: o} }
	info := room.Info{Room: "42", Online: 3, Live: true, BroadcastStart: time.UnixMilli(9), MaxLength: 100, SlowMode: 5 * time.Second, Broadcast: "b"}
	for name, c := range map[string]struct{ got, want *wirepb.ServerFrame }{
		"a gap": {Gap("42", at(5), at(9), "slow"), &wirepb.ServerFrame{Body: &wirepb.ServerFrame_Gap{Gap: &wirepb.Gap{
			Room: "42", From: wire.FromPosition(at(5)), To: wire.FromPosition(at(9)), Count: 4, Reason: "slow",
		}}}},
		"the end of a room": {Gap("42", at(5), position.Position{}, "room_closed"), &wirepb.ServerFrame{Body: &wirepb.ServerFrame_Gap{Gap: &wirepb.Gap{
			Room: "42", Reason: "room_closed",
		}}}},
		"a batch that left something out": {Batch("42", at(5), at(9), 1, "sampled"), &wirepb.ServerFrame{Body: &wirepb.ServerFrame_Batch{Batch: &wirepb.Batch{
			Room: "42", From: wire.FromPosition(at(5)), To: wire.FromPosition(at(9)), Skipped: 3, Why: "sampled",
		}}}},
		"a state": {State(&info, 8), &wirepb.ServerFrame{Body: &wirepb.ServerFrame_RoomState{RoomState: &wirepb.RoomState{
			Room: "42", Online: 3, SlowModeSeconds: 5, MaxLength: 100, Live: true, BroadcastStartMs: 9, Broadcast: "b", Version: 8,
		}}}},
	} {
		if diff := cmp.Diff(c.want, c.got, protocmp.Transform()); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		for _, e := range []wire.Encoding{wire.Proto, wire.JSON} {
			back, err := wire.DecodeServer(e, open(t, e, Append(nil, e, c.got, Rows{})))
			if diff := cmp.Diff(c.want, back, protocmp.Transform()); diff != "" || err != nil {
				t.Errorf("%s, %v: %v\n%s", name, e, err, diff)
			}
		}
	}
	if got := Append([]byte("x"), wire.Proto, &wirepb.ServerFrame{Body: &wirepb.ServerFrame_Left{Left: &wirepb.Left{Room: "\xff"}}}, Rows{}); string(got) != "x" {
		t.Errorf("what cannot be encoded became %q", got)
	}
}

// TestABatchFromTheBeginningHasNoFrom: the place before everything is not named.
func TestABatchFromTheBeginningHasNoFrom(t *testing.T) {
	to := position.Position{Epoch: 1, Offset: 2}
	if b := Batch("42", position.Position{}, to, 2, "").GetBatch(); b.From != nil || b.GetTo().GetOffset() != 2 || b.GetSkipped() != 0 {
		t.Errorf("%v", b)
	}
}

// TestFrameAllocatesLittle holds the budget of a frame whose danmaku have their bytes: the header and the
// buffer.
func TestFrameAllocatesLittle(t *testing.T) {
	rows := RowsAfter(0, blocksOf(some(1, 100, 200)))
	for _, e := range []wire.Encoding{wire.Proto, wire.JSON} {
		head := Batch("42", position.Position{}, rows.Last(), rows.Len(), "")
		Append(nil, e, head, rows)
		if n := testing.AllocsPerRun(20, func() { Append(nil, e, head, rows) }); n > 3 {
			t.Errorf("%v: %v allocations", e, n)
		}
	}
}

// BenchmarkAppend measures a frame of 100 danmaku, as a join makes it, with bytes that exist and with bytes
// to be made.
func BenchmarkAppend(b *testing.B) {
	log := some(1, 100, 200)
	for _, e := range []wire.Encoding{wire.Proto, wire.JSON} {
		rows := RowsAfter(0, blocksOf(log))
		head := Batch("42", position.Position{}, rows.Last(), rows.Len(), "")
		b.Run(fmt.Sprint("again/", e), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				Append(nil, e, head, rows)
			}
		})
		b.Run(fmt.Sprint("first/", e), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				Append(nil, e, head, RowsAfter(0, blocksOf(log)))
			}
		})
	}
}

// TestRoomsWeighTheirDanmakuRight ties the rooms' bounds to the frames': what a room calls a danmaku's
// weight bounds its bytes, and what it sends at once fits into one frame.
func TestRoomsWeighTheirDanmakuRight(t *testing.T) {
	if room.MaxBatchBytes > wire.MaxListing {
		t.Errorf("a batch may weigh %d, a frame lists %d bytes", room.MaxBatchBytes, wire.MaxListing)
	}
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.OneOf(rapid.String(), rapid.StringOf(rapid.SampledFrom([]rune("\"\\<&\u2028\x7f弹🎉a"))))
		d := room.Danmaku{
			Position: position.Position{Epoch: 1 << 53, Offset: 1 << 63}, User: "9007199254740991", Name: text.Draw(t, "name"), Text: text.Draw(t, "text"),
			Mode: room.Bottom, Size: room.Small, Colour: 0xFFFFFE, MediaTime: 1 << 62, At: time.UnixMilli(1 << 50),
		}
		for _, e := range []wire.Encoding{wire.Proto, wire.JSON} {
			parts, size := RowsOf([]room.Danmaku{d}).in(e, 7) // another epoch than its own, so that it is named
			if size > d.Weight() {
				t.Fatalf("%v: weighs %d, takes %d: %q", e, d.Weight(), size, parts)
			}
		}
	})
}
