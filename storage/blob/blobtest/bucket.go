package blobtest

import (
	"bytes"
	"cmp"
	"context"
	"io"
	"iter"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/storage/blob"
	"github.com/barrage-live/barrage/storage/blob/driver"
)

// Bucket is an object store in memory that behaves like S3 does for those who keep to the port: keys are
// flat, a Put is one conditional request (If-None-Match: *), reading is one request for each piece
// (If-Match), a list comes in pages without content types, and any answer may be lost on its way. What is
// read is what was written last: S3 is strongly consistent. An object that grows lies beside it, as on a disk
// of the node, until it is put whole. It is safe for concurrent use, and any number of Clients may share it.
type Bucket struct {
	mu struct {
		sync.Mutex
		objects map[string]stored
		growing map[string]*upload
		puts    uint64
		rng     *rand.Rand
		loss    float64
	}
}

type stored struct {
	driver.Info
	content []byte
	etag    uint64
}

// NewBucket makes an empty one that loses a share of the answers, and of the requests, of changes.
func NewBucket(loss float64) *Bucket {
	b := &Bucket{}
	b.mu.objects, b.mu.growing = make(map[string]stored), make(map[string]*upload)
	b.mu.rng = rand.New(rand.NewPCG(1, 2))
	b.mu.loss = loss
	return b
}

// lost throws the dice. The caller holds the lock.
func (b *Bucket) lost() bool { return b.mu.rng.Float64() < b.mu.loss }

// put is a conditional request to store an object; exists is status 412.
func (b *Bucket) put(info driver.Info, content []byte) (at time.Time, exists bool, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.lost() {
		return at, false, blob.ErrUnknown
	}
	if _, exists = b.mu.objects[info.Key]; !exists {
		b.mu.puts++
		etag := b.mu.puts
		if u := b.mu.growing[info.Key]; u != nil { // who has it open reads on
			etag = u.etag
			delete(b.mu.growing, info.Key)
		}
		info.ModTime = time.Now().Truncate(time.Second)
		b.mu.objects[info.Key] = stored{info, content, etag}
	}
	if b.lost() {
		return at, false, blob.ErrUnknown
	}
	return info.ModTime, exists, nil
}

