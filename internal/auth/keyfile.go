package auth

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/barrage-live/barrage/internal/fault"
)

// KeyFile is the embedded KeyStore: one file that only its owner may read.
type KeyFile struct{ Path string }

// Load reads the file; a file that others may read is refused, because its keys must be taken for stolen.
func (f KeyFile) Load() ([]byte, error) {
	info, err := os.Stat(f.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, keyFileFault("key_file_unreadable", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, fault.Newf(fault.Internal, "key_file_exposed",
			"%s has mode %04o: others could have read the signing keys; remove it or set it to 0600", f.Path, info.Mode().Perm())
	}
	b, err := os.ReadFile(f.Path)
	if err != nil {
		return nil, keyFileFault("key_file_unreadable", err)
	}
	return b, nil
}

// Save replaces the file in one step and returns when it is on the disk.
func (f KeyFile) Save(secret []byte) error {
	dir := filepath.Dir(f.Path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return keyFileFault("key_file_unwritable", err)
	}
	t, err := os.CreateTemp(dir, ".keys-*") // CreateTemp makes files of mode 0600
	if err != nil {
		return keyFileFault("key_file_unwritable", err)
	}
	_, err = t.Write(secret)
	if err = errors.Join(err, t.Sync(), t.Close()); err == nil {
		err = os.Rename(t.Name(), f.Path)
	}
	if err != nil {
		return keyFileFault("key_file_unwritable", errors.Join(err, os.Remove(t.Name())))
	}
	return syncDir(dir)
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err == nil {
		err = errors.Join(d.Sync(), d.Close())
	}
	if err != nil {
		return keyFileFault("key_file_unwritable", err)
	}
	return nil
}

func keyFileFault(code string, err error) error {
	return fault.Wrap(fault.Unavailable, code, "the file of the signing keys cannot be used", err)
}
