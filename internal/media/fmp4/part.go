package fmp4

import (
	"encoding/binary"

	"github.com/barrage-live/barrage/internal/media"
)

// Sample is one access unit of a run.
type Sample struct {
	// Duration and Offset (composition time minus decode time) are in ticks of the track.
	Duration uint32
	Offset   int32
	// Sync says that decoding can start here.
	Sync bool
	// Data is written in order, with lengths where the codec of the run wants them.
	Data [][]byte
}

// Run is the samples of one track in one part.
type Run struct {
	// Track is the track_ID, from 1.
	Track uint32
	// Codec decides how data are framed. Samples of pictures have flags and offsets of their own, those of
	// sound have none.
	Codec media.Codec
	// Base is the decode time of the first sample, in ticks.
	Base    uint64
	Samples []Sample
}

// Sizes of the fixed boxes in bytes, header included.
const (
	boxHeader = 8
	mfhdSize  = boxHeader + 8
	tfdtSize  = boxHeader + 12
	trunFixed = boxHeader + 12
	tfhdVideo = boxHeader + 8
	tfhdAudio = boxHeader + 12
)

// Flags of tfhd, trun and samples (ISO/IEC 14496-12 sections 8.8.3, 8.8.7, 8.8.8).
const (
	tfhdBaseIsMoof   = 0x020000
	tfhdDefaultFlags = 0x000020
	trunDataOffset   = 0x000001
	trunDuration     = 0x000100
	trunSize         = 0x000200
	trunFlags        = 0x000400
	trunOffset       = 0x000800
	sampleSync       = 0x02000000 // depends on no other
	sampleNonSync    = 0x01010000 // depends on others; not a sync sample
)

// size is what the sample takes in the mdat.
func (s *Sample) size(prefixed bool) int {
	n := 0
	for _, b := range s.Data {
		n += len(b)
	}
	if prefixed {
		n += 4 * len(s.Data)
	}
	return n
}

func (r *Run) headSize() (tfhd, perSample int) {
	if r.Codec.Video() {
		return tfhdVideo, 16
	}
	return tfhdAudio, 8
}

func (r *Run) trafSize() int {
	tfhd, per := r.headSize()
	return boxHeader + tfhd + tfdtSize + trunFixed + per*len(r.Samples)
}

func (r *Run) dataSize() int {
	n, prefixed := 0, r.Codec.Prefixed()
	for i := range r.Samples {
		n += r.Samples[i].size(prefixed)
	}
	return n
}

// AppendPart writes one moof and mdat to dst and returns the extended slice. Runs without samples are left
// out. If dst has no room for the part, exactly one allocation of the exact size is made.
func AppendPart(dst []byte, sequence uint32, runs []Run) []byte {
	moof, data := boxHeader+mfhdSize, 0
	for i := range runs {
		if len(runs[i].Samples) > 0 {
			moof += runs[i].trafSize()
			data += runs[i].dataSize()
		}
	}
	need := moof + boxHeader + data
	if cap(dst)-len(dst) < need {
		grown := make([]byte, len(dst), len(dst)+need)
		copy(grown, dst)
		dst = grown
	}
	dst = box(dst, moof, "moof")
	dst = box(dst, mfhdSize, "mfhd")
	dst = put32(dst, 0, sequence)
	at := moof + boxHeader
	for i := range runs {
		if len(runs[i].Samples) > 0 {
			dst = appendTraf(dst, &runs[i], at)
			at += runs[i].dataSize()
		}
	}
	dst = box(dst, boxHeader+data, "mdat")
	for i := range runs {
		dst = appendData(dst, &runs[i])
	}
	return dst
}

// appendTraf writes a traf whose data begin dataOffset bytes after the start of the moof.
func appendTraf(dst []byte, r *Run, dataOffset int) []byte {
	tfhd, per := r.headSize()
	video, prefixed := r.Codec.Video(), r.Codec.Prefixed()
	dst = box(dst, r.trafSize(), "traf")
	dst = box(dst, tfhd, "tfhd")
	if video {
		dst = put32(dst, tfhdBaseIsMoof, r.Track)
	} else {
		dst = put32(dst, tfhdBaseIsMoof|tfhdDefaultFlags, r.Track, sampleSync)
	}
	dst = box(dst, tfdtSize, "tfdt")
	dst = put32(dst, 1<<24)
	dst = binary.BigEndian.AppendUint64(dst, r.Base)
	dst = box(dst, trunFixed+per*len(r.Samples), "trun")
	flags := uint32(1<<24 | trunDataOffset | trunDuration | trunSize)
	if video {
		flags |= trunFlags | trunOffset
	}
	dst = put32(dst, flags, uint32(len(r.Samples)), uint32(dataOffset))
	for i := range r.Samples {
		s := &r.Samples[i]
		dst = put32(dst, s.Duration, uint32(s.size(prefixed)))
		if video {
			dst = put32(dst, syncFlags(s.Sync), uint32(s.Offset))
		}
	}
	return dst
}

func appendData(dst []byte, r *Run) []byte {
	prefixed := r.Codec.Prefixed()
	for i := range r.Samples {
		for _, b := range r.Samples[i].Data {
			if prefixed {
				dst = put32(dst, uint32(len(b)))
			}
			dst = append(dst, b...)
		}
	}
	return dst
}

func syncFlags(sync bool) uint32 {
	if sync {
		return sampleSync
	}
	return sampleNonSync
}

func box(dst []byte, size int, name string) []byte {
	return append(put32(dst, uint32(size)), name...)
}

func put32(dst []byte, vs ...uint32) []byte {
	for _, v := range vs {
		dst = binary.BigEndian.AppendUint32(dst, v)
	}
	return dst
}
