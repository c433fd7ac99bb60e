// Package segmenter cuts the Units of a broadcast into the parts and segments of an HLS playlist.
//
// It is a pure state machine: no goroutine, no clock, no I/O. Begin announces a publication and its tracks,
// Push takes one Unit and returns Events, Flush ends a publication. It is owned by one caller
// (live/packager) and is not safe for concurrent use.
//
// Three machines stand in a row, each in its own file:
//
//	Unit -> timeline  maps hostile timestamps of all tracks to one rising time, together
//	     -> lanes     turn units into samples whose duration is known (video.go, audio.go)
//	     -> cutter    decides where parts and segments end
//	        clock     anchors that time to arrival, so that a segment knows its wall clock time
//
// Promises:
//
//  1. Every part lasts at most PartTarget, and every part but the last of its segment at least 85 % of it.
//     PartTarget is fitted to the frame rate of the first publication and then never changes.
//  2. A segment starts at an IDR picture, unless none came within SegmentMax: then it is cut without one
//     and says so. Rounded to whole seconds no segment lasts longer than SegmentMax.
//  3. The decode time of a track's part is exactly the end of its part before, unless media are really
//     missing there.
//  4. Sequence numbers rise by one over reconnects, jumps of the timestamps, changes of the parameter
//     sets, and times in which no sample begins; each of these sets Discontinuity on the next segment. No
//     input ends the broadcast.
//  5. Media time (Open.Media) rises; it is never more than maxLead ahead of the arrival of what it
//     describes, and only until the next segment. A publisher that sends faster than real time for longer
//     than maxBurst is ahead by what it gains between two steps of the clock, which are stepPause apart.
//  6. What is held back is bounded: by one sample per track, by audioWait of video, by maxHeld of audio,
//     and by maxBurst of a publication that begins faster than real time.
//  7. Parameter sets that change before a segment has lasted SegmentMin end it earlyChanges times in a
//     publication; after that the pictures of the new ones are dropped until it has, and an IDR picture
//     comes. Changes alone thus make no more than one segment in SegmentMin.
//
// It fails only in Begin, with fault.Invalid, on tracks whose configuration cannot be read.
package segmenter
