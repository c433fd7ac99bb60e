// Package viewers is a crowd of low-latency HLS players as load on a server, as cheap for the machine they
// share with it as they can be: they read media and throw them away.
//
// A crowd owns its connections and goroutines while Watch runs. Each viewer finds the media playlists of
// the first variant, asks for each of their updates as it comes (blocking reload, delta update, gzip) and
// for each part that an update lists, over one connection for each playlist. What a playlist says is worked
// out once for all who get the same bytes. Watch counts what was watched and what went wrong; a viewer that
// an answer fails ends, and is counted as failed, so that no figure hides it. It does not judge: tests hold
// the figures against a bar.
//
// It stands for players that keep up. Slow and hostile ones are tests of their own.
package viewers
