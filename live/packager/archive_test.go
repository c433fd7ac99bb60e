package packager

import (
	"context"
	"io"
	"maps"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/media/mediatest"
	"github.com/barrage-live/barrage/storage/blob"
)

// countingBlobs counts the writes of each object.
type countingBlobs struct {
	Blobs
	mu   sync.Mutex
	puts map[string]int
}

func (b *countingBlobs) Put(ctx context.Context, key string, r io.Reader, o blob.PutOptions) (blob.Info, error) {
	b.mu.Lock()
	b.puts[key]++
	b.mu.Unlock()
	return b.Blobs.Put(ctx, key, r, o)
}

// once checks that these objects of the broadcast, and no others, were written, each a single time.
func (b *countingBlobs) once(t *testing.T, names ...string) {
	t.Helper()
	want := map[string]int{}
	for _, n := range names {
		want[prefix(channel, broadcast)+n] = 1
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if !maps.Equal(b.puts, want) {
		t.Errorf("written: %v, want %v", b.puts, want)
	}
}

// TestArchiveIsBoundedByBytes fills the queue with one object that nobody writes, so that no segment fits
// beside it.
func TestArchiveIsBoundedByBytes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		blobs := &brokenBlobs{Blobs: newBlobs(t), hang: make(chan struct{})}
		p := start(t, blobs)
		fat := Name{Kind: Init, Number: 99}
		if err := p.archive.put(fat, make([]byte, archiveBytes+1)); fault.CodeOf(err) != "archive_full" {
			t.Fatalf("an object over the bound: %v", err)
		}
		if err := p.archive.put(fat, make([]byte, archiveBytes)); err != nil {
			t.Fatalf("an object of exactly the bound: %v", err)
		}
		pub := attach(t, p, mediatest.Source{})
		pub.play(0, 30*time.Second)
		if n := len(p.archive.queue); n != 0 || p.archive.held.Load() != archiveBytes {
			t.Errorf("%d objects and %d bytes wait", n, p.archive.held.Load())
		}
		if lost := testutil.ToFloat64(p.cfg.Metrics.lost); lost != 15 {
			t.Errorf("lost: got %v, want the init segment and the 14 complete segments", lost)
		}
		m := text(t, p)
		for i, s := range m.Segments {
			if aged := len(s.Parts) == 0; s.Gap != aged {
				t.Errorf("segment %d: gap %v, listed without parts %v", i, s.Gap, aged)
			}
		}
		blobs.mu.Lock()
		blobs.fail = true
		blobs.mu.Unlock()
		close(blobs.hang)
		pub.play(pub.since(), 40*time.Second) // the object is given up, its bytes are free again
		blobs.mu.Lock()
		blobs.fail = false
		blobs.mu.Unlock()
		pub.play(pub.since(), 80*time.Second)
		if held := p.archive.held.Load(); held != 0 {
			t.Errorf("%d bytes are held and nothing waits", held)
		}
		m = text(t, p)
		if s := m.Segments[len(m.Segments)-10]; s.Gap {
			t.Error("segments are still lost after the store came back")
		}
	})
}

// TestSegmentLostLateBecomesAGap lets the store time out, so that the archive gives a segment up when its
// parts have long left the playlist.
func TestSegmentLostLateBecomesAGap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		blobs := &brokenBlobs{Blobs: newBlobs(t), hang: make(chan struct{})}
		p := startListing(t, blobs, 10*time.Minute)
		pub := attach(t, p, mediatest.Source{GOP: 120})
		giveUp := archiveTries*archiveTry + (archiveTries-1)*archivePause
		pub.play(0, 2*giveUp-10*time.Second) // the init segment is given up, segment 0 not yet
		read(t, p, "0.m4s")
		pub.play(pub.since(), 2*giveUp+10*time.Second)
		lists := func(want int) {
			t.Helper()
			m := text(t, p)
			gaps := 0
			for i, s := range m.Segments {
				if s.Gap {
					gaps++
				} else {
					read(t, p, Name{Number: uint64(m.MediaSequence + i)}.String())
				}
			}
			if gaps != want {
				t.Errorf("%d of %d segments are gaps, want %d", gaps, len(m.Segments), want)
			}
		}
		lists(1)
		if !text(t, p).Segments[0].Gap {
			t.Error("the segment that was given up is no gap")
		}
		p.Finish() // what is queued is given up
		lists(len(text(t, p).Segments))
	})
}

// answeringBlobs gives an answer to the first Put of each object, after its effect.
type answeringBlobs struct {
	Blobs
	answer error
	puts   int
}

func (b *answeringBlobs) Put(ctx context.Context, key string, r io.Reader, o blob.PutOptions) (blob.Info, error) {
	b.puts++
	info, err := b.Blobs.Put(ctx, key, r, o)
	if b.puts == 1 {
		err = b.answer
	}
	return info, err
}

// TestAnswersOfTheStore: what is repeated and what is given up. The store itself takes the repetition of an
// object that is there.
func TestAnswersOfTheStore(t *testing.T) {
	for _, c := range []struct {
		answer error
		puts   int
		lost   bool
	}{
		{nil, 1, false},
		{blob.ErrUnknown, 2, false},
		{fault.New(fault.Unavailable, "storage_full", "the disk is full"), 2, false},
		{blob.ErrExists, 1, true},
	} {
		synctest.Test(t, func(t *testing.T) {
			blobs := &answeringBlobs{Blobs: newBlobs(t), answer: c.answer}
			var outcome error
			a := startArchive(start(t, blobs).cfg, func(_ Name, err error) { outcome = err })
			if err := a.put(Name{Number: 7}, []byte("media")); err != nil {
				t.Fatal(err)
			}
			a.close()
			if blobs.puts != c.puts || (outcome != nil) != c.lost {
				t.Errorf("the store answered %v: %d puts, in the end %v", c.answer, blobs.puts, outcome)
			}
		})
	}
}
