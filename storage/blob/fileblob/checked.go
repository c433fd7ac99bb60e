package fileblob

import (
	"io"
	"sync"
	"syscall"

	"github.com/barrage-live/barrage/storage/blob/driver"
	"github.com/barrage-live/barrage/storage/internal/durable"
)

// maxChecked is of how many objects it is remembered which blocks were checked; of more, all is forgotten.
const maxChecked = 4096

// identity tells an object from another that came to lie under its key.
type identity struct {
	key     string
	size    int64
	changed int64
}

// checked remembers which blocks of final objects were found undamaged. The zero value is ready.
type checked struct {
	mu     sync.Mutex
	blocks map[identity][]uint64 // a bit for each block
}

// has reports whether a block was checked.
func (c *checked) has(of identity, block int64) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	bits := c.blocks[of]
	return bits != nil && bits[block/64]&(1<<(block%64)) != 0
}

// add notes that blocks were checked.
func (c *checked) add(of identity, from, to int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	bits := c.blocks[of]
	if bits == nil {
		if c.blocks == nil || len(c.blocks) >= maxChecked {
			c.blocks = make(map[identity][]uint64)
		}
		bits = make([]uint64, (blocks(of.size)+63)/64)
		c.blocks[of] = bits
	}
	for ; from < to; from++ {
		bits[from/64] |= 1 << (from % 64)
	}
}

var _ driver.Sender = (*object)(nil)

// Sendable implements driver.Sender. Objects that grow are read and checked each time.
func (o *object) Sendable(offset, n int64) (io.Reader, bool, error) {
	f, ok := o.file.(interface {
		io.ReadSeeker
		syscall.Conn
	})
	if !ok || n == 0 || !o.final {
		return nil, false, nil
	}
	from, to := offset/blockBytes, blocks(offset+n)
	of := identity{o.info.Key, o.info.Size, o.info.ModTime.UnixNano()}
	for ; from < to && o.d.checked.has(of, from); from++ {
	}
	if from < to {
		if err := o.check(from, to); err != nil {
			return nil, false, err
		}
		o.d.checked.add(of, from, to)
	}
	if _, err := f.Seek(offset, io.SeekStart); err != nil {
		return nil, false, durable.Refusal(err)
	}
	return f, true, nil
}

// check reads blocks and holds them against their checksums.
func (o *object) check(from, to int64) error {
	buf := o.d.buffers.Get().(*[copyBytes]byte)
	defer o.d.buffers.Put(buf)
	for from < to {
		n := min(to-from, copyBytes/blockBytes)
		b := buf[:min(n*blockBytes, o.info.Size-from*blockBytes)]
		if err := o.load(b, from); err != nil {
			return err
		}
		from += n
	}
	return nil
}
