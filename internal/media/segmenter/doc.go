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
//  2. A segment starts with a picture from which decoding can start, unless none came within SegmentMax, or
//     in time after a discontinuity: then it says so. Rounded to whole seconds no segment lasts longer than
//     SegmentMax. A gradual refresh begins playback for want of such a picture, and no segment says that it
//     is independent because of it. What is left of a picture that was cut may stand before that first
//     picture, for less than 15 % of a part.
//  3. The decode time of a track's part is exactly the end of its part before, unless sound is really
//     missing there. A picture lasts until the next, for maxStand at most; parts in which nothing begins
//     hold nothing.
//  4. Sequence numbers rise by one over reconnects, also to another process (Resume), jumps of the
//     timestamps, changes of the configuration or of the tracks, times longer than maxStand in which nothing
//     came, and pictures that stay away from sound for maxStand; each of these, and nothing else, sets
//     Discontinuity on the next segment. Playback then goes on with a picture from which decoding can start,
//     if the distance of the last two says that one comes in time. No input ends the broadcast.
//  5. Media time (Open.Media) rises from segment to segment; a timestamp or two that make no sense do not
//     move it. No segment begins after the wall clock, and no part ends later than early after it, but for
//     headStart where timestamps jump, for what ends the publication, and where the wall clock was set back.
//     See "A line that recovers" and "A wall clock that is set".
//  6. What is held back is bounded: by one sample per track, by the interleave of sound, learned and at
//     most maxLag, of audio by maxHeld before the first picture and by maxStand after one, by maxBurst, of
//     the timeline and of arrival, of a publication that begins faster than real time, and by maxBytes of
//     pictures. A picture whose time would have to be moved by more than maxBack is dropped. Of units whose
//     time is in doubt two of each track are held, of maxDoubted bytes at most.
//  7. A publication breaks at most once in SegmentMin of arrival, but for pictures that come back and what
//     Begin, Flush and other tracks do; what would need another break is dropped. Glitches, jumps,
//     configurations, tracks and timestamps that stand still are paid of one budget; when that is spent Err
//     says why, and what it still sends is dropped.
//  8. A publication that is faster than real time by more than a twentieth is given up (Err) when it has run
//     away for the second time: the longer it takes the slower it is, 30 s at twice the speed, 150 s at 1.2
//     times, and about (2 maxLead + 2 maxQuicker) / (speed - 1.05) of it in general.
//
// # A line that recovers
//
// A queue of seconds may stand before a publisher from its first byte on. Nobody can tell it from a line that
// is that slow, so what was captured at t is given the media time t + queue, which is when it arrived. When
// the queue drains, what was captured later arrives at its true time, which was given out already. There is
// no time for these pictures that is above that of those before, not in the future, and written at once: one
// of the three has to give. Above those before is what danmaku rest on, and a media time in the future is
// refused by rooms. So what is ahead waits here until its time has come: no picture is lost and no
// discontinuity told; viewers are for a while as far behind as they were before, and up to maxLead of media
// are held. Meanwhile the clock goes back by at most a picture with each segment (calmLead is made up in a
// minute or so). What lies ahead by more than calmLead is made up at once: segments overlap by up to half of
// one then, by maxQuicker in all, and by a twentieth of the time from then on, since nobody wants to be five
// seconds late for minutes. What lies ahead by more than maxLead is dropped, and with pictures those that
// refer to them.
//
// # A wall clock that is set
//
// Within a publication time is monotonic (arrivals of an ingest have such a reading), and a wall clock that
// is set changes nothing. The next publication begins by the new time, but never before what was written.
// Where that lies ahead of the wall clock by more than a publisher can cause (stepped), after Resume too, the
// publication is written at once, and program-date-time is ahead of the wall clock until one begins after the
// wall clock was put right. What lies ahead by less waits until its time has come. Arrivals that go back in a
// publication, without a monotonic reading, end it (Err).
//
// It fails in Begin, with fault.Invalid, on tracks whose configuration cannot be read, and in Err.
package segmenter
