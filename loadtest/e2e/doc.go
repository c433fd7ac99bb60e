// Package e2e runs the real binary and looks at it from outside: sockets, HTTP, RTMP, kill -9, browsers and
// OBS.
//
// It owns nothing at run time and is imported by nobody; its tests start the server as a child process on
// loopback with a data folder of their own and end it themselves. They fail if the binary does not build,
// does not start, or breaks one of the promises users rely on. The page checks (pages/) and the OBS check
// (obs/) are scripts that the Makefile runs.
package e2e
