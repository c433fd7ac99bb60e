package blob

import (
	"context"
	"errors"
	"io"

	"github.com/barrage-live/barrage/internal/fault"
)

// source is what a driver reads of a Put: it ends with the caller's context, holds the caller's reader to
// the size that was announced, and fails with refusals only. A driver that gets an error from it gives that
// error back.
type source struct {
	ctx  context.Context //nolint:containedctx // lives as long as one Put
	r    io.Reader
	size int64 // -1: unknown
	read int64
}

// Read implements io.Reader.
func (s *source) Read(p []byte) (int, error) {
	if err := s.ctx.Err(); err != nil {
		return 0, fault.From(err)
	}
	n, err := s.r.Read(p)
	s.read += int64(n)
	ended := errors.Is(err, io.EOF)
	switch {
	case s.size >= 0 && (s.read > s.size || ended && s.read < s.size):
		return 0, fault.Newf(fault.Invalid, "size_mismatch", "%d bytes were announced, and not as many came", s.size)
	case ended:
		return n, io.EOF
	case err == nil:
		return n, nil
	}
	if _, known := errors.AsType[*fault.Error](err); known {
		return n, err
	}
	return n, fault.Wrap(fault.Invalid, "source_failed", "what was to be stored could not be read", err)
}
