package rtmp

import (
	"errors"
	"testing"
	"time"

	"github.com/bluenviron/gortmplib/pkg/message"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/mpeg4audio"
)

// TestWaitingIsBounded sends pictures without a sequence header, few that weigh much and many that weigh
// little.
func TestWaitingIsBounded(t *testing.T) {
	picture := &message.Video{Codec: message.CodecH264, Type: message.VideoTypeAU, AU: []byte{0, 0, 0, 1, 0x41}}
	sound := &message.Audio{
		Codec: message.CodecMPEG4Audio, AACType: message.AudioAACTypeConfig,
		AACConfig: &mpeg4audio.AudioSpecificConfig{Type: mpeg4audio.ObjectTypeAACLC, SampleRate: 48000, ChannelConfig: 2},
	}
	cases := []struct {
		name string
		size int
		most int
	}{
		{"heavy", maxMessage, maxWaitingBytes / maxMessage},
		{"light", 100, maxWaiting},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			for _, audible := range []bool{false, true} {
				d := &detector{wantVideo: true, wantAudio: true, declared: true}
				at, n := time.Unix(1, 0), 0
				if audible {
					n++
					if known, err := d.push(arrived{sound, at, 0, nil, false}); known || err != nil {
						t.Fatalf("known after the sound: %v, %v", known, err)
					}
				}
				known, err := false, error(nil)
				for !known && err == nil {
					if n++; n > maxWaiting {
						t.Fatalf("%d messages are held", n)
					}
					known, err = d.push(arrived{picture, at, c.size, nil, false})
				}
				if known != audible || errors.Is(err, errNoTracks) == audible {
					t.Errorf("audible %v: known %v, %v", audible, known, err)
				}
				if len(d.waiting) > c.most+1 {
					t.Errorf("%d are held, want %d", len(d.waiting), c.most)
				}
			}
		})
	}
}

// TestATrackIsAwaited: for a second where nothing announces it, for three where metadata do.
func TestATrackIsAwaited(t *testing.T) {
	sound := &message.Audio{
		Codec: message.CodecMPEG4Audio, AACType: message.AudioAACTypeConfig,
		AACConfig: &mpeg4audio.AudioSpecificConfig{Type: mpeg4audio.ObjectTypeAACLC, SampleRate: 48000, ChannelConfig: 2},
	}
	for _, c := range []struct {
		declared bool
		known    time.Duration
	}{{false, time.Second}, {true, 3 * time.Second}} {
		d := &detector{declared: c.declared, wantVideo: true, wantAudio: true}
		for at := time.Duration(0); ; at += 100 * time.Millisecond {
			known, err := d.push(arrived{sound, time.Unix(1, 0).Add(at), 100, nil, false})
			if err != nil || at > c.known {
				t.Fatalf("declared %v: after %v it is not known, %v", c.declared, at, err)
			}
			if known {
				if at != c.known {
					t.Errorf("declared %v: known after %v, want %v", c.declared, at, c.known)
				}
				break
			}
		}
	}
}
