// Package hls serves live broadcasts as low-latency HLS (draft-pantos-hls-rfc8216bis-20) over HTTP.
//
// It owns no media: a Locator finds the Source of a channel (a *packager.Packager), which answers with
// immutable bytes or makes the request wait. The handler knows URLs, headers and deadlines, and remembers
// for locateTTL where a channel is, so that a viewer's four requests a second do not ask the channel's
// actor.
//
//	/live/{channel}/index.m3u8                         multivariant playlist
//	/live/{channel}/source/index.m3u8                  media playlist; _HLS_msn, _HLS_part, _HLS_skip
//	/live/{channel}/source/{broadcast}/{n}.m4s         segment n
//	/live/{channel}/source/{broadcast}/{n}.{k}.m4s     part k of segment n; the hinted one is awaited
//	/live/{channel}/source/{broadcast}/init-{i}.mp4    init segment i
//
// Promises:
//
//  1. Every answer, errors included, carries the CORS headers, so that a page of any origin can read it.
//  2. Nothing of a query enters a playlist; all viewers get the same bytes.
//  3. What never changes (segments, parts, init segments) says so for a year; a playlist that was waited
//     for may be cached for a target duration, one that was not for a second; what is not there is not
//     cached at all.
//  4. A response has a deadline that grows with its size: a client that reads slower than minRate is cut
//     off and holds nothing. A request that waits ends with its client.
//  5. GET and HEAD answer the same headers; a single Range of a segment answers 206.
//
// Refusals are problem+json with the fault's kind and code: 400 for bad delivery directives, 404 "not_live"
// and "no_media", 405, 503 with Retry-After when nothing came for three target durations.
package hls
