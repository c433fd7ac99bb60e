package blobtest

import (
	"bytes"
	"context"
	"slices"
	"time"

	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/storage/blob"
	"github.com/barrage-live/barrage/storage/blob/driver"
)

// upload is an object that grows.
type upload struct {
	stored

	held bool // by an Appender
	gone bool // deleted
	last int  // where the last Append began
}

// appender is an upload in the hands of who began it.
type appender struct {
	c           Client
	u           *upload
	contentType string
}

// Append implements driver.Driver.
func (c Client) Append(ctx context.Context, key, contentType string) (driver.Appender, error) {
	if err := ctx.Err(); err != nil {
		return nil, fault.From(err)
	}
	c.b.mu.Lock()
	defer c.b.mu.Unlock()
	_, final := c.b.mu.objects[key]
	if final || c.b.mu.growing[key] != nil {
		return nil, blob.ErrExists
	}
	c.b.mu.puts++
	info := driver.Info{Key: key, ModTime: time.Now().Truncate(time.Second), ContentType: contentType, Growing: true}
	u := &upload{stored: stored{Info: info, etag: c.b.mu.puts}, held: true}
	c.b.mu.growing[key] = u
	return &appender{c, u, contentType}, nil
}

// Append implements driver.Appender.
func (a *appender) Append(ctx context.Context, at int64, p []byte) error {
	if err := ctx.Err(); err != nil {
		return fault.From(err)
	}
	a.c.b.mu.Lock()
	defer a.c.b.mu.Unlock()
	switch {
	case a.u.gone:
		return blob.ErrNoObject
	case at != a.u.Size && at != int64(a.u.last):
		return fault.New(fault.Invalid, "bad_object_range", "an append is not at the end of the object")
	}
	a.u.last = int(at)
	a.u.content = append(slices.Clip(a.u.content[:at]), p...)
	a.u.Size = int64(len(a.u.content))
	return nil
}

// Close implements driver.Appender.
func (a *appender) Close(ctx context.Context, size int64) (driver.Info, error) {
	a.c.b.mu.Lock()
	gone, content := a.u.gone, a.u.content
	a.c.b.mu.Unlock()
	if gone {
		return driver.Info{}, blob.ErrNoObject
	}
	return a.c.whole(ctx, a.u.Key, content, driver.PutOptions{Size: size, ContentType: a.contentType})
}

// whole puts the beginning of what grew.
func (c Client) whole(ctx context.Context, key string, content []byte, o driver.PutOptions) (driver.Info, error) {
	return c.put(ctx, key, bytes.NewReader(content[:o.Size]), o)
}

// Leave implements driver.Appender.
func (a *appender) Leave() {
	a.c.b.mu.Lock()
	defer a.c.b.mu.Unlock()
	a.u.held = false
}

// Seal implements driver.Driver.
func (c Client) Seal(ctx context.Context, key string, o driver.PutOptions) (driver.Info, error) {
	c.b.mu.Lock()
	final, isFinal := c.b.mu.objects[key]
	u := c.b.mu.growing[key]
	c.b.mu.Unlock()
	switch {
	case ctx.Err() != nil:
		return driver.Info{}, fault.From(ctx.Err())
	case isFinal:
		return final.Info, nil
	case u != nil && u.held:
		return driver.Info{}, blob.ErrExists
	case o.Size == 0:
		return driver.Info{Key: key, ContentType: o.ContentType}, c.Delete(ctx, key)
	case u == nil:
		return driver.Info{}, blob.ErrNoObject
	case u.Size < o.Size:
		return driver.Info{}, blob.ErrShort
	}
	return c.whole(ctx, key, u.content, o)
}
