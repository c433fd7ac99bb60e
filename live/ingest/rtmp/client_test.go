package rtmp_test

import (
	"context"
	"encoding/binary"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/abema/go-mp4"
	"github.com/bluenviron/gortmplib/pkg/amf0"
	"github.com/bluenviron/gortmplib/pkg/bytecounter"
	"github.com/bluenviron/gortmplib/pkg/handshake"
	"github.com/bluenviron/gortmplib/pkg/message"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h264"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/mpeg4audio"

	"github.com/barrage-live/barrage/internal/media"
	"github.com/barrage-live/barrage/internal/media/mediatest"
	"github.com/barrage-live/barrage/live/livetest"
)

// client is a publisher that speaks RTMP command by command.
type client struct {
	*message.ReadWriter
	t  *testing.T
	nc net.Conn
}

// dial opens a connection from one of this machine's addresses and says nothing.
func dial(t *testing.T, w *livetest.World, from string) net.Conn {
	t.Helper()
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
	nc, err := d.DialContext(context.Background(), "tcp", w.RTMP.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = nc.Close() })
	return nc
}

// connect opens a connection and leads it up to a command, "publish" or "play".
func connect(t *testing.T, w *livetest.World, app, command, name string) *client {
	t.Helper()
	return connectFrom(t, w, "127.0.0.1", app, command, name)
}

// connectFrom is connect from another address.
func connectFrom(t *testing.T, w *livetest.World, from, app, command, name string) *client {
	t.Helper()
	nc := dial(t, w, from)
	if err := nc.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	bc := bytecounter.NewReadWriter(nc)
	if _, _, err := handshake.DoClient(bc, false, false); err != nil {
		t.Fatal(err)
	}
	c := &client{message.NewReadWriter(bc, bc, true), t, nc}
	c.send(&message.CommandAMF0{ChunkStreamID: 3, Name: "connect", CommandID: 1, Arguments: []any{amf0.Object{
		{Key: "app", Value: app},
		{Key: "tcUrl", Value: "rtmp://" + w.RTMP.Addr().String() + "/" + app},
	}}})
	c.send(&message.CommandAMF0{ChunkStreamID: 3, Name: "createStream", CommandID: 2, Arguments: []any{nil}})
	c.send(&message.CommandAMF0{
		ChunkStreamID: 4, MessageStreamID: 0x1000000, Name: command, CommandID: 3, Arguments: []any{nil, name, "live"},
	})
	return c
}

// publish connects to a channel and waits for the permission.
func publish(t *testing.T, w *livetest.World, channel string) *client {
	t.Helper()
	c := connect(t, w, "live", "publish", "k-"+channel)
	if code := c.status(); code != "NetStream.Publish.Start" {
		t.Fatalf("publishing was answered with %s", code)
	}
	return c
}

func (c *client) send(m message.Message) {
	c.t.Helper()
	if err := c.Write(m); err != nil {
		c.t.Fatal(err)
	}
}

// raw sends bytes that the library would not write.
func (c *client) raw(b []byte) {
	c.t.Helper()
	if _, err := c.nc.Write(b); err != nil {
		c.t.Fatal(err)
	}
}

// status reads on to the next onStatus and gives its code; the error in words when the connection ends
// instead.
func (c *client) status() string {
	c.t.Helper()
	for {
		m, err := c.Read()
		if err != nil {
			return err.Error()
		}
		cmd, ok := m.(*message.CommandAMF0)
		if !ok || cmd.Name != "onStatus" {
			continue
		}
		info, _ := cmd.Arguments[1].(amf0.Object)
		code, _ := info.GetString("code")
		if text, _ := info.GetString("description"); text == "" {
			c.t.Error("a status without words")
		}
		return code
	}
}

// closed waits until the server has closed the connection.
func (c *client) closed() bool {
	for {
		if _, err := c.Read(); err != nil {
			return !strings.Contains(err.Error(), "timeout")
		}
	}
}

