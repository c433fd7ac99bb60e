package ws

import (
	"slices"

	"github.com/barrage-live/barrage/internal/fifo"
)

// joined is up to how many bytes short frames that wait are kept as one. Each that is kept by itself takes
// up to 64 bytes that nobody counts, which of 2-byte pongs would be many times what is counted; so no two
// neighbours are shorter than this together.
const joined = 512

// wait puts bytes at the end of what waits for a socket.
func wait(queue *fifo.Queue[[]byte], b []byte) {
	if n := queue.Len(); n > 0 {
		if last := queue.At(n - 1); len(*last)+len(b) <= joined {
			*last = slices.Concat(*last, b) // a new one: other sockets may be sent the same bytes
			return
		}
	}
	queue.Push(b)
}
