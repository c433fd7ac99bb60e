// Package fmp4 writes fragmented MP4 (ISO/IEC 14496-12) as HLS serves it: an initialization segment, and
// parts that are one moof and one mdat each.
//
// It owns nothing: every function takes data and returns bytes that belong to the caller. The segmenter
// calls it once for each configuration and once for each part. A part costs one allocation, its own bytes,
// and copies each payload byte exactly once; its size is known before the first byte is written.
//
// A part holds one traf per run that has samples:
//
//	moof
//	  mfhd  sequence_number
//	  traf  (per run)
//	    tfhd  default-base-is-moof; audio: default sample duration and flags
//	    tfdt  version 1, 64-bit base decode time in ticks of the track
//	    trun  version 1 (signed composition offsets); video: duration, size, flags, offset; audio: duration, size
//	mdat  payloads in the order of the runs
//
// Promises: tfdt is exactly the tick handed in; the order of runs and samples is kept; offsets may be
// negative. Init fails with fault.Invalid on a configuration that cannot be read; AppendPart cannot fail.
package fmp4
