package fileblob

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"os"
	"strconv"
	"sync"
	"syscall"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/storage/blob"
	"github.com/barrage-live/barrage/storage/blob/driver"
	"github.com/barrage-live/barrage/storage/internal/durable"
)

// growing is what the name of an object's file has behind its key until it is final.
const growing = "+"

// appender writes an object that grows. Its file has the content alone; the checksums are kept in memory
// until Close writes them behind it.
type appender struct {
	d           *Driver
	key         string
	contentType string
	file        vfs.File
	mu          sync.Mutex // guards what readers and Delete look at
	now         extent
	before      extent // where the last Append began
	deleted     bool
	untidy      bool // the file may hold bytes behind those of now
	trailed     bool // it may hold a trailer behind them
	placed      bool // the file has its name for good, which is perhaps not durable
	left        bool // guarded by the lock of the tree
}

// extent is how far an object reaches, with the checksums so far.
type extent struct {
	size int64
	sums []byte // of whole blocks
	rest uint32 // of what is behind them
}

// add gives the extent after p.
func (e extent) add(p []byte) extent {
	for len(p) > 0 {
		n := min(int64(len(p)), blockBytes-e.size%blockBytes)
		e.rest = crc32.Update(e.rest, crc32.MakeTable(crc32.Castagnoli), p[:n])
		e.size += n
		if p = p[n:]; e.size%blockBytes == 0 {
			e.sums = binary.BigEndian.AppendUint32(e.sums, e.rest)
			e.rest = 0
		}
	}
	return e
}

// all gives the checksums of all blocks, the short one included.
func (e extent) all() []byte {
	sums := bytes.Clone(e.sums)
	if e.size%blockBytes != 0 {
		sums = binary.BigEndian.AppendUint32(sums, e.rest)
	}
	return sums
}

// Append implements driver.Driver.
func (d *Driver) Append(ctx context.Context, key, contentType string) (driver.Appender, error) {
	if err := ctx.Err(); err != nil {
		return nil, fault.From(err)
	}
	lock := d.key(key)
	lock.Lock()
	defer lock.Unlock()
	if err := d.vacant(key); err != nil {
		return nil, err
	}
	f, err := d.grow(d.object(key) + growing)
	if err != nil {
		return nil, err
	}
	a := &appender{d: d, key: key, contentType: contentType, file: f}
	d.tree.Lock()
	defer d.tree.Unlock()
	d.tree.growing[key] = a
	return a, nil
}

// vacant refuses a key under which there is an object, final or not.
func (d *Driver) vacant(key string) error {
	for _, name := range []string{d.object(key), d.object(key) + growing} {
		switch _, err := d.fs.Stat(name); {
		case err == nil:
			return blob.ErrExists
		case !errors.Is(err, os.ErrNotExist):
			return d.readFault(key, err)
		}
	}
	return nil
}

// grow makes the file of an object that grows.
func (d *Driver) grow(name string) (vfs.File, error) {
	d.tree.Lock()
	defer d.tree.Unlock()
	if durable.Scarce(d.fs, d.dir, d.reserve) {
		return nil, durable.Refusal(syscall.ENOSPC)
	}
	if err := d.makeDirs(d.fs.PathDir(name)); err != nil {
		return nil, durable.Refusal(err)
	}
	f, err := d.fs.OpenReadWrite(name, vfs.WriteCategoryUnspecified)
	if err != nil {
		return nil, durable.Refusal(err)
	}
	return f, nil
}

// Append implements driver.Appender. The file goes out to the disk piece by piece as the kernel sees fit.
func (a *appender) Append(ctx context.Context, at int64, p []byte) error {
	if err := ctx.Err(); err != nil {
		return fault.From(err)
	}
	from, err := a.at(at)
	if err != nil {
		return err
	}
	if durable.Scarce(a.d.fs, a.d.dir, a.d.reserve) {
		return durable.Refusal(syscall.ENOSPC)
	}
	err = a.write(p, at)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.untidy = a.untidy || a.trailed || err != nil
	if err != nil {
		a.now = from
		return durable.Refusal(err)
	}
	a.before, a.now = from, from.add(p)
	return nil
}

// at gives the extent that ends there.
func (a *appender) at(size int64) (extent, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case a.deleted:
		return extent{}, blob.ErrNoObject
	case a.placed:
		return extent{}, blob.ErrExists
	case size == a.now.size:
		return a.now, nil
	case size == a.before.size:
		a.untidy = true
		return a.before, nil
	}
	return extent{}, fault.New(fault.Invalid, "bad_object_range", "an append is not at the end of the object")
}

// write copies through a buffer of our own, because a vfs.File may scribble on what it is given to write.
func (a *appender) write(p []byte, at int64) error {
	buf := a.d.buffers.Get().(*[copyBytes]byte)
	defer a.d.buffers.Put(buf)
	for len(p) > 0 {
		n := copy(buf[:], p)
		if _, err := a.file.WriteAt(buf[:n], at); err != nil {
			return err
		}
		p, at = p[n:], at+int64(n)
	}
	return nil
}

// Close implements driver.Appender.
func (a *appender) Close(ctx context.Context, size int64) (blob.Info, error) {
	if err := ctx.Err(); err != nil {
		return blob.Info{}, fault.From(err)
	}
	lock := a.d.key(a.key)
	lock.Lock()
	defer lock.Unlock()
	if err := a.finish(ctx, size); err != nil {
		return blob.Info{}, err
	}
	if err := durable.SyncDir(a.d.fs, a.d.fs.PathDir(a.d.object(a.key))); err != nil {
		return blob.Info{}, unknown(err)
	}
	a.Leave()
	return a.d.stat(a.key)
}

