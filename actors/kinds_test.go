package actors

import (
	"testing"

	"github.com/barrage-live/barrage/cluster"
	"github.com/barrage-live/barrage/cluster/coordination"
)

// uncoded are the kinds whose messages are handed over as they are, and why: all that keeps an actor from
// being asked from another node stands here. The list only gets shorter.
func uncoded() map[string]string {
	return map[string]string{
		"channel":   "is answered with *live.Stream, which cannot leave the process",
		"broadcast": "is asked with *live.Stream and answers with *packager.Packager, which cannot leave the process",
	}
}

func TestMessagesOfEveryKindAreData(t *testing.T) {
	n, err := cluster.New(cluster.Config{Coordination: struct{ coordination.Store }{}})
	if err != nil {
		t.Fatal(err)
	}
	left := uncoded()
	for _, k := range Kinds(n, Deps{}) {
		_, listed := left[k.Name]
		delete(left, k.Name)
		if _, err := cluster.CodecOf(k); (err != nil) != listed {
			t.Errorf("kind %q is listed as one without messages: %v; it has %d (%v)", k.Name, listed, len(k.Messages), err)
		}
	}
	for name := range left {
		t.Errorf("there is no kind %q", name)
	}
}
