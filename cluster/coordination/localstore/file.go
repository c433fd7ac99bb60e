package localstore

import (
	"encoding/binary"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/cespare/xxhash/v2"

	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/position"
)

const (
	magic     = "BRGEPOC1"
	fileSize  = 24
	epochFile = "epoch"
	tempFile  = "epoch.new"
	lockFile  = "lock"
)

func encode(e position.Epoch) []byte {
	b := append(make([]byte, 0, fileSize), magic...)
	b = binary.BigEndian.AppendUint64(b, uint64(e))
	return binary.BigEndian.AppendUint64(b, xxhash.Sum64(b))
}

// decode reads an epoch file. It keeps no part of b.
func decode(b []byte) (position.Epoch, error) {
	if len(b) != fileSize || string(b[:8]) != magic || binary.BigEndian.Uint64(b[16:]) != xxhash.Sum64(b[:16]) {
		return 0, fault.Newf(fault.Internal, "epoch_damaged",
			"the epoch file is damaged or of another version (%d bytes); it is not replaced, because an epoch must never be given twice", len(b))
	}
	return position.Epoch(binary.BigEndian.Uint64(b[8:])), nil
}

// readEpoch is the epoch of a folder, zero if none was ever written.
func readEpoch(folder string) (position.Epoch, error) {
	b, err := os.ReadFile(filepath.Join(folder, epochFile))
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, fault.Wrap(fault.Unavailable, "folder_unreadable", "the epoch file cannot be read", err)
	}
	return decode(b)
}

// WriteEpoch replaces the epoch of a folder that no process uses, and returns when it is durable. It is for repair: the
// epoch must be at least the highest that any stored row carries.
func WriteEpoch(folder string, e position.Epoch) error {
	unlock, err := lock(folder)
	if err != nil {
		return err
	}
	defer unlock()
	return writeEpoch(folder, e)
}

func writeEpoch(folder string, e position.Epoch) error {
	temp := filepath.Join(folder, tempFile)
	err := writeSynced(temp, encode(e))
	if err == nil {
		err = os.Rename(temp, filepath.Join(folder, epochFile))
	}
	if err == nil {
		err = syncFolder(folder)
	}
	if err != nil {
		return fault.Wrap(fault.Unavailable, "folder_unwritable", "the epoch cannot be written", err)
	}
	return nil
}

func writeSynced(path string, b []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	return errors.Join(err, f.Sync(), f.Close())
}

func syncFolder(folder string) error {
	f, err := os.Open(folder)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// lock makes the folder ours until unlock, or refuses.
func lock(folder string) (unlock func(), err error) {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, fault.Wrap(fault.Unavailable, "folder_unwritable", "the folder cannot be made", err)
	}
	f, err := os.OpenFile(filepath.Join(folder, lockFile), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fault.Wrap(fault.Unavailable, "folder_unwritable", "the lock file cannot be opened", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = f.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, fault.Newf(fault.Conflict, "folder_in_use", "another process uses the folder %s", folder)
		}
		return nil, fault.Wrap(fault.Unavailable, "folder_unlockable", "the folder cannot be locked", err)
	}
	return func() { _ = f.Close() }, nil
}
