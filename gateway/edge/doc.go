// Package edge is what all HTTP faces of the platform have in common: the one table of routes, the limits
// of a request, who is taken to have sent it, how many an address may send, and the headers that every
// answer carries.
//
// It owns no state but when it last told of a proxy that is not trusted and the count of what addresses
// asked for, which is this node's alone and bounded in memory. It knows no face: the composition root mounts
// handlers on it, listens, and opens a Listener on every net.Listener.
//
// It promises that nobody holds a connection by doing nothing: a head within 5 s, a body within 10 s, an
// answer within 60 s where a handler does not allow more, 90 s between two requests, and 100 streams of
// an HTTP/2 connection. That a head of more than 16 KiB is refused Invalid head_too_large (431), and what
// an address and its networks ask for too often Exhausted too_many_requests, before anybody looks at it;
// a head of more than 4 KiB, or of a body whose length it does not tell, counts as more than one request.
// And that every answer, refusals and redirects of the table itself among them, says what browsers may do
// with it; a handler may say otherwise.
package edge
