// Package live carries live media between the one who publishes and those who read: a Stream is one
// publication from its start to its end.
//
// A Stream owns its tracks, which may change with a unit, and a bounded ring of the newest Units, outside
// all mailboxes. One goroutine writes (an ingest connection), any number read, each at its own pace through
// its own Reader; the packager is one of them. Whoever holds the Stream may close it, with a reason that
// everybody else sees: the ingest when the publisher is gone, the owner of the channel when another takes
// over.
//
// Promises:
//
//  1. Write never waits. A Reader that falls out of the ring continues at the next picture from which
//     decoding can start, never in the middle of a group of pictures, and counts what it missed
//     (Reader.Skipped).
//  2. Units come to every Reader in the order in which they were written, each at most once.
//  3. After Close a Reader still gets what the ring holds for it, then the reason. Write is refused from
//     then on.
//  4. What is held is the newest group of pictures, and before it what the slowest Reader has not read;
//     never more than maxUnits and maxBytes.
//
// Write fails with ErrClosed or, for a unit of no track, fault.Invalid. Next fails with the reason of the
// Close or with the context's error.
package live
