package pebbletable

import (
	"context"
	"errors"
	"hash/crc32"
	"os"
	"strings"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/storage/internal/durable"
)

// ErrExists says that a checkpoint would overwrite something.
var ErrExists = fault.New(fault.Conflict, "checkpoint_exists", "there is something in the place of the checkpoint")

// Checkpoint makes a directory that holds everything written by now, and returns when it is durable. Writes
// go on meanwhile. On one file system files are linked, not copied: it takes a moment, and room only as the
// originals are replaced. The directory must not exist nor lie in that of the engine; it can be opened like
// any other. It fails with ErrExists, fault.Invalid, ErrFull, ErrFailed, and leaves nothing behind then.
func (d *Driver) Checkpoint(ctx context.Context, dir string) error {
	fs := d.cfg.FS
	if dir == "" || !d.guard.outside(dir) || dir == d.cfg.Dir {
		return fault.New(fault.Invalid, "bad_checkpoint", "a checkpoint needs a directory outside of the tables")
	}
	return d.use(ctx, func() error {
		err := d.db.Checkpoint(dir, pebble.WithFlushedWAL())
		if errors.Is(err, os.ErrExist) {
			return ErrExists
		}
		if err == nil {
			if err = sealCopy(fs, dir); err != nil {
				err = errors.Join(err, fs.RemoveAll(dir))
			}
		}
		if err != nil {
			return durable.Refusal(err)
		}
		return nil
	})
}

// sealCopy seals the manifest of a checkpoint as it is: nothing will be added to it.
func sealCopy(fs vfs.FS, dir string) error {
	names, err := fs.List(dir)
	if err != nil {
		return err
	}
	s := &seal{fs: fs, dir: dir}
	s.mu.files = make(map[string]sealed)
	for _, name := range names {
		if !strings.HasPrefix(name, manifestPrefix) {
			continue
		}
		content, err := readFile(fs, fs.PathJoin(dir, name))
		if err != nil {
			return err
		}
		s.mu.files[name] = sealed{int64(len(content)), crc32.Checksum(content, castagnoli)}
	}
	return s.store()
}
