package room

import (
	"encoding/binary"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/barrage-live/barrage/actors/live/room/roompb"
	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/id"
	"github.com/barrage-live/barrage/internal/position"
)

// The first byte of a row's key says what the row is.
const (
	cardPrefix = 'c'
	headPrefix = 'h'
	// indexPrefix is of the cursor of the index.
	indexPrefix = 'i'
	logPrefix   = 'l'
	mutePrefix  = 'm'

	logKeySize = 1 + 8
)

var errRow = fault.New(fault.Internal, "room_row_damaged", "a row of the room does not have its form")

func cardKey() []byte { return []byte{cardPrefix} }

func headKey() []byte { return []byte{headPrefix} }

func logKey(o position.Offset) []byte {
	return binary.BigEndian.AppendUint64([]byte{logPrefix}, uint64(o))
}

func muteKey(user id.User) []byte { return append([]byte{mutePrefix}, user...) }

// encodeDanmaku gives the row of a danmaku.
func encodeDanmaku(d *Danmaku) (key, value []byte, err error) {
	value, err = proto.Marshal(rowOf(d))
	return logKey(d.Position.Offset), value, err
}

// rowOf is a danmaku as it is stored and sent. Its offset stands beside it.
func rowOf(d *Danmaku) *roompb.Danmaku {
	return &roompb.Danmaku{
		Epoch: uint64(d.Position.Epoch), Key: d.Key, User: string(d.User), Name: d.Name, Text: d.Text,
		Mode: uint32(d.Mode), Colour: d.Colour, Size: uint32(d.Size), MediaTimeMs: mediaMs(d.MediaTime),
		SentAtMs: d.At.UnixMilli(), Broadcast: string(d.Broadcast),
	}
}

// decodeDanmaku reads a row of the log. What could not have been written is refused.
func decodeDanmaku(key, value []byte) (Danmaku, error) {
	var m roompb.Danmaku
	if len(key) != logKeySize || key[0] != logPrefix || proto.Unmarshal(value, &m) != nil {
		return Danmaku{}, errRow
	}
	return danmakuAt(position.Offset(binary.BigEndian.Uint64(key[1:])), &m)
}

// danmakuAt is the danmaku of a row. What no room could have made is refused.
func danmakuAt(offset position.Offset, m *roompb.Danmaku) (Danmaku, error) {
	d := Danmaku{
		Position: position.Position{Epoch: position.Epoch(m.GetEpoch()), Offset: offset},
		Key:      m.GetKey(), User: id.User(m.GetUser()), Name: m.GetName(), Text: m.GetText(),
		Colour: m.GetColour(), MediaTime: mediaDuration(m.GetMediaTimeMs()),
		At: time.UnixMilli(m.GetSentAtMs()).UTC(), Broadcast: id.Broadcast(m.GetBroadcast()),
	}
	if d.Position.Offset == 0 || m.GetMode() < 1 || m.GetMode() > uint32(Bottom) || m.GetSize() < 1 || m.GetSize() > uint32(Large) {
		return Danmaku{}, errRow
	}
	d.Mode, d.Size = Mode(m.GetMode()), Size(m.GetSize())
	return d, nil
}

func mediaMs(d time.Duration) int64 {
	if d < 0 {
		return -1
	}
	return d.Milliseconds()
}

func mediaDuration(ms int64) time.Duration {
	const most = int64(1<<63-1) / int64(time.Millisecond)
	if ms < 0 || ms > most {
		return MediaUnknown
	}
	return time.Duration(ms) * time.Millisecond
}

func encodeHead(p position.Position) ([]byte, error) {
	return proto.Marshal(&roompb.Head{Epoch: uint64(p.Epoch), Offset: uint64(p.Offset)})
}

func decodeHead(value []byte) (position.Position, error) {
	var m roompb.Head
	if proto.Unmarshal(value, &m) != nil || m.GetOffset() == 0 {
		return position.Position{}, errRow
	}
	return position.Position{Epoch: position.Epoch(m.GetEpoch()), Offset: position.Offset(m.GetOffset())}, nil
}

func encodeCard(r record) ([]byte, error) {
	m := &roompb.Card{
		Channel: string(r.Channel), Owner: string(r.Owner), SlowModeMs: r.Settings.SlowMode.Milliseconds(),
		MaxLength: uint32(r.Settings.MaxLength), Broadcast: string(r.broadcast), CreatedAtMs: r.Created.UnixMilli(),
		Bucket: r.bucket, SaidByEpoch: uint64(r.saidBy.Epoch), SaidByActivation: r.saidBy.Activation,
	}
	if r.broadcast != "" {
		m.BroadcastStartMs = r.start.UnixMilli()
	}
	return proto.Marshal(m)
}

func decodeCard(room id.Room, value []byte) (record, error) {
	var m roompb.Card
	if proto.Unmarshal(value, &m) != nil {
		return record{}, errRow
	}
	slow := m.GetSlowModeMs()
	if slow < 0 || slow > maxSlowMode.Milliseconds() || m.GetMaxLength() < 1 || m.GetMaxLength() > MaxLength {
		return record{}, errRow
	}
	r := record{
		Card: Card{
			Room: room, Channel: id.Channel(m.GetChannel()), Owner: id.User(m.GetOwner()),
			Settings: Settings{SlowMode: time.Duration(slow) * time.Millisecond, MaxLength: int(m.GetMaxLength())},
			Created:  time.UnixMilli(m.GetCreatedAtMs()).UTC(),
		},
		broadcast: id.Broadcast(m.GetBroadcast()), bucket: m.GetBucket(),
		saidBy: position.Fence{Epoch: position.Epoch(m.GetSaidByEpoch()), Activation: m.GetSaidByActivation()},
	}
	if r.broadcast != "" {
		r.start = time.UnixMilli(m.GetBroadcastStartMs()).UTC()
	}
	return r, nil
}

func encodeMute(m Mute) ([]byte, error) {
	return proto.Marshal(&roompb.Mute{UntilMs: m.Until.UnixMilli(), By: string(m.By), AtMs: m.At.UnixMilli()})
}

func decodeMute(key, value []byte) (Mute, error) {
	var m roompb.Mute
	if len(key) < 2 || key[0] != mutePrefix || proto.Unmarshal(value, &m) != nil {
		return Mute{}, errRow
	}
	return Mute{
		User: id.User(key[1:]), Until: time.UnixMilli(m.GetUntilMs()).UTC(), By: id.User(m.GetBy()),
		At: time.UnixMilli(m.GetAtMs()).UTC(),
	}, nil
}
