package pebbletable

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/cockroachdb/pebble/v2"

	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/storage/internal/durable"
	"github.com/barrage-live/barrage/storage/table"
)

// Count is what Verify found in a table.
type Count struct {
	Partitions, Rows, Fences int
	// Bytes are those of keys and values of rows, as they were written.
	Bytes int64
}

// Verify reads everything in a directory that no process has open, changes nothing, and tells by the names
// of tables what there is, expired rows included. Every byte that counts is held to a checksum. It fails as
// Open does, with table.ErrCorrupt for the first damage it meets, and with NotFound "no_tables" where there
// is no directory.
func Verify(ctx context.Context, cfg Config) (map[string]Count, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	if _, err := cfg.FS.Stat(cfg.Dir); errors.Is(err, fs.ErrNotExist) {
		return nil, fault.Wrap(fault.NotFound, "no_tables", "there are no tables in this folder", err)
	} else if err != nil {
		return nil, durable.Refusal(err)
	}
	lock, err := durable.Lock(cfg.FS, cfg.FS.PathJoin(cfg.Dir, "LOCK"))
	if err != nil {
		return nil, err
	}
	cfg.lock = lock
	counts, err := verify(ctx, cfg)
	if errors.Is(err, errAbandoned) {
		return nil, err
	}
	return counts, errors.Join(err, lock.Close())
}

func verify(ctx context.Context, cfg Config) (counts map[string]Count, err error) {
	s, err := inspect(cfg)
	if err != nil {
		return nil, err
	}
	cache := pebble.NewCache(cfg.CacheBytes)
	defer cache.Unref()
	e := newEngine(cfg, s)
	options := e.options(cache)
	options.ReadOnly = true
	if err := e.open(options, func() error { _, err := e.checkFormat(); return err }); err != nil {
		return nil, err
	}
	defer func() {
		if cerr := e.db.Close(); cerr != nil && err == nil {
			err = openFault(cerr)
		}
	}()
	if err := e.db.CheckLevels(nil); err != nil {
		return nil, openFault(err)
	}
	return e.count(ctx)
}

// count reads all keys and values.
func (e *engine) count(ctx context.Context) (map[string]Count, error) {
	it, err := e.db.NewIterWithContext(ctx, nil)
	if err != nil {
		return nil, e.readFault(err)
	}
	defer func() { _ = it.Close() }() // it was read to its end, or has failed already
	counts := make(map[string]Count)
	last := ""
	for ok := it.First(); ok; ok = it.Next() {
		if ctx.Err() != nil {
			return nil, notDone(ctx.Err())
		}
		stored, err := it.ValueAndErr()
		if err != nil {
			return nil, e.readFault(err)
		}
		if err := tally(counts, it.Key(), stored, &last); err != nil {
			return nil, fmt.Errorf("key %x: %w", it.Key(), e.readFault(err))
		}
	}
	if err := it.Error(); err != nil {
		return nil, e.readFault(err)
	}
	return counts, nil
}

// tally checks one key and value. last is the prefix of the row before.
func tally(counts map[string]Count, key, stored []byte, last *string) error {
	if key[0] == spaceExpiry {
		if _, _, ok := parseExpiry(key); !ok || len(stored) != 0 {
			return table.ErrCorrupt
		}
		return nil
	}
	h, payload, err := decode(key, stored)
	if err != nil || key[0] == spaceMeta {
		return err
	}
	space := key[0]
	name, rest, ok := cutName(key[1:])
	if !ok {
		return table.ErrCorrupt
	}
	_, row, ok := cutName(rest)
	if !ok {
		return table.ErrCorrupt
	}
	c := counts[name]
	switch space {
	case spaceRow:
		c.Rows++
		c.Bytes += int64(len(row) + len(payload))
		if prefix := string(key[:len(key)-len(row)]); prefix != *last {
			c.Partitions++
			*last = prefix
		}
	case spaceFence:
		c.Fences++
		_, err = decodeFence(h, payload)
	default:
		err = table.ErrCorrupt
	}
	counts[name] = c
	return err
}
