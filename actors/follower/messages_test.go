package follower

import (
	"path/filepath"
	"testing"

	"github.com/barrage-live/barrage/actors/actortest"
)

func kindMessages() actortest.Messages {
	return actortest.Messages{
		Kind:    Kind{Name: "follower"}.Cluster(),
		Samples: []any{News{}, CatchUp{}},
		Golden:  filepath.Join("followerpb", "testdata", "messages.txt"),
	}
}

func TestMessages(t *testing.T) { kindMessages().Hold(t) }

func FuzzMessages(f *testing.F) { kindMessages().Fuzz(f) }
