package mediatest

import (
	"bytes"
	"encoding/binary"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/Eyevinn/mp4ff/mp4"

	"github.com/barrage-live/barrage/internal/media"
)

// Encoded is a real publication: what encoders made of a moving picture of 320x180 at 30 pictures a second,
// with a key picture each second, and of a tone of 48 kHz in stereo.
type Encoded struct {
	Tracks []media.Track
	// Records are the decoder configurations as another program wrote them, one for each track.
	Records [][]byte
	units   []media.Unit
}

// encoders are the arguments of ffmpeg for a codec.
func encoders(c media.Codec) []string {
	switch c {
	case media.H264:
		return []string{"-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency"}
	case media.H265: // with B-frames and open groups of pictures, as it is by default
		return []string{"-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=error", "-tag:v", "hvc1"}
	case media.AV1:
		return []string{"-c:v", "libaom-av1", "-usage", "realtime", "-cpu-used", "8"}
	case media.VP9:
		return []string{"-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8"}
	case media.AAC:
		return []string{"-c:a", "aac", "-b:a", "96k"}
	case media.Opus:
		return []string{"-c:a", "libopus", "-b:a", "64k"}
	}
	return nil
}

// Encode runs ffmpeg for a publication of so many seconds; an empty codec leaves its track out. Further
// arguments go to the encoder.
func Encode(tb testing.TB, video, audio media.Codec, seconds int, extra ...string) *Encoded {
	tb.Helper()
	file := filepath.Join(tb.TempDir(), "encoded.mp4")
	args := []string{"-v", "error", "-f", "lavfi", "-i", "testsrc2=size=320x180:rate=30"}
	args = append(args, "-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000", "-t", strconv.Itoa(seconds))
	if video != "" {
		args = append(append(args, "-map", "0:v", "-g", "30", "-b:v", "300k", "-pix_fmt", "yuv420p"), encoders(video)...)
	}
	if audio != "" {
		args = append(append(args, "-map", "1:a", "-ac", "2"), encoders(audio)...)
	}
	args = append(append(args, extra...), "-movflags", "frag_keyframe+delay_moov+default_base_moof", file)
	if out, err := exec.CommandContext(tb.Context(), "ffmpeg", args...).CombinedOutput(); err != nil {
		tb.Fatalf("ffmpeg: %v\n%s", err, out)
	}
	b, err := os.ReadFile(file)
	if err != nil {
		tb.Fatal(err)
	}
	f, err := mp4.DecodeFile(bytes.NewReader(b))
	if err != nil {
		tb.Fatal(err)
	}
	e := &Encoded{}
	for i, trak := range f.Init.Moov.Traks {
		if err := e.add(f, trak, f.Init.Moov.Mvex.Trexs[i], video, audio); err != nil {
			tb.Fatal(err)
		}
	}
	slices.SortStableFunc(e.units, func(a, b media.Unit) int { return int(a.DTS - b.DTS) })
	return e
}

// add reads one track.
func (e *Encoded) add(f *mp4.File, trak *mp4.TrakBox, trex *mp4.TrexBox, video, audio media.Codec) error {
	codec := audio
	if trak.Mdia.Hdlr.HandlerType == "vide" {
		codec = video
	}
	record := Record(trak.Mdia.Minf.Stbl.Stsd)
	track, scale := len(e.Tracks), time.Duration(trak.Mdia.Mdhd.Timescale)
	var config *media.Config
	for _, s := range f.Segments {
		for _, frag := range s.Fragments {
			samples, err := frag.GetFullSamples(trex)
			if err != nil {
				return err
			}
			for i := range samples {
				s := &samples[i]
				at := time.Duration(s.DecodeTime) * time.Second / scale
				u := media.Unit{
					Track: track, DTS: at, PTS: at + time.Duration(s.CompositionTimeOffset)*time.Second/scale, Key: s.IsSync(),
					Data: elements(codec, s.Data),
				}
				if codec == media.Opus {
					u.Duration = media.OpusDuration(s.Data)
				}
				if config == nil {
					if config, err = configOf(codec, record, u.Data); err != nil {
						return err
					}
				}
				e.units = append(e.units, u)
			}
		}
	}
	e.Tracks, e.Records = append(e.Tracks, media.Track{Config: config}), append(e.Records, record)
	return nil
}

