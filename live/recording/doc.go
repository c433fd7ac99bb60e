// Package recording keeps what was broadcast: rows of package index in tables, bytes in objects of about a
// minute.
//
// A Store is shared by all: egress and the API read through it. A Writer is one broadcast while it goes
// on; it belongs to the archive of its live/packager and writes under the fence of its owner,
// actors/live/broadcast, which also resumes, recovers and removes recordings. The package owns no goroutine.
//
//	table "recording"       owned; partition: broadcast; rows "h": index.Header, "i"+number: index.Init,
//	                        "s"+sequence: index.Segment, numbers big-endian
//	table "recording_list"  plain; partition: channel; row: start in ms (8 bytes, big-endian), then the broadcast
//	objects                 live/{channel}/{broadcast}/{number}.mp4: an init segment and media segments in a row,
//	                        so that each can be played by itself
//
// Promises:
//
//  1. A row is written when the bytes it names were appended, and the segment is recorded when the row is
//     durable. A process that dies leaves all of them; a machine that loses power, those of objects that
//     were final: Resume and Recover hold the others against their checksums, and what is damaged becomes a
//     gap. The number of a segment that was listed and not recorded is noted, so that no other gets it.
//  2. Nobody writes to a recording under another fence than the newest owner's. A change of unknown outcome
//     is repeated, which changes nothing twice.
//     Within a process Resume, Recover and Remove also wait until the Writer has ended, because a fence
//     keeps out neither a Writer of the same owner nor the bytes of any: what was removed does not come
//     back.
//  3. A recording is listed before it has its first row, and until it has none any more.
//  4. What has ended never changes, except that it may be removed.
//  5. While the disk has less room than the reserve nothing is recorded, and nothing removed because of it. A
//     Keeper removes what a Policy does not keep: what has ended only, the oldest first.
//
// It fails with ErrNone, ErrPaused, ErrBusy, and what tables and objects refuse.
package recording