// get is a request for an object; etag zero is any.
func (b *Bucket) get(ctx context.Context, key string, etag uint64) (stored, error) {
	if err := ctx.Err(); err != nil {
		return stored{}, fault.From(err)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	o, ok := b.mu.objects[key]
	if u := b.mu.growing[key]; !ok && u != nil {
		o, ok = u.stored, true
	}
	if !ok || etag != 0 && etag != o.etag {
		return stored{}, blob.ErrNoObject
	}
	return o, nil
}

// list is a request for one page.
func (b *Bucket) list(prefix, after string) (page []driver.Info) {
	const most = 100
	b.mu.Lock()
	defer b.mu.Unlock()
	for key, o := range b.mu.objects {
		if strings.HasPrefix(key, prefix) && key > after {
			o.ContentType = ""
			page = append(page, o.Info)
		}
	}
	for key, u := range b.mu.growing {
		if _, final := b.mu.objects[key]; !final && strings.HasPrefix(key, prefix) && key > after {
			info := u.Info
			info.ContentType = ""
			page = append(page, info)
		}
	}
	slices.SortFunc(page, func(a, b driver.Info) int { return cmp.Compare(a.Key, b.Key) })
	return page[:min(len(page), most)]
}

// Client is a driver over the bucket.
type Client struct{ b *Bucket }

var (
	_ driver.Driver      = Client{}
	_ driver.BulkDeleter = Client{}
)

// Client makes a driver.
func (b *Bucket) Client() Client { return Client{b} }

// Put implements driver.Driver. When the key is taken it compares: an earlier request of the same Put may
// have taken it.
func (c Client) Put(ctx context.Context, key string, r io.Reader, o driver.PutOptions) (driver.Info, error) {
	c.b.mu.Lock()
	grows := c.b.mu.growing[key] != nil
	c.b.mu.Unlock()
	if grows {
		return driver.Info{}, blob.ErrExists
	}
	return c.put(ctx, key, r, o)
}

func (c Client) put(ctx context.Context, key string, r io.Reader, o driver.PutOptions) (driver.Info, error) {
	if err := ctx.Err(); err != nil {
		return driver.Info{}, fault.From(err)
	}
	content, err := io.ReadAll(r)
	if err != nil {
		return driver.Info{}, err
	}
	info := driver.Info{Key: key, Size: int64(len(content)), ContentType: o.ContentType}
	at, exists, err := c.b.put(info, content)
	if err != nil {
		return driver.Info{}, err
	}
	if exists {
		there, err := c.b.get(ctx, key, 0)
		switch {
		case err != nil:
			return driver.Info{}, blob.ErrUnknown // deleted between the two requests
		case there.ContentType != info.ContentType || !bytes.Equal(there.content, content):
			return driver.Info{}, blob.ErrExists
		}
		at = there.ModTime
	}
	info.ModTime = at
	return info, nil
}

// Open implements driver.Driver.
func (c Client) Open(ctx context.Context, key string) (io.ReadSeekCloser, driver.Info, error) {
	o, err := c.b.get(ctx, key, 0)
	if err != nil {
		return nil, driver.Info{}, err
	}
	return &remote{ctx: ctx, b: c.b, key: key, etag: o.etag, size: o.Size}, o.Info, nil
}

// Stat implements driver.Driver.
func (c Client) Stat(ctx context.Context, key string) (driver.Info, error) {
	o, err := c.b.get(ctx, key, 0)
	return o.Info, err
}

// List implements driver.Driver.
func (c Client) List(ctx context.Context, prefix, after string) iter.Seq2[driver.Info, error] {
	return func(yield func(driver.Info, error) bool) {
		for {
			if err := ctx.Err(); err != nil {
				yield(driver.Info{}, fault.From(err))
				return
			}
			page := c.b.list(prefix, after)
			for _, info := range page {
				if !yield(info, nil) {
					return
				}
				after = info.Key
			}
			if len(page) == 0 {
				return
			}
		}
	}
}

// Delete implements driver.Driver.
func (c Client) Delete(ctx context.Context, key string) error {
	return c.DeleteMany(ctx, []string{key})
}

// DeleteMany implements driver.BulkDeleter.
func (c Client) DeleteMany(ctx context.Context, keys []string) error {
	if err := ctx.Err(); err != nil {
		return fault.From(err)
	}
	if len(keys) > 1000 {
		return fault.New(fault.Invalid, "malformed", "S3 takes 1000 keys at once")
	}
	c.b.mu.Lock()
	defer c.b.mu.Unlock()
	if c.b.lost() {
		return blob.ErrUnknown
	}
	for _, key := range keys {
		delete(c.b.mu.objects, key)
		if u := c.b.mu.growing[key]; u != nil {
			u.gone = true
			delete(c.b.mu.growing, key)
		}
	}
	if c.b.lost() {
		return blob.ErrUnknown
	}
	return nil
}

// remote reads an object in pieces of its own, each a request.
type remote struct {
	ctx  context.Context //nolint:containedctx // lives as long as the object is open
	b    *Bucket
	key  string
	etag uint64
	size int64
	at   int64
}

// Read implements io.Reader.
func (o *remote) Read(p []byte) (int, error) {
	const piece = 10_000
	if o.at >= o.size {
		return 0, io.EOF
	}
	got, err := o.b.get(o.ctx, o.key, o.etag)
	if err != nil {
		return 0, err
	}
	n := copy(p[:min(len(p), piece)], got.content[o.at:])
	o.at += int64(n)
	return n, nil
}

// Seek implements io.Seeker.
func (o *remote) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += o.at
	case io.SeekEnd:
		offset += o.size
	}
	if offset < 0 {
		return 0, fault.New(fault.Invalid, "bad_object_range", "a seek to before the beginning")
	}
	o.at = offset
	return offset, nil
}

// Close implements io.Closer.
func (o *remote) Close() error { return nil }
