// Package pebbletable is the embedded table engine: package table on Pebble, an LSM tree in one directory.
//
// It owns the directory (locked against other processes), one committer goroutine that decides and writes,
// one goroutine that waits for the disk, and one that sweeps expired rows. It is used through table.New;
// nothing else calls it.
//
//	Write ──laid out and summed──queue──> committer: fence? condition? ──> write-ahead log + memtable ──> waiter: synced ──> answer
//	Get, Scan ──> snapshot ──> every write they may have seen synced? ──> rows
//
// Because one goroutine decides every write, compare-and-set and fences need no lock, and whatever queued
// up while the disk was busy shares the next sync: that is the group commit. What it will read, callers
// have read before it, so that it never waits for a cold block. A read waits for writes of its partition
// that are visible but not yet on the disk, so that nobody acts on a row that a crash could take back.
//
// Failure. Pebble ends the process on disk errors; this package does not let it see one. Every write to the
// directory passes a guard: on a full disk the operation waits inside the guard and is tried again, while
// writes are refused with fault.Unavailable "storage_full". Already when the disk has less room than a
// reserve, writes are refused so, but for fences and rows of shared tables: a process that starts then
// still serves what is stored. On any other error the engine is dead: everything is refused with
// "storage_failed", Failed tells the owner, who ends the process, and only another process may open the
// directory again. A disk that does not answer for a second has writes refused with "storage_stalled" until
// it does. A write caught in the middle of any of this gets table.ErrUnknown. A damaged row or file gives
// table.ErrCorrupt; a scan with Range.Damaged leaves such rows out, counted, and each logged once. A
// directory that another process holds gives ErrLocked.
//
// The bytes on disk are described in FORMAT.md.
package pebbletable
