package rtmp

import (
	"time"

	"github.com/bluenviron/gortmplib/pkg/amf0"
	"github.com/bluenviron/gortmplib/pkg/message"

	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/media"
)

const (
	// patience is how long the second track is awaited after the first media message when nothing tells
	// that there is none, and trust how long when metadata tell that it comes. It joins later all the same.
	patience = time.Second
	trust    = 3 * time.Second
	// maxWaiting bounds the messages held until the tracks are known, maxWaitingBytes what they weigh: an
	// access unit may have maxMessage, so that the number alone would allow gigabytes.
	maxWaiting      = 512
	maxWaitingBytes = 16 << 20
)

// The refusals of what is published.
var (
	errCodec      = errCarried("this codec")
	errMultitrack = fault.New(fault.Invalid, "codec_unsupported", "several tracks of video or audio in one publication are not carried; send one of each")
	errNoTracks   = fault.New(fault.Invalid, "no_tracks", "no video or audio came")
)

// errCarried refuses a codec in words.
func errCarried(what string) *fault.Error {
	return fault.New(fault.Invalid, "codec_unsupported",
		what+" is not carried over RTMP; choose H.264, H.265, AV1 or VP9 for video and AAC or Opus for audio")
}

// detector finds out which tracks a publication has. Sequence headers tell what a track is, the metadata
// tell which ones to expect; where they are silent, patience decides. It holds the messages until then.
type detector struct {
	video, audio         *media.Config
	declared             bool // metadata came
	wantVideo, wantAudio bool // and said so
	first                time.Time
	waiting              []arrived
	came                 int // bytes, at least those of waiting
}

// push takes a message and reports whether the tracks are known.
func (d *detector) push(m arrived) (known bool, err error) {
	d.came += m.size
	if msg, ok := m.Message.(*message.DataAMF0); ok {
		d.metadata(msg.Payload)
		return d.decided(m.at) // it has been read: there is nothing to hold
	}
	p, ok, err := m.piece()
	if err != nil || !ok {
		return false, err // commands and control are not held
	}
	if p.codec.Video() {
		d.setVideo(&p)
	} else if p.config != nil {
		d.audio = p.config
	}
	d.waiting = append(d.waiting, m)
	if d.first.IsZero() {
		d.first = m.at
	}
	return d.decided(m.at)
}

// decided judges what is known now.
func (d *detector) decided(now time.Time) (bool, error) {
	some := d.video != nil || d.audio != nil
	wait := patience
	if d.declared {
		wait = trust
	}
	late := !d.first.IsZero() && now.Sub(d.first) >= wait
	switch {
	case d.video != nil && d.audio != nil:
		return true, nil
	case some && d.declared && (d.video != nil || !d.wantVideo) && (d.audio != nil || !d.wantAudio):
		return true, nil
	case some && late:
		return true, nil
	case len(d.waiting) >= maxWaiting, d.came >= maxWaitingBytes:
		if some {
			return true, nil
		}
		return false, errNoTracks
	}
	return false, nil
}

// setVideo learns the video track from a header, or, where headers do not say enough, from a picture.
func (d *detector) setVideo(p *piece) {
	switch {
	case p.config != nil:
		d.video = p.config
	case !p.header && d.video == nil:
		if data, ok := p.data(); ok {
			d.video = media.ConfigOf(p.codec, data)
		}
	}
}

// metadata reads an onMetaData message: a codec id tells that the track will come.
func (d *detector) metadata(payload amf0.Data) {
	for _, item := range payload {
		var object amf0.Object
		switch v := item.(type) {
		case amf0.Object:
			object = v
		case amf0.ECMAArray:
			object = amf0.Object(v)
		default:
			continue
		}
		has := func(key string) bool {
			v, ok := object.Get(key)
			return ok && v != nil && v != float64(0) && v != ""
		}
		video, audio := has("videocodecid"), has("audiocodecid")
		if video || audio {
			d.declared, d.wantVideo, d.wantAudio = true, video, audio
		}
	}
}

// tracks lists what was found, video first.
func (d *detector) tracks() []media.Track {
	var t []media.Track
	if d.video != nil {
		t = append(t, media.Track{Config: d.video})
	}
	if d.audio != nil {
		t = append(t, media.Track{Config: d.audio})
	}
	return t
}
