package pebbletable

import "time"

// spaceEvery is the pause between two looks at how much room the disk has left.
const spaceEvery = time.Second

// lookForSpace notes whether the disk has less room than the reserve. A file system that does not tell has enough.
func (e *engine) lookForSpace() {
	usage, err := e.cfg.FS.GetDiskUsage(e.cfg.Dir)
	if err != nil || e.cfg.Reserve < 0 {
		return
	}
	if low := usage.AvailBytes < uint64(e.cfg.Reserve); e.low.Swap(low) != low {
		if low {
			e.cfg.Log.Warn("the disk is almost full; writes are refused")
		} else {
			e.cfg.Log.Info("the disk has room again")
		}
	}
}
