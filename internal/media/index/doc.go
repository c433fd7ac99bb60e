// Package index is what a recording is: a header, its init segments and one row for each segment, which say
// where in the recording's objects the bytes lie; and the playlists that are rendered from them.
//
// A segment keeps the sequence number, media time and duration it had in the live playlist, so that a
// danmaku stays on its picture. The package owns nothing and is pure: live/packager makes rows,
// live/recording stores them and serves what they describe.
//
// A journal is what there is of a segment before it has a row: a record for each part that was appended, so
// that a process that dies loses none. All numbers are big-endian; a record is
//
//	4 bytes  the length n of the message, at most MaxRow
//	4 bytes  CRC-32C of the message
//	n bytes  the message index.v1.Part, which names its segment and its place
//
// and the end of a journal is where the next record is not whole, or not what was written.
//
// Promises:
//
//  1. What is encoded, rows and journals, is decoded to the same, by every later version (golden vectors in
//     testdata).
//  2. Decoding bounds what it takes: a row is at most MaxRow bytes, a place lies within an object of at
//     most MaxObject, durations and times are those a broadcast can have. All else is refused.
//  3. A live playlist that goes on from its rows (Continue) lists the segments that it listed, with the same
//     numbers, times and discontinuities; a segment of which there is no row is a gap.
//  4. A playlist that is rendered says of every segment what the live playlist said of it; a segment of
//     which there is no row leaves a discontinuity.
//
// It fails with fault.Internal "bad_index_row", because nobody but we write rows.
package index
