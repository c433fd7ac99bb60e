// Package blobtest holds the promises of the object port, the suite that proves them for a driver, and
// Bucket, an object store in memory that behaves like S3.
//
// Every driver calls Run with a Harness of its own; the package owns nothing but the harness it is given
// and fails the test it is given. Any change may have an unknown outcome; then the suite does it again.
// Crash, damage, a full disk and a second client are capabilities: a harness that has them proves more.
//
//	B01  What was put is read back: bytes, size, content type, and a time of change; also the empty object and one of many
//	     pieces, and whether or not the size was announced.
//	B02  A key is written once: a Put of the same content again succeeds, one of any other is refused with ErrExists and
//	     changes nothing; after Delete the key is free. Of racing Puts of different content exactly one succeeds.
//	B03  Keys and content types that are not valid are refused with fault.Invalid; no valid key is a folder of another.
//	B04  Any two valid keys are different objects.
//	B05  Ranges and seeks give exactly the bytes asked for.
//	B06  Keys are listed in bytewise order, by prefix, from after a key on; what is there all the while comes exactly once.
//	B07  Delete is idempotent, and DeletePrefix removes exactly the prefix.
//	B08  A Put whose source fails, or is not of the announced size, changes nothing.
//	B09  A context that ended stops a call; a stopped Put changes nothing.
//	B10  Of concurrent Puts and Deletes of a key, readers see one whole object or none; an object that is open when it is
//	     deleted is read to its end or fails.
//	B11  What was put is there after Close and Open.
//	B12  After a crash every acknowledged object is there whole, every acknowledged delete holds, and no object is there
//	     in part. (Crasher)
//	B13  Close leaves no goroutine behind.
//	B14  While calls fail before and after their effect, a Put or Delete that is repeated until it is acknowledged has
//	     happened, and no object is ever seen that is not whole.
//	B15  Of an object in which one bit has changed, wherever it is, no wrong byte is served: reading it fails with ErrCorrupt,
//	     and ranges that do not touch the place may succeed. (Damager)
//	B16  On a full disk a Put is refused with code storage_full, leaves nothing behind, and disturbs no reader; when there is
//	     room again it succeeds. (Filler)
//	B17  What was appended to an object that grows is read at once, whole and in ranges, and listed with its size; an append
//	     that failed, whatever became of it, is not in what follows. No object grows under a key that is taken, none is put
//	     where one grows; one that is deleted takes no more.
//	B18  Close makes it final, durable and written once, with exactly what was appended.
//	B19  What was left growing is there after the death of the process, whole; Seal makes it final with as much of its
//	     beginning as it is told, and leaves alone what is final or held by an Appender.
//	B20  Under faults and crashes of the machine a growing object is final as it was appended, or not final.
//	B21  A full disk fails an append and changes nothing; when there is room again the object goes on.
package blobtest
