package cluster

import (
	"time"

	"golang.org/x/sys/unix"
)

// asleep is how long the machine has slept since it was started: the clock that counts sleep less the one
// that does not. Neither counts the time in which a hypervisor does not run the machine at all and hides
// it; there only the fences of storage hold.
func asleep() time.Duration {
	for {
		before := read(unix.CLOCK_MONOTONIC)
		boot := read(unix.CLOCK_BOOTTIME)
		if after := read(unix.CLOCK_MONOTONIC); after-before < time.Millisecond { // else we were interrupted between them
			return boot - after
		}
	}
}

func read(clock int32) time.Duration {
	var t unix.Timespec
	if err := unix.ClockGettime(clock, &t); err != nil {
		return 0 // neither clock can fail on Linux
	}
	return time.Duration(t.Nano())
}
