// Package socket is the edge for sockets: it ties the transport (gateway/socket/ws), the protocol machine
// (gateway/socket/protocol), the rooms of this node (gateway/socket/hub) and the actors together.
//
// It owns one viewer for each connection: the machine's state, carried between transport and rooms. The
// composition root makes it with Start, mounts Handler at /ws, hands Revoke to those who revoke tokens
// (revocation.Sockets), and ends it with Drain and Close.
//
// Promises: nothing waits in a worker: what an actor is asked comes back through the connection's own
// queue, so that an actor that takes as long as AskTimeout holds up the requests of one connection about
// that one room and nothing else. A node that goes away tells its clients to come back spread over a time,
// waits for what is on its way to them, and only then closes. It fails with faults that reach the client as
// error frames; a receiver's panic ends one connection (1011).
//
// The face of the HTTP API and the pages are in gateway/api and gateway/web; they share nothing with this
// package.
package socket
