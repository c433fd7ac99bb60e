// Package blob is the object port: things too big for a row live here, such as media segments and uploads.
//
// An object is bytes and a content type under a key. It owns nothing but the driver it wraps. It is used by
// the live wing and by actors that keep files. Promises, proven for every driver by package
// blobtest: an object is visible whole or not at all; a Put that returned nil survives the death of the
// process and of the machine; a key is written once, so what is read under it never changes; an open object
// is read to its end or fails; damaged bytes are not served as data; keys are listed in bytewise order.
//
// An object may also grow (Append): what was appended is read at once and survives the death of the
// process, at the price of no sync; of the machine only once Close has made the object final, which is as if
// it had been Put. Until then its bytes may be on this node only, as engines in a network keep them, and are
// not checked when they are read after the process has died. What a crash leaves growing is there until Seal
// makes it final or Delete removes it.
//
// The outcome of a Put, Seal, Delete or Close:
//
//	nil                              it is done, and durable
//	ErrUnknown, any fault.Timeout    it may be done or may still happen: the same call again, with the same bytes, tells
//	ErrExists                        other content lies under the key: nothing was done
//	any other error                  nothing was done that can be seen, now or later
//
// Refusals: fault.Invalid (bad_object_key, bad_object_range, bad_content_type, size_mismatch,
// source_failed), ErrShort, ErrNoObject, ErrExists, ErrCorrupt, ErrUnknown, fault.Unavailable (storage_full,
// storage_failed). The embedded driver is fileblob.
package blob

import (
	"context"
	"io"
	"iter"
	"mime"
	"strings"

	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/storage/blob/driver"
)

// Limits of what a driver must take.
const (
	MaxKey         = 512      // bytes of a key
	MaxComponent   = 200      // bytes between two slashes of a key
	MaxContentType = 100      // bytes of a content type
	MaxRange       = 64 << 20 // bytes of one ReadRange
	bulk           = 1000     // keys of one call of driver.BulkDeleter
)

// DefaultType is the content type of objects that were put without one.
const DefaultType = "application/octet-stream"

// The refusals of this package.
var (
	ErrNoObject = fault.New(fault.NotFound, "no_object", "no such object")
	// ErrExists: a key is written once, and other content lies under this one.
	ErrExists = fault.New(fault.Conflict, "object_exists", "another object has this key")
	// ErrShort: an object that grew has fewer bytes than it is to be sealed with.
	ErrShort = fault.New(fault.Invalid, "object_short", "the object has fewer bytes than it is to have")
	// ErrCorrupt: what is stored is not what was put. Only a copy helps.
	ErrCorrupt = fault.New(fault.Internal, "object_corrupt", "a stored object fails its checksum")
	// ErrUnknown: the engine failed, or was cut off, after the change was on its way.
	ErrUnknown = fault.New(fault.Timeout, "outcome_unknown", "the storage failed during the write; its outcome is unknown")
)

// The vocabulary is the driver's.
type (
	// Info describes one object.
	Info = driver.Info
	// PutOptions say what a Put knows of the object beforehand.
	PutOptions = driver.PutOptions
)

// Object is an open object. It can be read from any place, and must be closed. One goroutine uses it at a
// time. Reading fails with ErrCorrupt, with ErrNoObject where the engine cannot hold an object that is
// deleted, or with fault.Unavailable.
type Object struct {
	io.ReadSeekCloser
	Info
}

// Store is a set of objects in one engine. It is safe for concurrent use.
type Store struct{ d driver.Driver }

// Appender is an object that grows. One goroutine uses it at a time, and ends it with a Close that succeeds
// or with Leave.
type Appender struct {
	d    driver.Appender
	size int64
}

// New wraps an engine. The Store owns it and closes it.
func New(d driver.Driver) *Store { return &Store{d: d} }

// Close frees the engine.
func (s *Store) Close() error {
	if c, ok := s.d.(io.Closer); ok {
		return c.Close()
	}
	return nil
}

