package pebbletable_test

import (
	"testing"

	"github.com/barrage-live/barrage/storage/table/pebbletable/pebbletest"
	"github.com/barrage-live/barrage/storage/table/tabletest"
)

func TestConformanceInMemory(t *testing.T) {
	tabletest.Run(t, func(*testing.T) tabletest.Harness { return pebbletest.NewMem() })
}
