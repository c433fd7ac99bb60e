// Package localstore is the coordination store of a single process. Its one durable fact is the highest
// epoch ever given, and that is a row of the tables that the epochs guard: whoever has the tables has the
// epoch, in every backup and after every crash.
//
// It owns that row. The root opens and closes it; the node of package cluster uses it. Leases and grants
// live in memory, for they end with the process; the epoch is written, durably, before it is given to
// anyone, so that every run of the process has a higher one than all before it. That no second process runs
// on the same tables is up to their engine, which locks its folder; a second store in one process notices
// that the row has moved and refuses Conflict "epoch_moved".
//
// A row that is missing where others are, or cannot be read, is refused Internal "epoch_missing" or
// "epoch_damaged" and never replaced: starting from 1 again would let old epochs pass for new ones, and
// every change of what is stored would be refused as one of an old owner. The remedy is a backup.
//
// Leases have no end unless Config.TTL is set: nobody else can own anything while the process holds the
// tables.
//
// The row: shared table "coordination", partition "local", key "epoch"; 8 bytes, the epoch, big endian.
package localstore
