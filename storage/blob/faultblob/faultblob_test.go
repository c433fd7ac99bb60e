package faultblob_test

import (
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/storage/blob"
	"github.com/barrage-live/barrage/storage/blob/blobtest"
	"github.com/barrage-live/barrage/storage/blob/driver"
	"github.com/barrage-live/barrage/storage/blob/faultblob"
	"github.com/barrage-live/barrage/storage/blob/fileblob"
)

// wrapped is a harness whose drivers are wrapped.
type wrapped struct {
	fs     vfs.FS
	script faultblob.Script
}

// Open implements blobtest.Harness.
func (w wrapped) Open() (driver.Driver, error) {
	d, err := fileblob.Open(fileblob.Config{Dir: "/b", FS: w.fs})
	if err != nil {
		return nil, err
	}
	return faultblob.Wrap(d, w.script), nil
}

// Close implements blobtest.Harness.
func (w wrapped) Close() error { return nil }

func TestConformanceWithoutFaults(t *testing.T) {
	blobtest.Run(t, func(*testing.T) blobtest.Harness {
		return wrapped{vfs.NewMem(), func(faultblob.Call) faultblob.Fault { return faultblob.Fault{} }}
	})
}

// TestFaults fails calls by key, and looks at what they did through a second store without faults.
func TestFaults(t *testing.T) {
	down := fault.New(fault.Unavailable, "storage_failed", "the disk failed")
	sick := true
	d, err := wrapped{vfs.NewMem(), func(c faultblob.Call) faultblob.Fault {
		switch {
		case !sick:
		case strings.HasPrefix(c.Key, "before"):
			return faultblob.Fault{Before: down}
		case strings.HasPrefix(c.Key, "midst"):
			return faultblob.Fault{Midst: down}
		case strings.HasPrefix(c.Key, "after"):
			return faultblob.Fault{After: down}
		}
		return faultblob.Fault{}
	}}.Open()
	if err != nil {
		t.Fatal(err)
	}
	s := blob.New(d)
	for key, there := range map[string]bool{"before.x": false, "midst.x": false, "after.x": true} {
		sick = true
		if _, err := s.Put(t.Context(), key, strings.NewReader("content"), blob.PutOptions{Size: 7}); !errors.Is(err, down) {
			t.Errorf("put %q: %v", key, err)
		}
		sick = false
		if _, err := s.Stat(t.Context(), key); (err == nil) != there {
			t.Errorf("after the failed put of %q: %v, want it there: %v", key, err, there)
		}
		if _, err := s.Put(t.Context(), key, strings.NewReader("content"), blob.PutOptions{Size: 7}); err != nil {
			t.Fatal(err)
		}
		sick = true
		if o, err := s.Open(t.Context(), key); key == "midst.x" {
			if got, rerr := io.ReadAll(o); err != nil || string(got) != "c" || !errors.Is(rerr, down) {
				t.Errorf("a breaking object gave %q, %v", got, rerr)
			}
			if err := o.Close(); err != nil {
				t.Error(err)
			}
		} else if !errors.Is(err, down) {
			t.Errorf("open %q: %v", key, err)
		}
		var listErr error
		for _, listErr = range s.List(t.Context(), key, "") {
		}
		_, statErr := s.Stat(t.Context(), key)
		if deleteErr := s.Delete(t.Context(), key); !errors.Is(listErr, down) || key != "midst.x" && (!errors.Is(statErr, down) || !errors.Is(deleteErr, down)) {
			t.Errorf("%q: %v, %v, %v", key, listErr, statErr, deleteErr)
		}
		sick = false
		if _, err := s.Stat(t.Context(), key); (err == nil) != (key == "before.x") {
			t.Errorf("after the delete of %q: %v", key, err)
		}
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}
