package actors

import (
	"context"
	"errors"

	"github.com/barrage-live/barrage/actors/document"
	"github.com/barrage-live/barrage/actors/follower"
	"github.com/barrage-live/barrage/cluster"
	"github.com/barrage-live/barrage/storage/outbox"
	"github.com/barrage-live/barrage/storage/table"
)

// Tend has done what nobody asks for: lists read on, and who is marked to have something left to do is woken
// (document.WakeAll), which waits for them. Call it when a node has started and every now and then after
// that: what a crash, the end of another node or an outage of a table or of the log has left lies there
// until then. It says how many were woken, and tells undone how many are marked.
func Tend(ctx context.Context, n *cluster.Node, tables *table.Store, undone *outbox.Undone) (woken int, err error) {
	var untold error
	for _, heard := range followers() {
		for _, f := range heard {
			untold = errors.Join(untold, cluster.Tell(n, f.Kind, f.Key, follower.CatchUp{}))
		}
	}
	woken, err = document.WakeAll(ctx, n, tables, undone)
	return woken, errors.Join(untold, err)
}
