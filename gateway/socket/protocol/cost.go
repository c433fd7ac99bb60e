package protocol

import (
	"github.com/barrage-live/barrage/internal/wire"
	"github.com/barrage-live/barrage/internal/wire/wirepb"
)

// What requests cost, in the units of the specification: 1 is what a ping costs the node, some microseconds.
const (
	costLeast = 1
	costAuth  = 10 // a signature
	costJoin  = 2
	costRead  = 5 // perhaps of the room's log
	// readPerUnit is how many danmaku of the log cost 1: they are read, decoded and encoded for one client.
	readPerUnit = 20
	// keptPerUnit is how many that the node keeps cost 1: they are encoded already, for everybody.
	keptPerUnit = 100
	// smallFrame is how long a frame may be that costs nothing to read, as most requests are; every so many
	// bytes more cost 1. What a frame holds that nobody needs is read all the same.
	smallFrame = 256
	// smallPing is how long a ping may be that says nothing but that the client lives.
	smallPing = 64
	// CostNoRoom is what a room that does not exist costs besides.
	CostNoRoom = 10
)

// CostBytes is what it costs to read a frame, whatever is in it.
func CostBytes(n int) float64 { return float64(max(0, n-smallFrame)) / smallFrame }

// Cost is what a request costs before anything is known of its answer.
func Cost(f *wirepb.ClientFrame) float64 {
	switch b := f.GetBody().(type) {
	case *wirepb.ClientFrame_Auth:
		return costAuth
	case *wirepb.ClientFrame_Join:
		cost := costJoin + CostRecovered(int(min(b.Join.GetHistory(), wire.MaxHistory)))
		if b.Join.GetSince() != nil || b.Join.GetHistory() > 0 {
			cost += costRead
		}
		return cost
	case *wirepb.ClientFrame_History:
		return costRead + float64(pageLimit(b.History))/readPerUnit
	}
	return costLeast
}

// CostRecovered is what the danmaku of a join or of a recovery cost.
func CostRecovered(n int) float64 { return float64(n) / keptPerUnit }

// Private reports whether a request of so many bytes is the connection's own affair, so that it does not
// count against its user and its address unless there are many: a client must be able to show that it lives,
// whatever others behind its address do.
func Private(f *wirepb.ClientFrame, bytes int) bool { return f.GetPing() != nil && bytes <= smallPing }
