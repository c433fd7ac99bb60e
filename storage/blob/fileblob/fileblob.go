// Package fileblob is the embedded object engine: package blob on files.
//
// It owns one directory, locked against other processes, and no goroutine. It is used through blob.New;
// nothing else calls it. FORMAT.md has the layout of the directory and the bytes of a file: the content as
// it is, a checksum of each 32 KiB of it, and a trailer with size and content type.
//
// Put writes to tmp, syncs the file, renames it to its place and syncs the directory: an object is visible
// whole or not at all, before and after a crash. What fails before the rename has done nothing, and its
// file in tmp is removed; what fails after it is blob.ErrUnknown. Delete syncs the directory too. A read
// checks what it gives: damage is blob.ErrCorrupt, never data. Where the kernel sends a part by itself, each
// block of it was checked at least once since the object came or the process began.
//
// An object that grows lies in its place under its key and "+", as plain content; Close writes checksums and
// trailer behind it, syncs the file once and renames it.
//
// It fails as package blob says and with durable.ErrLocked, ErrFull and ErrFailed. The file system is
// reached through Pebble's vfs, because that is the seam by which tests take away the power and the space.
package fileblob

import (
	"context"
	"errors"
	"hash/maphash"
	"io"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/storage/blob"
	"github.com/barrage-live/barrage/storage/blob/driver"
	"github.com/barrage-live/barrage/storage/internal/durable"
)

const (
	tmpDir    = "tmp"
	objectDir = "objects"
	dirPerm   = 0o755
	// keyLocks is how many keys can be changed at once; keys that share a lock wait for each other.
	keyLocks = 64
)

// Config says where the objects live. Only Dir is required.
type Config struct {
	// Dir is the directory; it is made if it does not exist.
	Dir string
	// FS is where Dir lives; nil is the operating system's.
	FS vfs.FS
	// Reserve is how many bytes of the disk objects leave to others: below it they are refused as on a full
	// disk. It is more than the tables keep for themselves, because objects are what fills disks, and without
	// tables nothing can be served. Zero means 128 MiB, negative none.
	Reserve int64
	// Log receives errors; nil discards them.
	Log *slog.Logger
	// Metrics counts; nil counts into the void.
	Metrics *Metrics
}

func (c Config) withDefaults() (Config, error) {
	if c.Dir == "" {
		return c, fault.New(fault.Invalid, "bad_config", "a directory is required")
	}
	if c.FS == nil {
		c.FS = vfs.Default
	}
	if c.Reserve == 0 {
		c.Reserve = 128 << 20
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Metrics == nil {
		c.Metrics = NewMetrics(prometheus.NewRegistry())
	}
	return c, nil
}

// Metrics counts what the engine finds.
type Metrics struct{ corrupt prometheus.Counter }

// NewMetrics declares the metrics on r.
func NewMetrics(r prometheus.Registerer) *Metrics {
	return &Metrics{corrupt: promauto.With(r).NewCounter(prometheus.CounterOpts{
		Name: "barrage_fileblob_corrupt_total", Help: "Reads that met damage.",
	})}
}

// Driver is the engine behind a blob.Store.
type Driver struct {
	fs      vfs.FS
	dir     string
	reserve int64
	log     *slog.Logger
	metrics *Metrics
	lock    io.Closer
	next    atomic.Uint64 // names in tmp
	buffers sync.Pool     // *[copyBytes]byte
	seed    maphash.Seed
	// keys are taken before tree, and held while it is found out what lies under a key and that is changed.
	keys    [keyLocks]sync.Mutex
	tree    tree
	checked checked
}

var (
	_ driver.Driver      = (*Driver)(nil)
	_ driver.BulkDeleter = (*Driver)(nil)
	_ driver.Measurer    = (*Driver)(nil)
	_ io.Closer          = (*Driver)(nil)
)

// Open opens a directory of objects and removes what a crash left half written.
func Open(cfg Config) (*Driver, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	d := &Driver{fs: cfg.FS, dir: cfg.Dir, reserve: cfg.Reserve, log: cfg.Log, metrics: cfg.Metrics, seed: maphash.MakeSeed()}
	d.buffers.New = func() any { return new([copyBytes]byte) }
	d.tree.durable, d.tree.removed, d.tree.growing = make(map[string]struct{}), make(map[string]uint64), make(map[string]*appender)
	if err := durable.MakeDir(d.fs, d.dir); err != nil {
		return nil, durable.Refusal(err)
	}
	lock, err := durable.Lock(d.fs, d.path("LOCK"))
	if err != nil {
		return nil, err
	}
	d.lock = lock
	if err := errors.Join(d.fs.RemoveAll(d.path(tmpDir)), d.makeDirs(d.path(tmpDir)), d.makeDirs(d.path(objectDir))); err != nil {
		return nil, errors.Join(durable.Refusal(err), lock.Close())
	}
	return d, nil
}

// Close frees the directory.
func (d *Driver) Close() error { return d.lock.Close() }

// Room implements driver.Measurer.
func (d *Driver) Room() (free, total int64, ok bool) {
	u, err := d.fs.GetDiskUsage(d.dir)
	return int64(u.AvailBytes), int64(u.TotalBytes), err == nil
}

// key is the lock of a key.
func (d *Driver) key(key string) *sync.Mutex {
	return &d.keys[maphash.String(d.seed, key)%keyLocks]
}

// Open implements driver.Driver.
func (d *Driver) Open(ctx context.Context, key string) (io.ReadSeekCloser, blob.Info, error) {
	if err := ctx.Err(); err != nil {
		return nil, blob.Info{}, fault.From(err)
	}
	o, err := d.open(key)
	if err != nil {
		return nil, blob.Info{}, err
	}
	return o, o.info, nil
}

// Stat implements driver.Driver.
func (d *Driver) Stat(ctx context.Context, key string) (blob.Info, error) {
	if err := ctx.Err(); err != nil {
		return blob.Info{}, fault.From(err)
	}
	return d.stat(key)
}

func (d *Driver) stat(key string) (blob.Info, error) {
	o, err := d.open(key)
	if err != nil {
		return blob.Info{}, err
	}
	_ = o.Close() // nothing was written that a failed close could lose
	return o.info, nil
}

// readFault classifies a failed read.
func (d *Driver) readFault(key string, err error) error {
	switch {
	case errors.Is(err, os.ErrNotExist):
		return blob.ErrNoObject
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF): // the file ends too early
		return d.corrupt(key, err)
	}
	return durable.Refusal(err)
}

// corrupt is blob.ErrCorrupt with its cause, counted and logged: who was reading may be in the midst of an
// answer and unable to say why it ends.
func (d *Driver) corrupt(key string, cause error) error {
	d.metrics.corrupt.Inc()
	d.log.Error("object is damaged", slog.String("key", key), slog.Any("cause", cause))
	return fault.Wrap(blob.ErrCorrupt.Kind, blob.ErrCorrupt.Code, blob.ErrCorrupt.Message, cause)
}

// unknown is blob.ErrUnknown with its cause.
func unknown(cause error) error {
	return fault.Wrap(blob.ErrUnknown.Kind, blob.ErrUnknown.Code, blob.ErrUnknown.Message, cause)
}
