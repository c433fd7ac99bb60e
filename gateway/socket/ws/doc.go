// Package ws is the transport of the native protocol: it checks upgrades, keeps the sockets and moves whole
// messages.
//
// It owns every websocket of the process: the poller goroutines of nbio (imported here and nowhere else), a
// bounded pool of workers, one goroutine for all deadlines. A connection has no goroutine and no runtime
// timer of its own. The gateway calls it; what the messages mean is the business of the Handler it is
// given.
//
//	net/http ── ServeHTTP: strict upgrade, admission ── hijack ──┬─ plain TCP: the descriptor moves to an nbio poller
//	                                                             └─ anything else (TLS, pipes): two goroutines
//	bytes in ── rfc6455.Parser ── control frames answered here
//	                           └─ messages ── queue of the connection (32, refuse) ── worker pool ── Receiver
//	a breach, a goodbye ── what came before is answered, for 5 s at most ── close frame
//	bytes out ── Conn.Write ── kernel (64 KiB); what it does not take waits by reference; over 256 KiB waiting: close 4008
//
// TLS: a hijacked *tls.Conn cannot be polled below its records, so it is served by a reading and a writing
// goroutine (about 20 KiB each connection) with the same parser, queues, limits and deadlines. Many viewers
// belong behind a terminator.
//
// Promises: a Receiver hears Start first, Closed last and exactly once, everything between in the order in
// which it came, and one call at a time. It must not wait for anybody: the workers are few, and Conn.Post
// brings answers back. Write never blocks. Nothing follows a close frame. A peer that breaks RFC 6455,
// floods, dribbles, stays silent or does not read is closed with the code of internal/wire/SPEC.md, and its
// neighbours notice nothing.
//
// Bounds: connections (from the limit of open files, less a reserve) of all and of each address and
// network, handshakes per address and network, frames per second, requests waiting, bytes waiting. What
// exceeds them is refused or closed, and counted in Metrics. A frame that has nothing before it is taken
// whatever its size, so that no bound closes those who read. Bytes that wait are bounded for all together,
// too (policy: while more wait, a connection with more than an equal share is closed when it is next looked
// at).
package ws
