package wire

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/barrage-live/barrage/internal/wire/wirepb"
)

// Three messages list danmaku: batch, joined and history_page. Everybody in a room is told the same ones,
// so their bytes are made once and the frames are put together of them: AppendElement makes the bytes,
// AppendListing a frame. Both give exactly what the generated encoders would, without reflection.

// listField is the number of the field danmaku. It is the last of each message, so that its elements follow
// everything else.
const listField protowire.Number = 15

// AppendElement appends the bytes of one danmaku as an element of a list. Elements follow each other
// without more ado, in the order of the list. Text that is not UTF-8, which rooms refuse, is mended.
func AppendElement(dst []byte, e Encoding, d *wirepb.Danmaku) []byte {
	if e == JSON {
		// Every element ends with a comma; the frame takes off the last one.
		return append(appendDanmakuJSON(dst, d), ',')
	}
	dst = protowire.AppendTag(dst, listField, protowire.BytesType)
	at := len(dst)
	dst = appendDanmakuProto(dst, d)
	return insertLength(dst, at)
}

// insertLength puts the length of what stands after at before it.
func insertLength(dst []byte, at int) []byte {
	n := len(dst) - at
	size := protowire.SizeVarint(uint64(n))
	for range size {
		dst = append(dst, 0)
	}
	copy(dst[at+size:], dst[at:at+n])
	protowire.AppendVarint(dst[:at], uint64(n))
	return dst
}

// AppendListing appends a frame: a head that lists no danmaku, and the elements of its list, in parts that
// AppendElement has made. A body that cannot list danmaku, or cannot be encoded, appends nothing: that is
// our own bug.
func AppendListing(dst []byte, e Encoding, head *wirepb.ServerFrame, parts ...[]byte) []byte {
	if e == JSON {
		return appendListingJSON(dst, head, parts)
	}
	body, number := listing(head)
	if body == nil {
		return dst
	}
	size := proto.Size(body)
	for _, p := range parts {
		size += len(p)
	}
	begin := len(dst)
	if head.GetId() != 0 {
		dst = protowire.AppendTag(dst, 1, protowire.VarintType)
		dst = protowire.AppendVarint(dst, head.GetId())
	}
	dst = protowire.AppendTag(dst, number, protowire.BytesType)
	dst = protowire.AppendVarint(dst, uint64(size))
	dst, err := proto.MarshalOptions{Deterministic: true, UseCachedSize: true}.MarshalAppend(dst, body)
	if err != nil {
		return dst[:begin]
	}
	for _, p := range parts {
		dst = append(dst, p...)
	}
	return dst
}

// listing gives the body of a frame that lists danmaku and its number in ServerFrame; nil for other bodies.
func listing(head *wirepb.ServerFrame) (proto.Message, protowire.Number) {
	switch b := head.GetBody().(type) {
	case *wirepb.ServerFrame_Joined:
		return b.Joined, 4
	case *wirepb.ServerFrame_Batch:
		return b.Batch, 8
	case *wirepb.ServerFrame_HistoryPage:
		return b.HistoryPage, 11
	}
	return nil, 0
}

// NameEpochs gives every danmaku that a frame lists its epoch, which is left out where it is that of the
// position at which the message ends. It is for clients.
func NameEpochs(f *wirepb.ServerFrame) {
	var list []*wirepb.Danmaku
	var end *wirepb.Position
	switch b := f.GetBody().(type) {
	case *wirepb.ServerFrame_Batch:
		list, end = b.Batch.GetDanmaku(), b.Batch.GetTo()
	case *wirepb.ServerFrame_Joined:
		list, end = b.Joined.GetDanmaku(), b.Joined.GetPosition()
	case *wirepb.ServerFrame_HistoryPage:
		list, end = b.HistoryPage.GetDanmaku(), b.HistoryPage.GetTo()
	}
	for _, d := range list {
		if d.GetEpoch() == 0 {
			d.Epoch = end.GetEpoch()
		}
	}
}

func appendDanmakuProto(dst []byte, d *wirepb.Danmaku) []byte {
	dst = appendUint(dst, 1, d.GetEpoch())
	dst = appendUint(dst, 2, d.GetOffset())
	dst = appendUint(dst, 3, d.GetUser())
	dst = appendText(dst, 4, d.GetName())
	dst = appendText(dst, 5, d.GetText())
	dst = appendUint(dst, 6, uint64(d.GetMode()))
	if d.Colour != nil {
		dst = protowire.AppendTag(dst, 7, protowire.VarintType)
		dst = protowire.AppendVarint(dst, uint64(d.GetColour()))
	}
	dst = appendUint(dst, 8, uint64(d.GetSize()))
	if d.MediaTimeMs != nil {
		dst = protowire.AppendTag(dst, 9, protowire.VarintType)
		dst = protowire.AppendVarint(dst, d.GetMediaTimeMs())
	}
	return appendUint(dst, 10, uint64(d.GetSentAtMs()))
}

