package pebbletable

import (
	"fmt"
	"log/slog"
)

// logger carries Pebble's words into slog. What Pebble would end the process for ends the engine instead.
type logger struct {
	log   *slog.Logger
	guard *guard
}

// Infof implements pebble.Logger. The engine's chronicle is of no use to an operator.
func (l logger) Infof(string, ...any) {}

// Errorf implements pebble.Logger.
func (l logger) Errorf(format string, args ...any) {
	l.log.Warn("storage engine warns", slog.String("text", fmt.Sprintf(format, args...)))
}

// Fatalf implements pebble.Logger.
func (l logger) Fatalf(format string, args ...any) {
	err := fmt.Errorf(format, args...)
	for _, arg := range args {
		if cause, ok := arg.(error); ok { // which says whether the disk is full
			err = fmt.Errorf("storage engine: %w", cause)
		}
	}
	l.log.Error("storage engine failed", slog.Any("error", err))
	l.guard.kill(err)
}
