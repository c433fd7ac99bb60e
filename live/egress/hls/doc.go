// Package hls serves broadcasts as HLS over HTTP: with low latency (draft-pantos-hls-rfc8216bis-20) while
// they go on, and from their recordings ever after.
//
// It owns no media: a Locator finds the Source of a channel's present broadcast (a *packager.Packager), which
// answers with immutable bytes or makes the request wait; Recordings has those that are over. The handler
// knows URLs, headers and deadlines. It remembers for locateTTL where a channel is, so that a viewer's four
// requests a second do not ask the channel's actor, and keeps the texts of recordings that were asked for
// lately, in 64 MiB.
//
//	/live/{channel}/index.m3u8                             multivariant playlist of what is on
//	/live/{channel}/{broadcast}/index.m3u8                 of that broadcast
//	/live/{channel}/{broadcast}/source/index.m3u8          media playlist; _HLS_msn, _HLS_part, _HLS_skip
//	/live/{channel}/{broadcast}/source/{n}.m4s             segment n
//	/live/{channel}/{broadcast}/source/{n}.{k}.m4s         part k of segment n; the hinted one is awaited
//	/live/{channel}/{broadcast}/source/init-{i}.mp4        init segment i
//
// Promises:
//
//  1. Every answer, errors included, carries the CORS headers, so that a page of any origin can read it.
//  2. Nothing of a query enters a playlist; all viewers get the same bytes.
//  3. What never changes (segments, parts, init segments) says so for a year; a playlist that was waited
//     for may be cached for a target duration, one that was not for a second, one that has ended for a
//     minute; what is not there is not cached at all, nor a playlist that lacks what was waited for. What
//     lies below a broadcast's URL is never another broadcast's.
//  4. A response has a deadline that grows with its size: a client that reads slower than minRate is cut
//     off and holds nothing. A request that waits ends with its client.
//  5. A broadcast plays at its own URL for as long as it is recorded, with all that was ever listed; segments
//     then go from the disk to the connection through the kernel, which checks nothing, so each block was
//     checked before.
//  6. GET and HEAD answer the same headers; a single Range of a segment answers 206.
//
// Refusals are problem+json with the fault's kind and code: 400 for bad delivery directives, 404 "not_live",
// "no_recording" and "no_media", 405, 503 with Retry-After when what was waited for did not come.
package hls
