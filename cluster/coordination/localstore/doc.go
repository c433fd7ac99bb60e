// Package localstore is the coordination store of a single process: a folder whose one durable fact is the highest
// epoch ever given.
//
// It owns the folder, under an exclusive lock: a second process on the same folder is refused Conflict "folder_in_use",
// because two of them would be two owners of everything. serve.go opens and closes it; the node of package cluster uses
// it. Leases and grants live in memory, for they end with the process; the epoch is written, and synced, before it is
// given to anyone, so that every run of the process has a higher one than all before it.
//
// A damaged file is refused Internal "epoch_damaged" and never replaced: starting from 1 again would let old epochs pass
// for new ones. The remedy is to write the highest epoch found in the stored tables with WriteEpoch, or to give the
// whole folder of tables up with it.
//
// Leases have no end unless Config.TTL is set: nobody else can own anything while the process holds the lock.
//
// The file "epoch", 24 bytes, big endian, replaced as a whole (temporary file, sync, rename, sync of the folder):
//
//	offset  bytes  meaning
//	0       8      "BRGEPOC1": format and version; another version is refused
//	8       8      the epoch
//	16      8      xxhash64 of bytes 0 to 15
//
// The file "lock" is empty; the lock on it is advisory (flock) and goes with the process.
package localstore