func avc(sps, pps []byte) *message.Video {
	return &message.Video{
		ChunkStreamID: message.VideoChunkStreamID, MessageStreamID: 0x1000000, Codec: message.CodecH264,
		IsKeyFrame: true, Type: message.VideoTypeConfig,
		AVCConfig: &mp4.AVCDecoderConfiguration{
			AnyTypeBox: mp4.AnyTypeBox{Type: mp4.BoxTypeAvcC()}, ConfigurationVersion: 1,
			Profile: sps[1], ProfileCompatibility: sps[2], Level: sps[3],
			Reserved: 0b111111, LengthSizeMinusOne: 3, Reserved2: 0b111,
			NumOfSequenceParameterSets: 1,
			SequenceParameterSets:      []mp4.AVCParameterSet{{Length: uint16(len(sps)), NALUnit: sps}},
			NumOfPictureParameterSets:  1,
			PictureParameterSets:       []mp4.AVCParameterSet{{Length: uint16(len(pps)), NALUnit: pps}},
		},
	}
}

func aac() *message.Audio {
	return &message.Audio{
		ChunkStreamID: message.AudioChunkStreamID, MessageStreamID: 0x1000000, Codec: message.CodecMPEG4Audio,
		Rate: message.AudioRate44100, Depth: message.AudioDepth16, IsStereo: true, AACType: message.AudioAACTypeConfig,
		AACConfig: &mpeg4audio.AudioSpecificConfig{
			Type: mpeg4audio.ObjectTypeAACLC, SampleRate: 48000, ChannelConfig: 2,
		},
	}
}

// metadata announces tracks as encoders do.
func metadata(video, audio float64) *message.DataAMF0 {
	return &message.DataAMF0{ChunkStreamID: 4, MessageStreamID: 0x1000000, Payload: amf0.Data{
		"@setDataFrame", "onMetaData", amf0.Object{
			{Key: "videocodecid", Value: video}, {Key: "audiocodecid", Value: audio},
		},
	}}
}

// unit sends one unit of a source whose track 0 is video.
func (c *client) unit(u media.Unit) error {
	if u.Track == 1 {
		m := aac()
		m.AACType, m.AACConfig, m.AU, m.DTS = message.AudioAACTypeAU, nil, u.Data[0], u.DTS
		return c.Write(m)
	}
	b, err := h264.AVCC(u.Data).Marshal()
	if err != nil {
		return err
	}
	return c.Write(&message.Video{
		ChunkStreamID: message.VideoChunkStreamID, MessageStreamID: 0x1000000, Codec: message.CodecH264,
		IsKeyFrame: u.Key, Type: message.VideoTypeAU, DTS: u.DTS, PTSDelta: u.PTS - u.DTS, AU: b,
	})
}

// unharmed sends a unit of sound behind the first second, as one does whom the troubles of others do not
// concern.
func (c *client) unharmed(live bool) {
	c.t.Helper()
	if err := c.unit(media.Unit{Track: 1, DTS: time.Second, Data: [][]byte{{1}}}); err != nil || !live {
		c.t.Errorf("the healthy publisher noticed: %v, live %v", err, live)
	}
}

// play sends what a source makes in a time, as fast as it goes.
func (c *client) play(src mediatest.Source, d time.Duration) {
	c.t.Helper()
	if err := c.tryPlay(src, d); err != nil {
		c.t.Fatal(err)
	}
}

// tryPlay is play for another goroutine than the test's.
func (c *client) tryPlay(src mediatest.Source, d time.Duration) error {
	src.Millis = true
	err := errors.Join(c.Write(metadata(7, map[bool]float64{true: 10}[src.Sound])), c.Write(avc(mediatest.SPS(), mediatest.PPS())))
	if src.Sound {
		err = errors.Join(err, c.Write(aac()))
	}
	for _, u := range src.Units(d) {
		if err == nil {
			err = c.unit(u)
		}
	}
	return err
}

// chunk makes one raw chunk of format 0 that announces a length.
func chunk(id, kind byte, length int, body []byte) []byte {
	b := []byte{id, 0, 0, 0, byte(length >> 16), byte(length >> 8), byte(length), kind, 0, 0, 0, 0}
	return append(b, body...)
}

// setChunkSize makes the message that sets the chunk size.
func setChunkSize(n uint32) []byte { return chunk(2, 1, 4, binary.BigEndian.AppendUint32(nil, n)) }
