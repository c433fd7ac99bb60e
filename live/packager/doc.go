// Package packager turns the Streams of one broadcast into one low-latency HLS playlist that outlives them.
//
// A Packager owns the segmenter and the playlist of a broadcast, the parts of its last seconds in memory,
// and two goroutines: the pump, which reads the attached Stream, and the archive, which hands each part and
// each complete segment to the Recorder (live/recording). Its owner (live/origin) attaches Streams
// and finishes it; egress asks it for playlists and media from as many goroutines as there are
// viewers.
//
//	Attach ---> [live] --Interrupt, end of the Stream--> [interrupted] --Attach--> [live] (discontinuity)
//	               \______________ Finish _________________/
//	                                  v
//	                               [ended]  ENDLIST; only losses still change it; Close frees the memory
//
// Promises:
//
//  1. The playlist keeps its sequence numbers and its clock over Interrupt and Attach, and over the death of
//     the process: a Packager that goes on (Config.Resume) serves what was listed before anybody is attached,
//     without the parts. What was being filled is listed as far as its parts were recorded; what was not
//     recorded is a gap.
//  2. What a request reads is a Snapshot: immutable, made once per part and shared. No lock is held while a
//     document is made or sent.
//  3. A request that waits for a part is registered under that part and woken when it is there, when its
//     context ends, when the broadcast ends, after a target duration in which nothing came, with the playlist
//     as it is, or after three; Waiting tells how many there are. One without directives waits only when the
//     broadcast begins, for the first complete segment: readers that know no parts give up on a playlist
//     without any.
//  4. A part can be read as long as it is listed and three target durations more, a segment as long as it is
//     recorded. An init segment is in memory while a segment listed needs it and three target durations more.
//     The hinted part can be asked for before it exists.
//  5. The recorder may be slow or away: the last seconds are served from memory, the queue to it is bounded
//     by 64 of parts and segments and by 64 MiB, and by 256 MiB of all broadcasts of the node together. A
//     segment that could not be recorded is counted, logged and becomes a gap; so does one that was not,
//     because the disk is nearly full. The archive may learn of it minutes later: until then the segment is
//     served from memory. A player that has it in its list and asks for delta updates does not hear of the
//     gap; it gets "no_media" and goes on after it.
//  6. A panic in the pump ends one broadcast and no process: the Stream is closed with fault.Internal
//     "packager_panicked", the open segment with the parts it has, and nothing is attached again; the
//     playlist stays as it is until Finish.
//
// Refusals: fault.Invalid "playlist_too_far" and what m3u8.ParseDirectives refuses; fault.NotFound
// "no_media" and "not_live"; fault.Unavailable "playlist_timeout" when three target durations passed, or one
// in which nothing came and a part was asked for, "packager_closed"; and those of the recording.
//
// Answering with a playlist that lacks what was asked for is against the letter of the draft (section
// 6.2.5.2: defer or fail), and what players live with. They give up after some errors or requests that hang
// (hls.js 1.7: three of either), while an unchanged playlist is asked for again after half a target duration
// (section 6.3.4), for as long as it takes. No cache may keep such an answer.
package packager
