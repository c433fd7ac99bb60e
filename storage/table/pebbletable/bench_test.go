package pebbletable_test

import (
	"testing"
	"time"

	"github.com/barrage-live/barrage/storage/table/driver"
	"github.com/barrage-live/barrage/storage/table/pebbletable"
	"github.com/barrage-live/barrage/storage/table/tabletest"
)

// disk is a harness on the real disk, in a directory of the test.
type disk struct{ dir string }

// Open implements tabletest.Harness.
func (d disk) Open(now func() time.Time) (driver.Driver, error) {
	return pebbletable.Open(pebbletable.Config{Dir: d.dir, Now: now, SweepEvery: 50 * time.Millisecond})
}

// Close implements tabletest.Harness.
func (d disk) Close() error { return nil }

func TestConformanceOnDisk(t *testing.T) {
	tabletest.Run(t, func(t *testing.T) tabletest.Harness { return disk{t.TempDir()} })
}

func BenchmarkOnDisk(b *testing.B) {
	tabletest.Bench(b, func(b *testing.B) tabletest.Harness { return disk{b.TempDir()} })
}
