package hub

import (
	"sync"
	"time"

	"github.com/barrage-live/barrage/actors/room"
	"github.com/barrage-live/barrage/gateway/session"
	"github.com/barrage-live/barrage/internal/id"
	"github.com/barrage-live/barrage/internal/position"
	"github.com/barrage-live/barrage/internal/rfc6455"
	"github.com/barrage-live/barrage/internal/wire"
	"github.com/barrage-live/barrage/internal/wire/wirepb"
)

// prepared is a batch and its bytes: whole websocket frames, made once per encoding, immutable, shared by all sockets.
type prepared struct {
	room    id.Room
	from    position.Position // before danmaku
	danmaku []room.Danmaku
	info    *room.Info
	version uint64 // of info
	came    time.Time
	metrics *Metrics

	variants [wire.Encodings]struct {
		once  sync.Once
		bytes []byte
	}
}

// bytes gives the frames in an encoding.
func (p *prepared) bytes(e wire.Encoding) []byte {
	v := &p.variants[e]
	v.once.Do(func() {
		v.bytes = p.encode(e, p.from, p.danmaku)
		p.metrics.encoded.Inc()
	})
	return v.bytes
}

func (p *prepared) encode(e wire.Encoding, from position.Position, danmaku []room.Danmaku) []byte {
	var frames []byte
	if len(danmaku) > 0 {
		frames = appendFrame(frames, e, session.BatchFrame(p.room, from, danmaku))
	}
	if p.info != nil {
		frames = appendFrame(frames, e, session.StateFrame(*p.info, p.version))
	}
	return frames
}

// behind gives the frames without the danmaku up to an offset.
func (p *prepared) behind(e wire.Encoding, known position.Offset) []byte {
	rest := after(p.danmaku, known)
	if len(rest) == len(p.danmaku) {
		return p.bytes(e)
	}
	return p.encode(e, position.Position{Epoch: p.from.Epoch, Offset: known}, rest)
}

// after cuts off the danmaku up to an offset.
func after(danmaku []room.Danmaku, known position.Offset) []room.Danmaku {
	for len(danmaku) > 0 && danmaku[0].Position.Offset <= known {
		danmaku = danmaku[1:]
	}
	return danmaku
}

// Frame makes the bytes of one server frame for one socket. A frame that cannot be encoded, which only text that is not
// UTF-8 brings about and rooms refuse, becomes no bytes.
func Frame(e wire.Encoding, f *wirepb.ServerFrame) []byte { return appendFrame(nil, e, f) }

func appendFrame(dst []byte, e wire.Encoding, f *wirepb.ServerFrame) []byte {
	b, err := wire.Encode(e, f)
	if err != nil {
		return dst
	}
	op := rfc6455.Binary
	if e.Text() {
		op = rfc6455.Text
	}
	return rfc6455.AppendFrame(dst, op, b)
}
