// Package live is channels, stream keys and rooms over HTTP: what is on, how its publisher is doing, the
// past of its danmaku, and who may not post.
//
// It owns no state: Operations binds what it declares to Ports, which the clients of the actors fill. What
// is promised of every operation is said in package rest.
//
// It refuses what the clients refuse, and NotFound no_room, Exhausted rate_limited.
package live
