// Package fmp4 writes fragmented MP4 (ISO/IEC 14496-12) as HLS serves it: an initialization segment, and
// parts that are one moof and one mdat each.
//
// It owns nothing: every function takes data and returns bytes that belong to the caller. The segmenter
// calls it once for each configuration and once for each part. A part costs one allocation, its own bytes,
// and copies each byte of media exactly once; its size is known before the first byte is written.
//
// The init segment is written here and not by a library, because the record of the decoder has to come out
// as it came in: mediacommon makes it anew from a few fields, with a constant level of VP9 and a constant
// pre-skip of Opus, and promises a bit rate that nobody measured.
//
// A part holds one traf per run that has samples:
//
//	moof
//	  mfhd  sequence_number
//	  traf  (per run)
//	    tfhd  default-base-is-moof; audio: default sample flags
//	    tfdt  version 1, 64-bit base decode time in ticks of the track
//	    trun  version 1 (signed composition offsets); video: duration, size, flags, offset; audio: duration, size
//	mdat  data in the order of the runs, framed as the codec wants it
//
// Promises: tfdt is exactly the tick handed in; the order of runs and samples is kept; offsets may be
// negative. Neither Init nor AppendPart can fail: tracks are validated where they come in (media.Config).
package fmp4
