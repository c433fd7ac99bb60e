package pebbletable

import (
	"errors"
	"fmt"
	"os"
	"strconv"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/atomicfs"

	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/storage/internal/durable"
)

const (
	// pebbleFormat is the version of Pebble's files. A new one is a decision, not an effect of a newer
	// library: a version that reads it must have been released before one that writes it, so that an upgrade
	// can be taken back.
	pebbleFormat = pebble.FormatValueSeparation
	// ourFormat is the version of FORMAT.md. The same holds for it.
	ourFormat = 1
)

// ErrNewer says that the directory was written by a newer version. It is sound; the newer version opens it.
var ErrNewer = durable.ErrNewer

func newer(what string, found, known uint64) error {
	return fault.Wrap(ErrNewer.Kind, ErrNewer.Code, ErrNewer.Message, fmt.Errorf("%s %d, this one knows %d", what, found, known))
}

// checkPebbleFormat refuses files that this version, or the one before it, may not know. Pebble itself
// would change files of an older version to ours, and call those of a newer one damaged.
func checkPebbleFormat(fs vfs.FS, dir string) error {
	text, err := atomicfs.ReadMarker(fs, dir, "format-version")
	if errors.Is(err, os.ErrNotExist) || err == nil && text == "" {
		return nil
	}
	if err != nil {
		return openFault(err)
	}
	found, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		return corrupt(err)
	}
	if found > uint64(pebbleFormat) {
		return newer("file format", found, uint64(pebbleFormat))
	}
	return nil
}

// checkFormat holds the rows to the version that this code knows. A directory without rows may have none yet.
func (e *engine) checkFormat() (found bool, err error) {
	h, _, found, err := e.load(metaFormat())
	if err != nil {
		return false, err
	}
	if h.version > ourFormat {
		return true, newer("row format", uint64(h.version), ourFormat)
	}
	if found {
		return true, nil
	}
	empty, err := e.nothing()
	if err == nil && !empty {
		err = corrupt(errors.New("there are rows but no row format"))
	}
	return false, err
}

// writeFormat notes the version in a new directory, durably and before anything else.
func (e *engine) writeFormat() error {
	pb := e.db.NewBatch()
	put(pb, metaFormat(), header{version: ourFormat}, nil)
	return e.db.Apply(pb, pebble.Sync)
}