// Put stores all of r under key, which must be new, and returns when it is durable. Where the same bytes
// with the same content type lie there already it makes sure that they are durable, so that a Put can be
// repeated; anything else there is refused with ErrExists. If r fails, Put fails with its error and nothing
// changes. An object can be seen by others a little before its Put returns.
//
// A key is a file name below any number of folders, with slashes between them, in the characters a-z, 0-9,
// '_', '-' and, in the file name only, '.'. A file name has at least one dot and does not begin with one.
// So no key is a folder of another, which many engines could not keep apart.
func (s *Store) Put(ctx context.Context, key string, r io.Reader, o PutOptions) (Info, error) {
	if err := CheckKey(key); err != nil {
		return Info{}, err
	}
	var err error
	if o.ContentType, err = typeOf(o.ContentType); err != nil {
		return Info{}, err
	}
	o.Size = max(-1, o.Size)
	return s.d.Put(ctx, key, &source{ctx: ctx, r: r, size: o.Size}, o)
}

// Append begins an object that grows, under a key that is new: ErrExists where there is one, final or not.
func (s *Store) Append(ctx context.Context, key, contentType string) (*Appender, error) {
	if err := CheckKey(key); err != nil {
		return nil, err
	}
	contentType, err := typeOf(contentType)
	if err != nil {
		return nil, err
	}
	a, err := s.d.Append(ctx, key, contentType)
	if err != nil {
		return nil, err
	}
	return &Appender{d: a}, nil
}

// Size is how many bytes were appended.
func (a *Appender) Size() int64 { return a.size }

// Append adds p, which may be reused afterwards. When it fails, the object is as it was, whatever the
// outcome: readers may have seen p, but it is not in what Close makes final, and what is appended next takes
// its place. An object that was deleted meanwhile is ErrNoObject.
func (a *Appender) Append(ctx context.Context, p []byte) error {
	if err := a.d.Append(ctx, a.size, p); err != nil {
		return err
	}
	a.size += int64(len(p))
	return nil
}

// Close makes the object final and returns when it is durable. If it fails, the object stays as it is, and
// Close may be called again.
func (a *Appender) Close(ctx context.Context) (Info, error) { return a.d.Close(ctx, a.size) }

// Leave frees what the Appender holds and leaves the object for a Seal.
func (a *Appender) Leave() { a.d.Leave() }

// Seal makes an object final that a crash, or Leave, has left growing, with its first o.Size bytes; with
// none it removes it. An object that is final already is left as it is, whatever its size. Where there are
// fewer bytes than that it refuses ErrShort, and ErrExists while an Appender holds it.
func (s *Store) Seal(ctx context.Context, key string, o PutOptions) (Info, error) {
	if err := CheckKey(key); err != nil {
		return Info{}, err
	}
	var err error
	if o.ContentType, err = typeOf(o.ContentType); err != nil {
		return Info{}, err
	}
	if o.Size < 0 {
		return Info{}, errRange()
	}
	return s.d.Seal(ctx, key, o)
}

// typeOf checks a content type and fills in the default.
func typeOf(contentType string) (string, error) {
	if contentType == "" {
		return DefaultType, nil
	}
	if !mediaType(contentType) {
		return "", fault.New(fault.Invalid, "bad_content_type", "the content type is not one, or too long")
	}
	return contentType, nil
}

// Sendable gives a reader that stands at offset, from which the operating system sends n bytes without
// copying them when it is asked to (io.Copy to a connection): they were found undamaged. ok is false where
// the engine has none. It is good until the object is closed, and nothing else may read of it meanwhile.
func (o *Object) Sendable(offset, n int64) (r io.Reader, ok bool, err error) {
	if offset < 0 || n < 0 || n > o.Size-offset {
		return nil, false, errRange()
	}
	if d, is := o.ReadSeekCloser.(driver.Sender); is {
		return d.Sendable(offset, n)
	}
	return nil, false, nil
}

// Open gives an object for reading. The caller closes it.
func (s *Store) Open(ctx context.Context, key string) (*Object, error) {
	if err := CheckKey(key); err != nil {
		return nil, err
	}
	r, info, err := s.d.Open(ctx, key)
	if err != nil {
		return nil, err
	}
	return &Object{r, info}, nil
}

// ReadRange reads n bytes from offset on; fewer at the end of the object, none past it.
func (s *Store) ReadRange(ctx context.Context, key string, offset, n int64) ([]byte, error) {
	if offset < 0 || n < 0 || n > MaxRange {
		return nil, errRange()
	}
	o, err := s.Open(ctx, key)
	if err != nil {
		return nil, err
	}
	defer func() { _ = o.Close() }() // nothing was written that a failed close could lose
	if n = min(n, o.Size-offset); n <= 0 {
		return nil, nil
	}
	if _, err := o.Seek(offset, io.SeekStart); err != nil {
		return nil, err
	}
	b := make([]byte, n)
	if _, err := io.ReadFull(o, b); err != nil {
		return nil, err
	}
	return b, nil
}

