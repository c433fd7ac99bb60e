// Package rtmptest publishes real streams over RTMP, and over Enhanced RTMP where the codecs need that, with
// another implementation of the client than ours.
//
// It owns the connection while Publish runs, and nothing else. Tests of whatever takes publications call it:
// live/livetest of the package, loadtest/e2e of the program. It promises real time, because players and
// clocks are looked at, and fails as the connection does.
package rtmptest

import (
	"context"
	"errors"
	"net/url"
	"time"

	"github.com/bluenviron/gortmplib"
	"github.com/bluenviron/gortmplib/pkg/codecs"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/mpeg4audio"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/opus"

	"github.com/barrage-live/barrage/internal/media"
	"github.com/barrage-live/barrage/internal/media/mediatest"
)

var errNoWriter = errors.New("no track of this codec can be published")

// Publish sends a real publication over Enhanced RTMP, where its codecs need that, in real time and then
// ends it. It returns early when the server ends the connection or the context is done.
func Publish(ctx context.Context, address string, e *mediatest.Encoded) error {
	u, err := url.Parse(address)
	if err != nil {
		return err
	}
	c := &gortmplib.Client{URL: u, Publish: true}
	if err := c.Initialize(ctx); err != nil {
		return err
	}
	defer c.Close()
	w := &gortmplib.Writer{Conn: c}
	for _, t := range e.Tracks {
		track, err := trackOf(t.Config)
		if err != nil {
			return err
		}
		w.Tracks = append(w.Tracks, track)
	}
	if err := w.Initialize(); err != nil {
		return err
	}
	for _, unit := range e.Units(time.Now()) {
		select {
		case <-time.After(time.Until(unit.Arrival)):
		case <-ctx.Done():
			return ctx.Err()
		}
		if err := write(w, e.Tracks[unit.Track].Config.Codec, &unit); err != nil {
			return err
		}
	}
	return nil
}

// trackOf describes a track to the client.
func trackOf(c *media.Config) (*gortmplib.Track, error) {
	switch sets := c.ParameterSets(); c.Codec {
	case media.H264:
		return &gortmplib.Track{Codec: &codecs.H264{SPS: sets[0], PPS: sets[1]}}, nil
	case media.H265:
		return &gortmplib.Track{Codec: &codecs.H265{VPS: sets[0], SPS: sets[1], PPS: sets[2]}}, nil
	case media.AV1: // of which this client announces a header that is not that of the pictures
		return &gortmplib.Track{Codec: &codecs.AV1{}}, nil
	case media.VP9:
		return &gortmplib.Track{Codec: &codecs.VP9{}}, nil
	case media.AAC:
		var asc mpeg4audio.AudioSpecificConfig
		err := asc.Unmarshal(c.Record)
		return &gortmplib.Track{Codec: &codecs.MPEG4Audio{Config: &asc}}, err
	case media.Opus:
		var head opus.IDHeader
		err := head.Unmarshal(mediatest.OpusHead(c.Record))
		return &gortmplib.Track{Codec: &codecs.Opus{IDHeader: &head}}, err
	}
	return nil, errNoWriter
}

func write(w *gortmplib.Writer, codec media.Codec, u *media.Unit) error {
	t := w.Tracks[u.Track]
	switch codec {
	case media.H264:
		return w.WriteH264(t, u.PTS, u.DTS, u.Data)
	case media.H265:
		return w.WriteH265(t, u.PTS, u.DTS, u.Data)
	case media.AV1:
		return w.WriteAV1(t, u.PTS, u.Data)
	case media.VP9:
		return w.WriteVP9(t, u.PTS, u.Data[0])
	case media.AAC:
		return w.WriteMPEG4Audio(t, u.PTS, u.Data[0])
	case media.Opus:
		return w.WriteOpus(t, u.PTS, u.Data[0])
	}
	return errNoWriter
}
