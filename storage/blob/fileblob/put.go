package fileblob

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"strconv"
	"syscall"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/storage/blob"
	"github.com/barrage-live/barrage/storage/internal/durable"
)

// copyBytes is how much is written at a time: whole blocks.
const copyBytes = 8 * blockBytes

// Put implements driver.Driver.
func (d *Driver) Put(ctx context.Context, key string, r io.Reader, o blob.PutOptions) (blob.Info, error) {
	if err := ctx.Err(); err != nil {
		return blob.Info{}, fault.From(err)
	}
	if durable.Scarce(d.fs, d.dir, d.reserve) {
		return blob.Info{}, durable.Refusal(syscall.ENOSPC)
	}
	tmp := d.path(tmpDir, strconv.FormatUint(d.next.Add(1), 36))
	info, err := d.write(tmp, key, r, o)
	if err == nil && ctx.Err() != nil {
		err = fault.From(ctx.Err())
	}
	if err == nil {
		err = d.place(tmp, info)
	}
	if err != nil {
		_ = d.fs.Remove(tmp) // where it was not moved away; if this fails too, the next Open removes it
		return blob.Info{}, err
	}
	return info, nil
}

// write makes the file of an object and syncs it.
func (d *Driver) write(name, key string, r io.Reader, o blob.PutOptions) (blob.Info, error) {
	f, err := d.fs.Create(name, vfs.WriteCategoryUnspecified)
	if err != nil {
		return blob.Info{}, durable.Refusal(err)
	}
	size, err := d.fill(f, key, r, o.ContentType)
	var stat vfs.FileInfo
	if err == nil {
		if stat, err = f.Stat(); err != nil {
			err = durable.Refusal(err)
		}
	}
	if cerr := f.Close(); err == nil && cerr != nil {
		err = durable.Refusal(cerr)
	}
	if err != nil {
		return blob.Info{}, err
	}
	return blob.Info{Key: key, Size: size, ModTime: stat.ModTime(), ContentType: o.ContentType}, nil
}

// fill writes content, checksums and trailer. It copies through a buffer of our own, because a vfs.File may
// scribble on what it is given to write.
func (d *Driver) fill(f vfs.File, key string, r io.Reader, contentType string) (size int64, err error) {
	buf := d.buffers.Get().(*[copyBytes]byte)
	defer d.buffers.Put(buf)
	var end []byte // what comes after the content
	for {
		n, err := io.ReadFull(r, buf[:])
		for b := buf[:n]; len(b) > 0; b = b[min(len(b), blockBytes):] {
			end = binary.BigEndian.AppendUint32(end, sumOf(b[:min(len(b), blockBytes)]))
		}
		if n > 0 {
			if _, err := f.Write(buf[:n]); err != nil {
				return 0, durable.Refusal(err)
			}
			size += int64(n)
		}
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			break
		}
		if err != nil {
			return 0, err // the reader's own
		}
	}
	if _, err := f.Write(appendTrailer(end, key, size, contentType)); err != nil {
		return 0, durable.Refusal(err)
	}
	if err := f.Sync(); err != nil {
		return 0, durable.Refusal(err)
	}
	return size, nil
}

// place gives a finished file its key, if that is free or has the same content. In the latter case the new
// file takes the place of the old one: then a Put that is repeated because a directory could not be synced
// makes a change that can be.
func (d *Driver) place(tmp string, info blob.Info) error {
	key := d.key(info.Key)
	key.Lock()
	defer key.Unlock()
	switch there, err := d.open(info.Key); {
	case err == nil && !there.final:
		_ = there.Close() // nothing was written that a failed close could lose
		return blob.ErrExists
	case err == nil:
		same, err := d.same(tmp, info, there)
		_ = there.Close() // nothing was written that a failed close could lose
		if err != nil {
			return err
		}
		if !same {
			return blob.ErrExists
		}
	case !errors.Is(err, blob.ErrNoObject):
		return err
	}
	target := d.object(info.Key)
	parent := d.fs.PathDir(target)
	if err := d.move(tmp, target, parent); err != nil {
		return err
	}
	if err := durable.SyncDir(d.fs, parent); err != nil {
		return unknown(err)
	}
	return nil
}

// same compares an object with the file that is to take its place.
func (d *Driver) same(tmp string, info blob.Info, there *object) (bool, error) {
	if there.info.Size != info.Size || there.info.ContentType != info.ContentType {
		return false, nil
	}
	f, err := d.fs.Open(tmp)
	if err != nil {
		return false, durable.Refusal(err)
	}
	fresh, err := d.parse(f, info.Key)
	if err != nil {
		return false, errors.Join(err, f.Close())
	}
	defer func() { _ = fresh.Close() }()
	a, b := make([]byte, blockBytes), make([]byte, blockBytes)
	for {
		n, err := io.ReadFull(there, a)
		m, ferr := io.ReadFull(fresh, b)
		switch {
		case !bytes.Equal(a[:n], b[:m]):
			return false, firstFault(err, ferr)
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
			return true, firstFault(ferr)
		case err != nil || ferr != nil:
			return false, firstFault(err, ferr)
		}
	}
}

// firstFault gives the first error that is not the end of an object.
func firstFault(errs ...error) error {
	for _, err := range errs {
		if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			return err
		}
	}
	return nil
}
