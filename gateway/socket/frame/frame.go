package frame

import (
	"slices"
	"strconv"
	"time"

	"github.com/barrage-live/barrage/actors/live/room"
	"github.com/barrage-live/barrage/internal/id"
	"github.com/barrage-live/barrage/internal/position"
	"github.com/barrage-live/barrage/internal/rfc6455"
	"github.com/barrage-live/barrage/internal/wire"
	"github.com/barrage-live/barrage/internal/wire/wirepb"
)

const (
	// usual is the length of the header that most frames have: those of 126 to 65535 bytes.
	usual = 4
	// headBytes is room for what stands before the danmaku of a frame.
	headBytes = 512
)

// Append appends a server frame as a websocket frame: f, which lists no danmaku itself, with rows as its
// list.
func Append(dst []byte, e wire.Encoding, f *wirepb.ServerFrame, rows Rows) []byte {
	begin := len(dst)
	end, lists := listEnd(f)
	if lists {
		parts, size := rows.in(e, end)
		dst = slices.Grow(dst, size+headBytes)
		dst = wire.AppendListing(append(dst, make([]byte, usual)...), e, f, parts...)
	} else if b, err := wire.Encode(e, f); err == nil {
		dst = append(append(slices.Grow(dst, usual+len(b)), make([]byte, usual)...), b...)
	}
	return wrap(dst, begin, e)
}

// wrap writes the header of the frame whose payload stands after the bytes left for it. Without a payload
// there is no frame.
func wrap(dst []byte, begin int, e wire.Encoding) []byte {
	n := len(dst) - begin - usual
	if n <= 0 {
		return dst[:begin]
	}
	op := rfc6455.Binary
	if e.Text() {
		op = rfc6455.Text
	}
	var room [14]byte
	header := rfc6455.AppendHeader(room[:0], op, true, n)
	if len(header) != usual {
		payload := dst[begin+usual:]
		dst = slices.Grow(dst, len(header)-min(len(header), usual))[:begin+len(header)+n]
		copy(dst[begin+len(header):], payload)
	}
	copy(dst[begin:], header)
	return dst
}

// listEnd is the epoch of the position at which a frame that lists danmaku ends.
func listEnd(f *wirepb.ServerFrame) (end position.Epoch, lists bool) {
	switch b := f.GetBody().(type) {
	case *wirepb.ServerFrame_Batch:
		return position.Epoch(b.Batch.GetTo().GetEpoch()), true
	case *wirepb.ServerFrame_Joined:
		return position.Epoch(b.Joined.GetPosition().GetEpoch()), true
	case *wirepb.ServerFrame_HistoryPage:
		return position.Epoch(b.HistoryPage.GetTo().GetEpoch()), true
	}
	return 0, false
}

// Batch is the head of a batch of n danmaku over a range; why tells of those that were left out.
func Batch(r id.Room, from, to position.Position, n int, why string) *wirepb.ServerFrame {
	var head struct { // one piece of memory: there is a head for every tick of every room
		frame    wirepb.ServerFrame
		body     wirepb.ServerFrame_Batch
		batch    wirepb.Batch
		from, to wirepb.Position
	}
	head.batch.Room = string(r)
	head.batch.From, head.batch.To = wire.PutPosition(&head.from, from), wire.PutPosition(&head.to, to)
	if skipped := int(to.Offset-from.Offset) - n; skipped > 0 {
		head.batch.Skipped, head.batch.Why = uint32(skipped), why
	}
	head.body.Batch = &head.batch
	head.frame.Body = &head.body
	return &head.frame
}

// Gap says that a range does not come, or, without to, that the connection is in the room no longer.
func Gap(r id.Room, from, to position.Position, reason string) *wirepb.ServerFrame {
	g := &wirepb.Gap{Room: string(r), Reason: reason}
	if !to.IsZero() {
		g.From, g.To, g.Count = wire.FromPosition(from), wire.FromPosition(to), uint32(to.Offset-from.Offset)
	}
	return &wirepb.ServerFrame{Body: &wirepb.ServerFrame_Gap{Gap: g}}
}

// State is the news of a room's state, under a version that grows over a connection.
func State(info *room.Info, version uint64) *wirepb.ServerFrame {
	return &wirepb.ServerFrame{Body: &wirepb.ServerFrame_RoomState{RoomState: RoomState(info, version)}}
}

// RoomState is a room's state as a part of other frames.
func RoomState(info *room.Info, version uint64) *wirepb.RoomState {
	s := &wirepb.RoomState{
		Room: string(info.Room), Online: uint32(max(0, info.Online)), SlowModeSeconds: uint32(info.SlowMode / time.Second),
		MaxLength: uint32(info.MaxLength), Live: info.Live, Broadcast: string(info.Broadcast), Version: version,
	}
	if info.Live {
		s.BroadcastStartMs = info.BroadcastStart.UnixMilli()
	}
	return s
}

// fill fills in a danmaku, what is usual being absent. Its epoch is not named. media holds the media time
// of the result.
func fill(f *wirepb.Danmaku, d *room.Danmaku, media *uint64) {
	f.Epoch, f.Offset, f.User = 0, uint64(d.Position.Offset), User(d.User)
	f.Name, f.Text = d.Name, d.Text
	f.Mode, f.Colour, f.Size, f.MediaTimeMs = 0, nil, 0, nil
	if d.Mode != room.Scroll {
		f.Mode = wirepb.Mode(d.Mode)
	}
	if d.Colour != wire.White {
		f.Colour = &d.Colour
	}
	if d.Size != room.Normal {
		f.Size = wirepb.Size(d.Size)
	}
	if d.MediaTime >= 0 {
		*media = uint64(d.MediaTime.Milliseconds())
		f.MediaTimeMs = media
	}
	f.SentAtMs = d.At.UnixMilli()
}

// User is a user on the wire; 0 is none.
func User(u id.User) uint64 {
	n, _ := strconv.ParseUint(string(u), 10, 64) // users are numbers, but for nobody
	return n
}
