// Package m3u8 writes HLS playlists (draft-pantos-hls-rfc8216bis-20) and reads the delivery directives a
// player asks for them with.
//
// A Writer holds the text of one media playlist with low-latency parts. Its owner (live/packager, one
// goroutine) tells it of segments and parts as they come and takes a Text after each: an immutable view
// that any number of goroutines may read. The lines of a segment that is complete and no longer listed with
// parts are written once and only ever appended, so a playlist of hours costs a part no more than one of
// seconds; only a segment that is lost later (Lose) costs a copy of them. ParseDirectives is called by
// egress. Whole writes the text of a playlist to which nothing will be added, from what is stored of it;
// Resume makes the Writer of one that goes on.
//
// Promises:
//
//  1. TARGETDURATION, PART-TARGET and the server control never change. The sequence number rises by exactly
//     the number of segments removed, the discontinuity sequence by the number of discontinuities removed.
//  2. A segment is removed only while the rest lasts at least the window and three target durations.
//  3. Parts are listed for three target durations from the end of the playlist, but for those made before a
//     Resume.
//  4. Every segment has its program-date-time. EXT-X-MAP is stated before the first segment and wherever it
//     changes.
//  5. A delta update leaves out at least one segment, only such as lie more than six target durations
//     before the end, and is the full text otherwise.
//  6. EXT-X-INDEPENDENT-SEGMENTS stands while it has been true for the whole playlist since its start.
//  7. What Whole writes of a segment is what a Writer writes of it once its parts are no longer listed, and
//     so is what a resumed Writer lists of it, with the sequence numbers that it would have now.
//
// ParseDirectives fails with fault.Invalid; nothing else can fail.
package m3u8
