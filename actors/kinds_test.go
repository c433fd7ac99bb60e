package actors

import (
	"reflect"
	"testing"

	"github.com/barrage-live/barrage/cluster"
	"github.com/barrage-live/barrage/cluster/coordination"
	"github.com/barrage-live/barrage/live"
	"github.com/barrage-live/barrage/live/packager"
)

// local are all types whose values are handed over to an actor or its askers as they are, and why: what
// keeps an actor from being asked from another node. The list only gets shorter.
func local() map[reflect.Type]string {
	return map[reflect.Type]string{
		reflect.TypeFor[*live.Stream]():       "a publisher writes media into the memory of the node that packages them",
		reflect.TypeFor[*packager.Packager](): "viewers are served from the memory of the node that packages",
	}
}

func TestMessagesOfEveryKindAreData(t *testing.T) {
	n, err := cluster.New(cluster.Config{Coordination: struct{ coordination.Store }{}})
	if err != nil {
		t.Fatal(err)
	}
	left := local()
	for _, k := range Kinds(n, Deps{}) {
		if _, err := cluster.CodecOf(k); err != nil {
			t.Error(err)
		}
		for _, of := range k.Local {
			if local()[of] == "" {
				t.Errorf("messages of kind %q hold a %v, which cannot leave the process", k.Name, of)
			}
			delete(left, of)
		}
	}
	for of := range left {
		t.Errorf("no message holds a %v", of)
	}
}
