// Package tabletest holds the promises of the table port and the suite that proves them for a driver.
//
// Every driver calls Run with a Harness of its own; it owns nothing but the harness it is given and fails the test it is
// given. Crash and Damage are capabilities: a harness that has them proves more.
//
//	P01  A row that was written is read back: key, value and a version that is not zero.
//	P02  A row's version grows with every change, also over deletion, reopening and crash.
//	P03  Rows come in bytewise order of their keys, forwards and backwards, within From <= key < To.
//	P04  Pages join without gap or overlap, forwards and backwards, and a short page is the last.
//	P05  Keys of any bytes and any allowed size are distinct, and so are tables and partitions whose names share bytes.
//	P06  Sizes over the limits, empty batches and repeated keys are refused with fault.Invalid and change nothing.
//	P07  PutIfAbsent and PutIfVersion succeed only in their state, and of racing writers exactly one wins.
//	P08  A batch happens wholly or not at all, and a reader never sees half of one.
//	P09  WriteAll performs its batches in order, each by itself, with one answer each.
//	P10  A write of a lower epoch than the partition has seen changes nothing and is refused with table.ErrFenced; an
//	     unfenced write is one of epoch zero. Fences survive reopening and the end of all rows, belong to one partition,
//	     and are raised even by a batch without ops; batches of one call see the fence that those before them left. A
//	     batch whose condition fails raises nothing, and one that fails both is told that it is fenced.
//	P11  An expired row is as good as absent to reads, conditions and pages; rewriting without TTL makes it permanent.
//	P12  A context that ended before the call stops it, and a stopped write either happened wholly or not at all.
//	P13  What was written is there after Close and Open, and a closed driver refuses with fault.Unavailable.
//	P14  After a crash every acknowledged write is there, no batch is there in half, no row that was ever read by
//	     anyone is gone, and every acknowledged fence holds. (Crasher)
//	P15  Damaged storage is never served as a row that nobody wrote. After a clean Close every damage that takes away a row
//	     or a fence is refused with table.ErrCorrupt; after a crash every one that hits more than the last handful of writes,
//	     unless it cuts off the end. (Damager)
//	P16  Close leaves no goroutine behind.
package tabletest
