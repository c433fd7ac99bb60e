// Package web serves the pages of the product: home, room and studio.
//
// It owns the TypeScript sources in app, the build they leave in dist (embedded into the binary) and the
// HTTP rules they are served under: which paths are pages, how long browsers may keep a file, which
// compressed copy is sent, and the security headers. The root mounts New's Handler after every other route
// of the public port.
//
// It promises that a path no asset has and no backend route claims answers with the application (which then
// shows the room, or that there is none), that hashed assets may be kept for ever and index.html never,
// that a path of the backend (internal/reserved) answers a 404 problem instead of a page, and that no
// answer allows foreign or inline scripts, framing, or type guessing.
//
// A checkout without built pages compiles and starts all the same: dist then holds only .keep, Built is
// false, and the start page says how to build them. Nothing here touches the network or the disk after New,
// so nothing fails later; New itself fails only when the embedded files cannot be read, which is a bug of
// the build.
//
// To work on the pages, start a server and, in app, `npm ci` and `npm run dev`: the pages reload as they
// are edited, and talk to the server at BARRAGE_BACKEND (http://127.0.0.1:8080). `npm test`, `npm run lint`
// and `npm run typecheck` check them; loadtest/e2e/pages walks through them with a real server, streamer
// and browser.
package web