func appendUint(dst []byte, n protowire.Number, v uint64) []byte {
	if v == 0 {
		return dst
	}
	return protowire.AppendVarint(protowire.AppendTag(dst, n, protowire.VarintType), v)
}

func appendText(dst []byte, n protowire.Number, s string) []byte {
	if s == "" {
		return dst
	}
	return protowire.AppendString(protowire.AppendTag(dst, n, protowire.BytesType), valid(s))
}

func valid(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	return strings.ToValidUTF8(s, string(utf8.RuneError))
}

func appendListingJSON(dst []byte, head *wirepb.ServerFrame, parts [][]byte) []byte {
	w := object{append(dst, '{')}
	w.uint64("id", head.GetId())
	switch b := head.GetBody().(type) {
	case *wirepb.ServerFrame_Batch:
		w.open("batch")
		w.batch(b.Batch)
	case *wirepb.ServerFrame_Joined:
		w.open("joined")
		w.joined(b.Joined)
	case *wirepb.ServerFrame_HistoryPage:
		w.open("history_page")
		w.historyPage(b.HistoryPage)
	default:
		return dst
	}
	if some(parts) {
		w.name("danmaku")
		w.b = append(w.b, '[')
		for _, p := range parts {
			w.b = append(w.b, p...)
		}
		w.b[len(w.b)-1] = ']'
	}
	return append(w.b, '}', '}')
}

func some(parts [][]byte) bool {
	for _, p := range parts {
		if len(p) > 0 {
			return true
		}
	}
	return false
}

func (w *object) batch(b *wirepb.Batch) {
	w.text("room", b.GetRoom())
	w.position("from", b.GetFrom())
	w.position("to", b.GetTo())
	w.uint32("skipped", b.GetSkipped())
	w.text("why", b.GetWhy())
}

func (w *object) joined(j *wirepb.Joined) {
	w.text("room", j.GetRoom())
	w.position("position", j.GetPosition())
	w.flag("recovered", j.GetRecovered())
	w.flag("more", j.GetMore())
	w.text("reason", j.GetReason())
	if s := j.GetState(); s != nil {
		w.open("state")
		w.roomState(s)
		w.b = append(w.b, '}')
	}
}

func (w *object) historyPage(p *wirepb.HistoryPage) {
	w.text("room", p.GetRoom())
	w.position("to", p.GetTo())
	w.flag("more", p.GetMore())
}

func (w *object) roomState(s *wirepb.RoomState) {
	w.text("room", s.GetRoom())
	w.uint32("online", s.GetOnline())
	w.uint32("slow_mode_seconds", s.GetSlowModeSeconds())
	w.uint32("max_length", s.GetMaxLength())
	w.flag("live", s.GetLive())
	w.int64("broadcast_start_ms", s.GetBroadcastStartMs())
	w.text("broadcast", s.GetBroadcast())
	w.uint64("version", s.GetVersion())
}

func (w *object) position(name string, p *wirepb.Position) {
	if p == nil {
		return
	}
	w.open(name)
	w.uint64("epoch", p.GetEpoch())
	w.uint64("offset", p.GetOffset())
	w.b = append(w.b, '}')
}

// appendDanmakuJSON writes what an object would, with the names as one piece each: danmaku are most of what
// a node encodes. Every member begins with a comma, and the first one makes way for the brace.
func appendDanmakuJSON(dst []byte, d *wirepb.Danmaku) []byte {
	begin := len(dst)
	if v := d.GetEpoch(); v != 0 {
		dst = append(strconv.AppendUint(append(dst, `,"epoch":"`...), v, 10), '"')
	}
	if v := d.GetOffset(); v != 0 {
		dst = append(strconv.AppendUint(append(dst, `,"offset":"`...), v, 10), '"')
	}
	if v := d.GetUser(); v != 0 {
		dst = append(strconv.AppendUint(append(dst, `,"user":"`...), v, 10), '"')
	}
	if v := d.GetName(); v != "" {
		dst = appendQuoted(append(dst, `,"name":`...), valid(v))
	}
	if v := d.GetText(); v != "" {
		dst = appendQuoted(append(dst, `,"text":`...), valid(v))
	}
	if v := d.GetMode(); v != 0 {
		dst = appendEnum(append(dst, `,"mode":`...), int32(v), wirepb.Mode_name)
	}
	if d.Colour != nil {
		dst = strconv.AppendUint(append(dst, `,"colour":`...), uint64(d.GetColour()), 10)
	}
	if v := d.GetSize(); v != 0 {
		dst = appendEnum(append(dst, `,"size":`...), int32(v), wirepb.Size_name)
	}
	if d.MediaTimeMs != nil {
		dst = append(strconv.AppendUint(append(dst, `,"media_time_ms":"`...), d.GetMediaTimeMs(), 10), '"')
	}
	if v := d.GetSentAtMs(); v != 0 {
		dst = append(strconv.AppendInt(append(dst, `,"sent_at_ms":"`...), v, 10), '"')
	}
	if len(dst) == begin {
		return append(dst, '{', '}')
	}
	dst[begin] = '{'
	return append(dst, '}')
}
