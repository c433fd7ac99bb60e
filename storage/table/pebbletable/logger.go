package pebbletable

import (
	"errors"
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
	text := fmt.Sprintf(format, args...)
	l.log.Error("storage engine failed", slog.String("text", text))
	if !l.guard.isOpening() {
		l.guard.kill(errors.New(text))
	}
}
