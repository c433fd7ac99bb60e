package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/barrage-live/barrage/storage/blob"
	"github.com/barrage-live/barrage/storage/blob/fileblob"
)

// objects is the command line's way to the stored objects of a stopped server: to read each against its
// checksums, and to remove all whose names begin with a prefix, such as those of a broadcast that nobody
// needs any more.
func objects(ctx context.Context, args, environ []string, stdout, stderr io.Writer) error {
	if slices.Contains(args, "--help") || slices.Contains(args, "-h") {
		return help(stdout, aboutObjects)
	}
	do, prefix, rest := "", "", args
	if len(rest) > 0 {
		do, rest = rest[0], rest[1:]
	}
	if len(rest) > 0 && !strings.HasPrefix(rest[0], "-") {
		prefix, rest = rest[0], rest[1:]
	}
	work := verifyObjects
	switch {
	case do == "verify":
	case do == "delete" && prefix != "":
		work = deleteObjects
	default:
		fmt.Fprint(stderr, aboutObjects)
		return errMisused
	}
	return withConfig(aboutObjects, rest, environ, stdout, func(cfg Config) error {
		dir := filepath.Join(cfg.Data, "blobs")
		if _, err := os.Stat(dir); err != nil { // opening would make it
			return fmt.Errorf("objects: %w", err)
		}
		d, err := fileblob.Open(fileblob.Config{Dir: dir})
		if err != nil {
			return fmt.Errorf("objects: %w", err)
		}
		s := blob.New(d)
		return errors.Join(work(ctx, s, prefix, stdout), s.Close())
	})
}

// deleteObjects removes all objects below a prefix.
func deleteObjects(ctx context.Context, s *blob.Store, prefix string, stdout io.Writer) error {
	n, err := s.DeletePrefix(ctx, prefix)
	fmt.Fprintf(stdout, "%d objects removed\n", n)
	return err
}

// verifyObjects reads all objects below a prefix and names those that are damaged.
func verifyObjects(ctx context.Context, s *blob.Store, prefix string, stdout io.Writer) error {
	objects, damaged, size := 0, 0, int64(0)
	for info, err := range s.List(ctx, prefix, "") {
		if err != nil {
			return err
		}
		objects++
		size += info.Size
		switch err := readObject(ctx, s, info.Key); {
		case errors.Is(err, blob.ErrCorrupt):
			damaged++
			fmt.Fprintf(stdout, "damaged %s\n", info.Key)
		case err != nil:
			return err
		}
	}
	fmt.Fprintf(stdout, "%d objects, %d bytes, %d damaged\n", objects, size, damaged)
	if damaged > 0 {
		return errors.New("some objects are damaged; restore them from a backup, or delete them")
	}
	return nil
}

func readObject(ctx context.Context, s *blob.Store, key string) error {
	o, err := s.Open(ctx, key)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, o)
	return errors.Join(err, o.Close())
}
