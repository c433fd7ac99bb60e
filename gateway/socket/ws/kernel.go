package ws

import (
	"net"
	"time"

	"golang.org/x/sys/unix"
)

// unsentMark bounds what the kernel holds of answers that a client does not read: while so much has not been
// sent, it takes no more. Left to itself it takes 4 MiB of each connection, so that one address can have all
// the memory that the system has for TCP. What is on its way to the client is not counted, so that the mark
// bounds no speed, however long the way is; a smaller send buffer would.
const unsentMark = 64 << 10

// unconfirmedTime is how long a peer may confirm nothing, or take nothing, of what it is sent before the
// kernel ends the connection and forgets what it holds. That is as much as was on its way, up to a few MiB,
// and left to itself the kernel keeps it for 15 minutes, also after we have closed. It is as long as
// Config.Stall. A phone that comes out of a tunnel later is better off with a new connection: on the old one
// the kernel would wait for as long again before it sends anything.
const unconfirmedTime = 30 * time.Second

// boundKernel bounds what the kernel holds of a connection, and for how long.
func boundKernel(conn *net.TCPConn) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return // it is closed
	}
	_ = raw.Control(func(fd uintptr) {
		// Without them the kernel only holds more.
		_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT, unsentMark)
		_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(unconfirmedTime.Milliseconds()))
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
