// Package wireclient is the Go client of the native protocol of internal/wire, in both encodings.
//
// Client is one connection: it owns the socket and one reading goroutine, which Close ends. Follow keeps a
// set of rooms over any number of connections: it reconnects, or stays away, as SPEC.md asks, presents its
// token, joins with its positions and tells what will not come. Tests, the load generator and programs of
// users call it; it imports nothing of the server.
//
// Promises: calls may be made from any goroutine; every call ends with its reply, with a *fault.Error that
// the server sent, or with ErrClosed; OnFrame sees every frame in the order of arrival, on the reading
// goroutine, before a call that waits for it returns, and every danmaku in it names its epoch. After
// ErrClosed, Client.Closed tells code and reason. Follow hands out every danmaku at most once and in order,
// and tells of each that it does not hand out.
package wireclient
