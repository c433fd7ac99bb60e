// Package tabletest holds the promises of the table port and the suite that proves them for a driver.
//
// Every driver calls Run with a Harness of its own; it owns nothing but the harness it is given and fails
// the test it is given. Each test has two clients of one storage, takes table.ErrUnknown for a legal answer
// to every write, and lets time pass through the harness: it promises nothing that a server reached over a
// network could not keep. Crash and Damage are capabilities: a harness that has them proves more.
//
//	P01  A row that was written is read back by every client: key, value and the version that the write gave.
//	P02  No version is given twice, to no row and by no client, also over deletion, reopening and crash.
//	P03  Rows come in bytewise order of their keys, forwards and backwards, within From <= key < To.
//	P04  Pages join without gap or overlap, forwards and backwards; they hold to their bounds of rows and of
//	     bytes, but have a row as long as there are more.
//	P05  Keys of any bytes and any allowed size are distinct, and so are partitions whose names share bytes,
//	     and tables.
//	P06  Sizes over the limits, names that are none, batches that change nothing or one key twice, and what
//	     the class of the table does not take, are refused with fault.Invalid and change nothing.
//	P07  PutIfAbsent, PutIfVersion, DeleteIfVersion and Check succeed only in their state, and of racing
//	     writers exactly one wins.
//	P08  A batch happens wholly or not at all, and a reader never sees half of one.
//	P09  DeleteRange removes the rows of the range, few or many, and no other.
//	P10  A write to an owned partition needs exactly the fence that Fence has raised last, else it changes
//	     nothing and is refused with table.ErrFenced, whatever its conditions. Fence takes an equal or higher
//	     fence, FenceExisting only where there is one. Fences survive reopening and, for a day, the end of
//	     all rows, and belong to one partition. Once Fence has returned, no write under a lower fence changes
//	     anything any more.
//	P11  A row lives at least its time and at most two seconds longer. An expired row is as good as absent to
//	     reads, conditions and pages; writing it again without a time makes it permanent.
//	P12  A context that ended before the call stops it, and a stopped write either happened wholly or not at all.
//	P13  What was written is there after Close and Open, and a closed client refuses with fault.Unavailable.
//	P14  After a crash every acknowledged write is there, no batch is there in half, no row that was ever read by
//	     anyone is gone, and every acknowledged fence holds. (Crasher)
//	P15  Damaged storage is never served as a row that nobody wrote. After a clean Close every damage that
//	     takes away a row or a fence is refused with table.ErrCorrupt; after a crash every one that hits more
//	     than the last handful of writes, unless it cuts off the end. (Damager)
//	P16  Close leaves no goroutine behind.
//	P17  Walk names every partition of the table that has rows throughout, once, at most so many a
//	     page as asked for, and no partition of another table.
//	P18  Bytes given to a call may be reused once it has returned, whatever it answered.
package tabletest
