package blobtest_test

import (
	"testing"

	"github.com/barrage-live/barrage/storage/blob/blobtest"
	"github.com/barrage-live/barrage/storage/blob/driver"
)

// bucket is a harness of clients of one bucket.
type bucket struct{ *blobtest.Bucket }

// Open implements blobtest.Harness.
func (b bucket) Open() (driver.Driver, error) { return b.Client(), nil }

// Close implements blobtest.Harness.
func (b bucket) Close() error { return nil }

// Shared implements blobtest.Sharer.
func (b bucket) Shared() {}

func TestConformance(t *testing.T) {
	blobtest.Run(t, func(*testing.T) blobtest.Harness { return bucket{blobtest.NewBucket(0)} })
}

// TestConformanceWithLostAnswers proves that the promises can be kept, and the suite be passed, where any
// change may have an unknown outcome.
func TestConformanceWithLostAnswers(t *testing.T) {
	blobtest.Run(t, func(*testing.T) blobtest.Harness { return bucket{blobtest.NewBucket(0.2)} })
}
