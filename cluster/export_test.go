package cluster

import "time"

// SetAsleep has the node believe what a test says of the machine's sleep. Call it before Start.
func (n *Node) SetAsleep(asleep func() time.Duration) { n.asleep = asleep }
