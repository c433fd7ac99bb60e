package pebbletable

import (
	"time"

	"github.com/barrage-live/barrage/storage/internal/durable"
)

// spaceEvery is the pause between two looks at how much room the disk has left.
const spaceEvery = time.Second

// lookForSpace notes whether the disk has less room than the reserve.
func (e *engine) lookForSpace() {
	if low := durable.Scarce(e.cfg.FS, e.cfg.Dir, e.cfg.Reserve); e.low.Swap(low) != low {
		if low {
			e.cfg.Log.Warn("the disk is almost full; writes are refused")
		} else {
			e.cfg.Log.Info("the disk has room again")
		}
	}
}
