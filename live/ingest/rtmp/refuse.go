package rtmp

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"time"

	"github.com/bluenviron/gortmplib"
	"github.com/bluenviron/gortmplib/pkg/amf0"
	"github.com/bluenviron/gortmplib/pkg/message"

	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/live"
)

// status is the RTMP code for a refusal. A wrong key and a wrong path look the same.
func status(err error) string {
	e := fault.From(err)
	switch {
	case e.Code == errPlay.Code:
		return "NetStream.Play.Failed"
	case errors.Is(err, live.ErrTakenOver):
		return "NetStream.Publish.BadName"
	case e.Code == errCodec.Code, e.Code == errNoTracks.Code, e.Code == "bad_video_config",
		e.Code == "bad_audio_config", e.Code == errProtocol.Code, e.Code == errBitrate.Code:
		return "NetStream.Publish.Rejected"
	}
	switch e.Kind {
	case fault.Unauthenticated, fault.NotFound, fault.Invalid:
		return "NetStream.Publish.BadName"
	case fault.Denied, fault.Conflict, fault.Exhausted, fault.Fenced:
		return "NetStream.Publish.Denied"
	default:
		return "NetStream.Failed"
	}
}

const (
	// farewell is how long a refused client gets to read why.
	farewell = time.Second
	// farewellBytes is how much of what it still sends is read meanwhile: closing over unread bytes would
	// reset the connection and take the refusal with it. Socket buffers of both sides may be full when a
	// publisher sends too much.
	farewellBytes = 8 << 20
)

// tell sends a refusal and waits until the client has closed, for a while.
func tell(g *guard, sc *gortmplib.ServerConn, err error) {
	if g.takeLeave(farewell) != nil {
		return
	}
	if sc.Write(&message.CommandAMF0{
		ChunkStreamID:   5,
		MessageStreamID: 0x1000000,
		Name:            "onStatus",
		Arguments: []any{
			nil,
			amf0.Object{
				{Key: "level", Value: "error"},
				{Key: "code", Value: status(err)},
				{Key: "description", Value: fault.From(err).Message},
			},
		},
	}) != nil {
		return
	}
	if half, ok := g.Conn.(interface{ CloseWrite() error }); ok && half.CloseWrite() == nil {
		_, _ = io.CopyN(io.Discard, g.Conn, farewellBytes) // whatever it says, we are done
	}
}

// reason turns what a read ended with into a fault, without the URL that the library may put into it.
func (c *conn) reason(err error) error {
	var timeout net.Error
	header := badHeader(err)
	switch {
	case err == nil:
		return live.ErrEnded
	case c.ctx.Err() != nil:
		return context.Cause(c.ctx)
	case c.guard.refused != nil:
		return c.guard.refused
	case errors.As(err, &timeout) && timeout.Timeout():
		return errSilent
	case header != nil: // before the next: of one that is cut the library says that it met its end
		return header
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, net.ErrClosed), isReset(err):
		return errLost
	}
	if known, ok := errors.AsType[*fault.Error](err); ok {
		return known
	}
	return errProtocol
}

// badHeader tells what the library could not read of a sequence header, nil if that is not what happened. It
// says so in words alone; should they change, the publisher is refused all the same, as errProtocol.
func badHeader(err error) error {
	if err == nil {
		return nil
	}
	for _, h := range [...]struct {
		words string
		means *fault.Error
	}{
		{"multiple H265", fault.New(fault.Invalid, "bad_video_config", "more than one H.265 parameter set of a kind is not carried")},
		{"H264 config", fault.New(fault.Invalid, "bad_video_config", "the sequence header of the H.264 video cannot be read")},
		{"H265 config", fault.New(fault.Invalid, "bad_video_config", "the sequence header of the H.265 video cannot be read")},
		{"AV1 config", fault.New(fault.Invalid, "bad_video_config", "the sequence header of the AV1 video cannot be read")},
		{"MPEG4 audio config", fault.New(fault.Invalid, "bad_audio_config", "this kind of AAC is not carried; choose AAC-LC or HE-AAC")},
		{"MPEG-4 audio config", fault.New(fault.Invalid, "bad_audio_config", "this kind of AAC is not carried; choose AAC-LC or HE-AAC")},
		{"Opus ID header", fault.New(fault.Invalid, "bad_audio_config", "the identification header of the Opus audio cannot be read")},
	} {
		if strings.Contains(err.Error(), h.words) {
			return h.means
		}
	}
	return nil
}

// passable reports whether what the library could not read may be passed over: not the sequence header of a
// publication that has yet to begin, without which nothing will come of it, and never parameter sets that we
// do not carry. The library cannot read that of VP9 as FFmpeg writes it, whose key frames say all that is in
// it, nor one that is a byte stream.
func (c *conn) passable(err error) bool {
	return byteStream(c.guard.message) ||
		!strings.Contains(err.Error(), "parameters are not supported") && (c.published || badHeader(err) == nil)
}

func isReset(err error) bool {
	var op *net.OpError
	return errors.As(err, &op)
}

// The ways in which a connection ends.
var (
	errPlay     = fault.New(fault.Denied, "play_unsupported", "nothing is played over RTMP here; open the channel's page or its HLS playlist")
	errSilent   = fault.New(fault.Timeout, "publisher_silent", "the publisher sent nothing for too long")
	errLost     = fault.New(fault.Unavailable, "publisher_lost", "the publisher's connection broke")
	errProtocol = fault.New(fault.Invalid, "bad_rtmp", "what came is not valid RTMP")
	errPanic    = fault.New(fault.Internal, "panicked", "the connection could not be handled")
	errStopping = fault.New(fault.Unavailable, "server_stopping", "the server is stopping")
)
