package fileblob

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"syscall"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/storage/blob"
	"github.com/barrage-live/barrage/storage/internal/durable"
)

// sumWindow is how many checksums are read at a time: those of 8 MiB.
const sumWindow = 256

// object reads an open file and checks every block of which it gives bytes.
type object struct {
	d    *Driver
	file vfs.File
	info blob.Info
	at   int64 // where the next Read begins
	// sums holds some checksums, from that of block firstSum on.
	sums     []byte
	firstSum int64
	// block holds the content of block number, for reads that do not cover it; nil before the first.
	block  []byte
	number int64
	// unchecked says that there are no checksums: the object was left growing.
	unchecked bool
	// final says that the file has a trailer.
	final bool
}

// open opens the object of a key, final or growing. One that becomes final between two looks is found at the
// third.
func (d *Driver) open(key string) (*object, error) {
	o, err := d.openFinal(key)
	if errors.Is(err, blob.ErrNoObject) {
		o, err = d.openGrowing(key)
	}
	if errors.Is(err, blob.ErrNoObject) {
		o, err = d.openFinal(key)
	}
	return o, err
}

// openFinal opens the file of a key and reads its trailer.
func (d *Driver) openFinal(key string) (*object, error) {
	f, err := d.fs.Open(d.object(key))
	if err != nil {
		return nil, d.readFault(key, err)
	}
	o, err := d.parse(f, key)
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return o, nil
}

// parse makes an object of an open file.
func (d *Driver) parse(f vfs.File, key string) (*object, error) {
	stat, err := f.Stat()
	switch {
	case err != nil:
		return nil, d.readFault(key, err)
	case stat.IsDir():
		return nil, durable.Refusal(&fs.PathError{Op: "open", Path: key, Err: syscall.EISDIR})
	case stat.Size() < trailerBytes:
		return nil, d.corrupt(key, errTrailer)
	}
	o := &object{d: d, file: f, info: blob.Info{Key: key, ModTime: stat.ModTime()}, final: true}
	trailer := make([]byte, trailerBytes)
	if err := o.readAt(trailer, stat.Size()-trailerBytes); err != nil {
		return nil, err
	}
	o.info.Size, o.info.ContentType, err = parseTrailer(trailer, key, stat.Size())
	switch {
	case errors.Is(err, durable.ErrNewer):
		return nil, err
	case err != nil:
		return nil, d.corrupt(key, err)
	}
	return o, nil
}

// readAt fills b.
func (o *object) readAt(b []byte, at int64) error {
	if n, err := o.file.ReadAt(b, at); n < len(b) {
		return o.d.readFault(o.info.Key, err)
	}
	return nil
}

// Close implements io.Closer.
func (o *object) Close() error { return o.file.Close() }

// Seek implements io.Seeker.
func (o *object) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += o.at
	case io.SeekEnd:
		offset += o.info.Size
	}
	if offset < 0 {
		return 0, fault.New(fault.Invalid, "bad_object_range", "a seek to before the beginning")
	}
	o.at = offset
	return offset, nil
}

// Read implements io.Reader.
func (o *object) Read(p []byte) (n int, err error) {
	left := o.info.Size - o.at
	if left <= 0 {
		return 0, io.EOF
	}
	number, skip := o.at/blockBytes, o.at%blockBytes
	// Whole blocks go straight to the caller; the last one is whole when all of it is wanted.
	if skip == 0 && int64(len(p)) >= min(left, blockBytes) {
		if int64(len(p)) < left {
			p = p[:len(p)/blockBytes*blockBytes]
		} else {
			p = p[:left]
		}
		if err := o.load(p, number); err != nil {
			return 0, err
		}
		n = len(p)
	} else {
		if o.block == nil || o.number != number {
			block := append(o.block[:0], make([]byte, min(blockBytes, o.info.Size-number*blockBytes))...)
			o.block = nil // until it is known to be good
			if err := o.load(block, number); err != nil {
				return 0, err
			}
			o.block, o.number = block, number
		}
		n = copy(p, o.block[skip:])
	}
	o.at += int64(n)
	return n, nil
}

// load fills b with whole blocks from a number on, the last of which may be the short one, and checks them.
func (o *object) load(b []byte, number int64) error {
	if err := o.readAt(b, number*blockBytes); err != nil || o.unchecked {
		return err
	}
	for ; len(b) > 0; number++ {
		block := b[:min(len(b), blockBytes)]
		sum, err := o.sum(number)
		if err != nil {
			return err
		}
		if sum != sumOf(block) {
			return o.d.corrupt(o.info.Key, fmt.Errorf("block %d does not match its checksum", number))
		}
		b = b[len(block):]
	}
	return nil
}

// sum is the stored checksum of a block. It needs none of its own: if it is damaged, it does not match.
func (o *object) sum(number int64) (uint32, error) {
	if at := number - o.firstSum; at < 0 || at >= int64(len(o.sums)/sumBytes) {
		n := min(sumWindow, blocks(o.info.Size)-number)
		sums := make([]byte, n*sumBytes)
		if err := o.readAt(sums, o.info.Size+number*sumBytes); err != nil {
			return 0, err
		}
		o.sums, o.firstSum = sums, number
	}
	return binary.BigEndian.Uint32(o.sums[(number-o.firstSum)*sumBytes:]), nil
}
