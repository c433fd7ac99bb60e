package pebbletable

import (
	"context"
	"errors"
	"os"
	"syscall"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/storage/internal/durable"
	"github.com/barrage-live/barrage/storage/table"
)

// The refusals of this package beside those of package table.
var (
	// ErrLocked: another process, or another driver of this process, holds the directory.
	ErrLocked = durable.ErrLocked
	// ErrClosed: the driver was closed.
	ErrClosed = fault.New(fault.Unavailable, "storage_closed", "the storage is closed")
	// ErrFull: the disk is full; nothing was done.
	ErrFull = durable.ErrFull
	// ErrFailed: the disk failed; nothing was done.
	ErrFailed = durable.ErrFailed
	// ErrStalled: the disk has not answered for a while; nothing was done.
	ErrStalled = fault.New(fault.Unavailable, "storage_stalled", "the disk does not answer").After(time.Second)
)

// unknown is table.ErrUnknown with its cause.
func unknown(cause error) error {
	return fault.Wrap(table.ErrUnknown.Kind, table.ErrUnknown.Code, table.ErrUnknown.Message, cause)
}

// notDone turns the end of a context into a refusal of a write that did not happen.
func notDone(err error) error {
	if errors.Is(err, context.DeadlineExceeded) {
		return fault.Wrap(fault.Timeout, "deadline_exceeded", "the deadline passed before the write began", err)
	}
	return fault.From(err)
}

// corrupt is table.ErrCorrupt with its cause.
func corrupt(cause error) error {
	return fault.Wrap(table.ErrCorrupt.Kind, table.ErrCorrupt.Code, table.ErrCorrupt.Message, cause)
}

// readFault classifies a failed read and counts damage. A file that is gone is damage too.
func (e *engine) readFault(err error) error {
	switch {
	case pebble.IsCorruptionError(err), errors.Is(err, os.ErrNotExist), errors.Is(err, table.ErrCorrupt):
		e.cfg.Metrics.corrupt.Inc()
		return corrupt(err)
	}
	return durable.Refusal(err)
}

// openFault classifies a failure to open what is there. What the system did not refuse is damage.
func openFault(err error) error {
	var errno syscall.Errno
	switch {
	case errors.Is(err, table.ErrCorrupt):
		return err
	case pebble.IsCorruptionError(err), errors.Is(err, os.ErrNotExist), !errors.As(err, &errno):
		return corrupt(err)
	}
	return durable.Refusal(err)
}
