package actors

import (
	"testing"

	"github.com/barrage-live/barrage/cluster"
	"github.com/barrage-live/barrage/cluster/coordination"
)

func TestMessagesOfEveryKindAreData(t *testing.T) {
	n, err := cluster.New(cluster.Config{Coordination: struct{ coordination.Store }{}})
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range Kinds(n, Deps{}) {
		if len(k.Messages) == 0 {
			t.Errorf("what crosses to and from actors of kind %q is not written down", k.Name)
		}
		if _, err := cluster.CodecOf(k); err != nil {
			t.Error(err)
		}
	}
}
