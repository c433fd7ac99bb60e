// Package index is what a recording is: a header, its init segments and one row for each segment, which say
// where in the recording's objects the bytes lie; and the playlists that are rendered from them.
//
// A segment keeps the sequence number, media time and duration it had in the live playlist, so that a
// danmaku stays on its picture. The package owns nothing and is pure: live/packager makes rows,
// live/recording stores them and serves what they describe.
//
// Promises:
//
//  1. What is encoded is decoded to the same, by every later version (golden vectors in testdata).
//  2. Decoding bounds what it takes: a row is at most MaxRow bytes, a place lies within an object of at
//     most MaxObject, durations and times are those a broadcast can have. All else is refused.
//  3. A live playlist that goes on from its rows (Continue) lists the segments that it listed, with the same
//     numbers, times and discontinuities; a segment of which there is no row is a gap.
//  4. A playlist that is rendered says of every segment what the live playlist said of it; a segment of
//     which there is no row leaves a discontinuity.
//
// It fails with fault.Internal "bad_index_row", because nobody but we write rows.
package index
