// Package rfc6455 reads and writes the frames of the websocket protocol (RFC 6455), server side, strictly.
//
// It is pure: a Parser owns the bytes of the one message being put together and nothing else; no socket,
// goroutine, clock or lock. gateway/socket/ws feeds it whatever the kernel gave and acts on what comes out;
// test clients use the writers. No extension is negotiated, so every reserved bit is a violation.
//
// Promises of Parser:
//
//  1. Any cutting of the same bytes into pieces gives the same messages and the same violation.
//  2. A violation is found at the first byte that proves it: a masking bit, a reserved bit, an opcode, a
//     length that is not minimal or too large, a byte that no UTF-8 text can hold. Nothing is allocated for
//     a frame that is refused, and never more than the bytes received plus the growth of one slice.
//  3. A payload handed out belongs to the receiver and is never touched again.
//
// It fails with *Violation, which carries the close code to answer with: 1002 for the framing, 1007 for
// text that is not UTF-8, 1008 for too many fragments, 1009 for a message above the limit. After a
// violation or a close frame the Parser swallows whatever follows (section 5.5.1).
//
//	byte 0   FIN RSV1 RSV2 RSV3 opcode(4)
//	byte 1   MASK length(7)
//	         + 2 bytes if the length is 126, 8 bytes if it is 127; always the shortest form
//	         + 4 bytes masking key, from clients always, from servers never
//	         + payload
package rfc6455
