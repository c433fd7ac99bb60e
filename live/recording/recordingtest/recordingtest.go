// Package recordingtest gives tests recordings in memory.
//
// It owns what it opens for a test and fails the test it is given.
package recordingtest

import (
	"log/slog"
	"testing"
	"time"

	"github.com/barrage-live/barrage/internal/id"
	"github.com/barrage-live/barrage/internal/media/index"
	"github.com/barrage-live/barrage/internal/position"
	"github.com/barrage-live/barrage/live/recording"
	"github.com/barrage-live/barrage/storage/blob"
	"github.com/barrage-live/barrage/storage/blob/blobtest"
	"github.com/barrage-live/barrage/storage/table/pebbletable/pebbletest"
)

// New opens a store that is forgotten with the test.
func New(tb testing.TB) *recording.Store {
	tb.Helper()
	return On(pebbletest.Open(tb))
}

// On makes a store in these tables whose objects are forgotten.
func On(t recording.Tables) *recording.Store {
	return recording.New(t, blob.New(blobtest.NewBucket(0).Client()), slog.New(slog.DiscardHandler))
}

// Writer makes the writer of a broadcast that begins now, with the first fence.
func Writer(s *recording.Store, channel id.Channel, b id.Broadcast, start time.Time) *recording.Writer {
	return s.Writer(b, position.Fence{Epoch: 1, Activation: 1}, index.Header{Channel: channel, Start: start})
}
