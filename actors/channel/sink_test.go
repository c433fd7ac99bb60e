package channel_test

import "github.com/barrage-live/barrage/actors/room"

// sink attaches to a room only to be told how it stands.
type sink struct{}

func (sink) Deliver(room.Batch) {}
