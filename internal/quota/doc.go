// Package quota keeps one caller from taking what is there for all: how much it may hold at once, and how
// much it may ask for in a time.
//
// It owns two counts. Places bound what is held (connections, places in a line): all together, and each
// caller to a share of what is still free, so that few callers get much of a quiet node and nobody can
// fill it alone. Yielding are places of those who have shown nothing yet: newcomers always find one, since
// others give way. Rates bound what is asked for: token buckets by key, in which a request costs what it
// costs the server. A caller is an address and the networks around it, see Around. Callers are the Rates
// of callers, Users those of users and of the addresses they come from. They know nothing of sockets or
// requests: sockets, listeners, ingest, the HTTP edge, the API, the line of password hashes and the log use
// them.
//
// Promises: what was refused has taken nothing. Every count is exact, constant work under one short lock,
// and safe for concurrent use; to choose who gives way takes work in proportion to the places. Memory is
// bounded: by the places that are held, and by the number of keys that Rates is made with; what is back to
// rest is forgotten.
//
// It fails with ErrFull, ErrCrowded and ErrGaveWay, nothing else.
package quota
