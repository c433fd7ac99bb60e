package pebbletable

import (
	"errors"
	"fmt"
	"hash/crc32"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/barrage-live/barrage/storage/internal/durable"
)

const (
	sealName       = "SEAL"
	sealHead       = "barrage table seal 1"
	manifestPrefix = "MANIFEST-"
)

// sealed says what a file must begin with.
type sealed struct {
	size int64
	sum  uint32 // CRC32C of the first size bytes
}

// seal keeps, in a file of its own, what manifests must begin with. Pebble takes an unreadable end of a
// manifest for a write that a crash interrupted and goes on without it; the seal tells the difference. It
// is safe for concurrent use.
type seal struct {
	fs  vfs.FS
	dir string
	mu  struct {
		sync.Mutex
		files map[string]sealed
	}
}

// openSeal reads the seal of a directory and holds the manifests to it.
func openSeal(fs vfs.FS, dir string) (*seal, error) {
	s := &seal{fs: fs, dir: dir}
	s.mu.files = make(map[string]sealed)
	text, err := readFile(fs, fs.PathJoin(dir, sealName))
	if errors.Is(err, os.ErrNotExist) {
		return s, nil
	}
	if err != nil {
		return nil, err
	}
	if s.mu.files, err = parseSeal(text); err != nil {
		return nil, err
	}
	for name, want := range s.mu.files {
		if err := s.verify(name, want); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// verify holds one file to the seal. A manifest that is gone was replaced by another.
func (s *seal) verify(name string, want sealed) error {
	content, err := readFile(s.fs, s.fs.PathJoin(s.dir, name))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if int64(len(content)) < want.size || crc32.Checksum(content[:want.size], castagnoli) != want.sum {
		return corrupt(fmt.Errorf("%s does not hold what was written to it", name))
	}
	return nil
}

// record notes that a manifest is durable up to a size. Nothing that relies on the manifest happens before
// it returns.
func (s *seal) record(name string, upTo sealed) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mu.files[name] = upTo
	maps.DeleteFunc(s.mu.files, func(old string, _ sealed) bool {
		_, err := s.fs.Stat(s.fs.PathJoin(s.dir, old))
		return errors.Is(err, os.ErrNotExist)
	})
	return s.store()
}

// store writes the seal durably; s.mu is held, or nobody else knows s yet.
func (s *seal) store() error {
	tmp := s.fs.PathJoin(s.dir, sealName+".tmp")
	f, err := s.fs.Create(tmp, vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	_, err = f.Write(formatSeal(s.mu.files))
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := s.fs.Rename(tmp, s.fs.PathJoin(s.dir, sealName)); err != nil {
		return err
	}
	return durable.SyncDir(s.fs, s.dir)
}

// formatSeal makes the text of a seal.
func formatSeal(files map[string]sealed) []byte {
	text := []byte(sealHead + "\n")
	for _, name := range slices.Sorted(maps.Keys(files)) {
		text = fmt.Appendf(text, "%s %d %08x\n", name, files[name].size, files[name].sum)
	}
	return fmt.Appendf(text, "end %08x\n", crc32.Checksum(text, castagnoli))
}

// parseSeal reads the text of a seal; anything but what formatSeal writes is table.ErrCorrupt.
func parseSeal(text []byte) (map[string]sealed, error) {
	files := make(map[string]sealed)
	for i, line := range strings.Split(string(text), "\n") {
		var name string
		var f sealed
		if i == 0 || strings.HasPrefix(line, "end ") || line == "" {
			continue // the comparison below covers them
		}
		if _, err := fmt.Sscanf(line, "%s %d %x", &name, &f.size, &f.sum); err != nil || f.size < 0 {
			return nil, corrupt(errors.New("the seal is damaged"))
		}
		files[name] = f
	}
	if string(formatSeal(files)) != string(text) {
		return nil, corrupt(errors.New("the seal is damaged"))
	}
	return files, nil
}
