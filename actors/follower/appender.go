package follower

import (
	"context"

	"github.com/barrage-live/barrage/cluster"
	"github.com/barrage-live/barrage/storage/eventlog"
	"github.com/barrage-live/barrage/storage/outbox"
)

// Address names a follower.
type Address struct{ Kind, Key string }

// Appender is the log for those who append: it tells the followers of a topic that there is something.
type Appender struct {
	Log  outbox.Log
	Node *cluster.Node
	// Followers of each topic.
	Followers map[string][]Address
	Metrics   *Metrics
}

// Append implements outbox.Log.
func (a Appender) Append(ctx context.Context, topic, key string, events ...eventlog.Event) error {
	err := a.Log.Append(ctx, topic, key, events...)
	a.Metrics.appended(topic, err)
	if err != nil {
		return err
	}
	for _, f := range a.Followers[topic] {
		_ = cluster.Tell(a.Node, f.Kind, f.Key, News{}) // who does not hear it reads the event the next time
	}
	return nil
}