// Stat describes an object.
func (s *Store) Stat(ctx context.Context, key string) (Info, error) {
	if err := CheckKey(key); err != nil {
		return Info{}, err
	}
	return s.d.Stat(ctx, key)
}

// List gives the objects whose keys begin with prefix and are greater than after, in bytewise order;
// without their content types, which engines do not list. An object that is there all the while comes
// exactly once; one that is put or deleted meanwhile may come or not. An error is the last that comes. Each
// call reads what it lists anew: who shows pages goes on with after, who wants all takes all.
func (s *Store) List(ctx context.Context, prefix, after string) iter.Seq2[Info, error] {
	if len(prefix) > MaxKey || len(after) > MaxKey || !allowed(prefix) || !allowed(after) {
		return func(yield func(Info, error) bool) { yield(Info{}, errRange()) }
	}
	return s.d.List(ctx, prefix, after)
}

// Room is how many bytes the disk of the objects has left and has in all; ok is false where the engine
// cannot tell.
func (s *Store) Room() (free, total int64, ok bool) {
	if m, is := s.d.(driver.Measurer); is {
		return m.Room()
	}
	return 0, 0, false
}

// Delete removes an object; it is no error if there is none. An object that is being put meanwhile, or
// whose Put has an unknown outcome, may come into being afterwards.
func (s *Store) Delete(ctx context.Context, key string) error {
	if err := CheckKey(key); err != nil {
		return err
	}
	return s.d.Delete(ctx, key)
}

// DeletePrefix removes all objects whose keys begin with prefix, which must not be empty, and gives the
// number of those that are certainly removed by this call. When it fails, call it again.
func (s *Store) DeletePrefix(ctx context.Context, prefix string) (int, error) {
	if prefix == "" {
		return 0, fault.New(fault.Invalid, "bad_object_key", "refusing to delete everything")
	}
	n := 0
	keys := make([]string, 0, bulk)
	for info, err := range s.List(ctx, prefix, "") {
		if err != nil {
			return n, err
		}
		if keys = append(keys, info.Key); len(keys) == bulk {
			if err := s.deleteMany(ctx, keys); err != nil {
				return n, err
			}
			n += len(keys)
			keys = keys[:0]
		}
	}
	if err := s.deleteMany(ctx, keys); err != nil {
		return n, err
	}
	return n + len(keys), nil
}

func (s *Store) deleteMany(ctx context.Context, keys []string) error {
	if b, ok := s.d.(driver.BulkDeleter); ok && len(keys) > 0 {
		return b.DeleteMany(ctx, keys)
	}
	for _, key := range keys {
		if err := s.d.Delete(ctx, key); err != nil {
			return err
		}
	}
	return nil
}

// CheckKey refuses what cannot be a key.
func CheckKey(key string) error {
	if key == "" || len(key) > MaxKey || !allowed(key) {
		return fault.New(fault.Invalid, "bad_object_key", "a key is empty, too long or has a forbidden character")
	}
	file := key
	if cut := strings.LastIndexByte(key, '/'); cut >= 0 {
		file = key[cut+1:]
		for folder := range strings.SplitSeq(key[:cut], "/") {
			if folder == "" || len(folder) > MaxComponent || strings.Contains(folder, ".") {
				return fault.New(fault.Invalid, "bad_object_key", "a folder of a key is empty, too long or has a dot")
			}
		}
	}
	if strings.IndexByte(file, '.') < 1 || len(file) > MaxComponent {
		return fault.New(fault.Invalid, "bad_object_key", "the file name of a key is too long, has no dot or begins with one")
	}
	return nil
}

func errRange() error {
	return fault.New(fault.Invalid, "bad_object_range", "the range of bytes or keys is not valid")
}

func allowed(s string) bool {
	for i := range len(s) {
		c := s[i]
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '.' && c != '_' && c != '-' && c != '/' {
			return false
		}
	}
	return true
}

// mediaType keeps what is none, and line ends and the like, out of what becomes a header.
func mediaType(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	t, _, err := mime.ParseMediaType(s)
	return err == nil && strings.Contains(t, "/") && len(s) <= MaxContentType
}