// finish gives the object its name, if it has not got it.
func (a *appender) finish(ctx context.Context, size int64) error {
	if a.placed {
		return nil
	}
	end, err := a.at(size)
	if err != nil {
		return err
	}
	if !a.untidy {
		return a.place(end)
	}
	_, err = a.d.cut(ctx, a.key, a.file, blob.PutOptions{Size: size, ContentType: a.contentType})
	a.placed = err == nil
	return err
}

// place writes checksums and trailer behind the content, and gives the file its name.
func (a *appender) place(end extent) error {
	a.trailed = true // another try writes the same in the same place
	if err := a.write(appendTrailer(end.all(), a.key, end.size, a.contentType), end.size); err != nil {
		return durable.Refusal(err)
	}
	if err := a.file.Sync(); err != nil {
		return durable.Refusal(err)
	}
	target := a.d.object(a.key)
	err := a.d.move(target+growing, target, a.d.fs.PathDir(target))
	if _, there := a.d.fs.Stat(target); err != nil && there != nil {
		return err
	}
	a.placed = true
	return nil
}

// Leave implements driver.Appender.
func (a *appender) Leave() {
	a.d.tree.Lock()
	defer a.d.tree.Unlock()
	if a.left {
		return
	}
	a.left = true
	if a.d.tree.growing[a.key] == a {
		delete(a.d.tree.growing, a.key)
	}
	_ = a.file.Close() // what must last was synced, and of the rest nothing was promised
}

// remove tells the appender that its object is gone.
func (a *appender) remove() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.deleted = true
}

// Seal implements driver.Driver.
func (d *Driver) Seal(ctx context.Context, key string, o blob.PutOptions) (blob.Info, error) {
	if err := ctx.Err(); err != nil {
		return blob.Info{}, fault.From(err)
	}
	lock := d.key(key)
	lock.Lock()
	defer lock.Unlock()
	if d.grower(key) != nil {
		return blob.Info{}, blob.ErrExists
	}
	there, err := d.openFinal(key)
	switch {
	case err == nil: // perhaps not durably so, and beside what it was cut out of
		_ = there.Close() // nothing was written that a failed close could lose
		if serr := durable.SyncDir(d.fs, d.fs.PathDir(d.object(key))); serr != nil {
			return blob.Info{}, unknown(serr)
		}
		_ = d.fs.Remove(d.object(key) + growing)
		return there.info, nil
	case !errors.Is(err, blob.ErrNoObject):
		return blob.Info{}, err
	}
	name := d.object(key) + growing
	if o.Size == 0 {
		if err := d.fs.Remove(name); err != nil && !errors.Is(err, os.ErrNotExist) {
			return blob.Info{}, unknown(err)
		}
		d.tidy(d.fs.PathDir(name))
		return blob.Info{Key: key, ContentType: o.ContentType}, nil
	}
	f, err := d.fs.Open(name)
	if err != nil {
		return blob.Info{}, d.readFault(key, err)
	}
	info, err := d.cut(ctx, key, f, o)
	_ = f.Close() // it was only read
	return info, err
}

// cut makes an object of the beginning of a file that grew, and removes the file. The lock of the key is
// held.
func (d *Driver) cut(ctx context.Context, key string, f vfs.File, o blob.PutOptions) (blob.Info, error) {
	if stat, err := f.Stat(); err != nil || stat.Size() < o.Size {
		if err != nil {
			return blob.Info{}, durable.Refusal(err)
		}
		return blob.Info{}, blob.ErrShort
	}
	if durable.Scarce(d.fs, d.dir, d.reserve) {
		return blob.Info{}, durable.Refusal(syscall.ENOSPC)
	}
	tmp := d.path(tmpDir, strconv.FormatUint(d.next.Add(1), 36))
	info, err := d.write(tmp, key, &until{ctx, io.NewSectionReader(f, 0, o.Size)}, o)
	target := d.object(key)
	if err == nil {
		err = d.move(tmp, target, d.fs.PathDir(target))
	}
	if err != nil {
		_ = d.fs.Remove(tmp)
		return blob.Info{}, err
	}
	if err := durable.SyncDir(d.fs, d.fs.PathDir(target)); err != nil {
		return blob.Info{}, unknown(err)
	}
	_ = d.fs.Remove(target + growing) // if that fails, it is hidden by the one that is final and goes with it
	return info, nil
}

// until is a reader that ends with a context.
type until struct {
	ctx context.Context //nolint:containedctx // lives as long as one call
	r   io.Reader
}

// Read implements io.Reader.
func (u *until) Read(p []byte) (int, error) {
	if err := u.ctx.Err(); err != nil {
		return 0, fault.From(err)
	}
	return u.r.Read(p) //nolint:wrapcheck // the driver looks at it
}

// grower is the appender that holds a key, nil if there is none.
func (d *Driver) grower(key string) *appender {
	d.tree.Lock()
	defer d.tree.Unlock()
	return d.tree.growing[key]
}

// openGrowing opens an object that is not final: with its checksums, if the one who writes it has them.
func (d *Driver) openGrowing(key string) (*object, error) {
	a := d.grower(key)
	f, err := d.fs.Open(d.object(key) + growing)
	if err != nil {
		return nil, d.readFault(key, err)
	}
	stat, err := f.Stat()
	if err != nil {
		return nil, errors.Join(d.readFault(key, err), f.Close())
	}
	o := &object{d: d, file: f, info: blob.Info{Key: key, Size: stat.Size(), ModTime: stat.ModTime(), ContentType: blob.DefaultType, Growing: true}}
	if a == nil {
		o.unchecked = true
		return o, nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	o.info.Size, o.info.ContentType, o.sums = a.now.size, a.contentType, a.now.all()
	return o, nil
}