// Record is the content of the box that configures the decoder, the AudioSpecificConfig of AAC.
func Record(stsd *mp4.StsdBox) []byte {
	for _, entry := range stsd.Children {
		var inside []mp4.Box
		switch e := entry.(type) {
		case *mp4.VisualSampleEntryBox:
			inside = e.Children
		case *mp4.AudioSampleEntryBox:
			inside = e.Children
		}
		for _, box := range inside {
			switch b := box.(type) {
			case *mp4.AvcCBox, *mp4.HvcCBox, *mp4.Av1CBox, *mp4.VppCBox, *mp4.DopsBox:
				var w bytes.Buffer
				if box.Encode(&w) == nil {
					return w.Bytes()[8:]
				}
			case *mp4.EsdsBox:
				return b.DecConfigDescriptor.DecSpecificInfo.DecConfig
			}
		}
	}
	return nil
}

// elements splits what an ISO file holds of a unit.
func elements(codec media.Codec, b []byte) (list [][]byte) {
	switch {
	case codec == media.AV1:
		list, _ = media.OBUs(b)
	case codec.Prefixed():
		for len(b) > 4 {
			n := 4 + int(binary.BigEndian.Uint32(b))
			list, b = append(list, b[4:n]), b[n:]
		}
	default:
		list = [][]byte{b}
	}
	return list
}

// configOf makes a Config as an ingest does, of the record or of the first unit.
func configOf(codec media.Codec, record []byte, first [][]byte) (*media.Config, error) {
	switch codec {
	case media.AAC:
		return media.NewAAC(record)
	case media.Opus:
		return media.NewOpus(OpusHead(record))
	case media.H264:
		sets := (&media.Config{Codec: codec, Record: record}).ParameterSets()
		return media.NewH264(sets...)
	case media.H265:
		sets := (&media.Config{Codec: codec, Record: record}).ParameterSets()
		return media.NewH265(sets[0], sets[1], sets[2])
	case media.AV1, media.VP9:
	}
	return media.ConfigOf(codec, first), nil
}

// OpusHead makes the identification header (RFC 7845 section 5.1) of a record of Opus.
func OpusHead(record []byte) []byte {
	head := append([]byte("OpusHead\x01"), record[1])
	head = binary.LittleEndian.AppendUint16(head, binary.BigEndian.Uint16(record[2:]))
	head = binary.LittleEndian.AppendUint32(head, binary.BigEndian.Uint32(record[4:]))
	head = binary.LittleEndian.AppendUint16(head, binary.BigEndian.Uint16(record[8:]))
	return append(head, record[10:]...)
}

// Units gives copies of the units, which arrive in real time from a moment on.
func (e *Encoded) Units(start time.Time) []media.Unit {
	out := slices.Clone(e.units)
	for i := range out {
		out[i].Arrival = start.Add(out[i].DTS)
	}
	return out
}

// Then appends another publication of the same codecs, as an encoder does whose settings change: what its key
// pictures need stands in them.
func (e *Encoded) Then(o *Encoded) *Encoded {
	out := &Encoded{Tracks: e.Tracks, Records: e.Records, units: slices.Clone(e.units)}
	end := e.units[len(e.units)-1].DTS + time.Second/30
	for _, u := range o.units {
		u.DTS, u.PTS = u.DTS+end, u.PTS+end
		if sets := o.Tracks[u.Track].Config.ParameterSets(); u.Key && sets != nil {
			u.Data = slices.Concat(sets, u.Data)
		}
		out.units = append(out.units, u)
	}
	return out
}
