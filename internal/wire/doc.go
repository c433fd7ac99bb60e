// Package wire is the native protocol between clients and the gateway: messages, two encodings, limits.
//
// SPEC.md beside this file is the specification and testdata holds a golden vector of every message; wirepb
// is the generated schema. The package is pure: it owns nothing, blocks on nothing and keeps nothing
// between calls. The gateway, the client of wireclient and the load generator use it.
//
// Promises: a client frame is decoded only if it is within MaxClientFrame; exactly one body is set in what
// Decode returns; unknown fields are ignored, an unknown body is refused; encoding the same message twice
// gives the same bytes.
//
// It fails with fault.Invalid: code "bad_frame" for bytes that are no frame, "unknown_message" for a frame
// whose body this version does not know (with the frame's id, so that the refusal can be matched),
// "frame_too_large" above the limit.
package wire
