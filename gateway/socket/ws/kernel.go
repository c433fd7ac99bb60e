package ws

import (
	"net"

	"golang.org/x/sys/unix"
)

// unsentMark bounds what the kernel holds of answers that a client does not read: while so much has not been
// sent, it takes no more. Left to itself it takes 4 MiB of each connection, so that one address can have all
// the memory that the system has for TCP. What is on its way to the client is not counted, so that the mark
// bounds no speed, however long the way is; a smaller send buffer would.
const unsentMark = 64 << 10

// boundUnsent sets the mark of a connection.
func boundUnsent(conn *net.TCPConn) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return // it is closed
	}
	_ = raw.Control(func(fd uintptr) {
		// Without it the kernel only holds more.
		_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT, unsentMark)
	})
}

// unconfirmed is how many bytes of a connection the kernel holds because the peer has not confirmed them; 0
// if it does not say.
func unconfirmed(fd int) int {
	n, err := unix.IoctlGetInt(fd, unix.TIOCOUTQ)
	if err != nil {
		return 0
	}
	return n
}
