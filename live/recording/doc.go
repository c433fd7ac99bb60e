// Package recording keeps what was broadcast: rows of package index in tables, bytes in objects of about a
// minute.
//
// A Store is shared by all: egress and the API read through it. A Writer is one broadcast while it goes
// on; it belongs to the archive of its live/packager and writes under the fence of the lease that live/origin
// has opened. The channel that gave the lease (actors/live/channel) has recordings recovered and removed,
// under a higher one. The package owns no goroutine.
//
//	table "recording"       owned; partition: broadcast; rows "h": index.Header, "i"+number: index.Init,
//	                        "s"+sequence: index.Segment, numbers big-endian
//	table "recording_list"  plain; partition: channel; row: start in ms (8 bytes, big-endian), then the broadcast
//	objects                 live/{channel}/{broadcast}/{number}.mp4: an init segment and media segments in a row,
//	                        so that each can be played by itself
//
//	journals                live/{channel}/{broadcast}/{number}.parts: beside an object that grows, the parts that
//	                        were appended to it (package index); never final, gone when the object is
//
// Promises:
//
//  1. A row is written when the bytes it names were appended, and the segment is recorded when the row is
//     durable. A process that dies leaves all of them, and the parts that were appended of the segment that
//     was being filled: Resume and Recover make a segment of the same number and bytes of them. A machine
//     that loses power leaves those of objects that were final: the others are held against their
//     checksums, what is damaged becomes a gap, and of the parts those count that are whole from the first
//     on. The numbers of segments and init segments that were listed are noted, recorded or not, so that no
//     other gets them: by the journal, with the part, and by the header, with the segment before, or, while
//     nothing is recorded, instead of the first part. Only a disk that stands while segments are listed keeps
//     them from being noted.
//  2. Nobody writes to a recording under another fence than the newest owner's. A change of unknown outcome
//     is repeated, which changes nothing twice.
//     Within a process Resume, Recover and Remove also wait until the Writer has ended, because a fence
//     keeps out neither a Writer of the same owner nor the bytes of any: what was removed does not come
//     back.
//  3. A recording is listed before it has its first row, and until it has none any more.
//  4. What has ended never changes, except that it may be removed. A row that is damaged leaves out what it
//     describes and no more, and keeps nothing from being removed.
//  5. While the disk has less room than the reserve nothing is recorded, and nothing removed because of it. A
//     Keeper removes what a Policy does not keep: what has ended only, the oldest first.
//
// It fails with ErrNone, ErrPaused, ErrBusy, and what tables and objects refuse.
package recording
