package packager

import (
	"encoding/binary"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/barrage-live/barrage/internal/media/mediatest"
	"github.com/barrage-live/barrage/internal/media/segmenter"
)

// TestInitSegmentsAreForgotten changes the parameter sets with every segment. The store loses all, so that
// what can be read is in memory.
func TestInitSegmentsAreForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rec := &brokenRecorder{Recorder: newRecorder(t), fail: true}
		p := start(t, rec)
		pub := attach(t, p, mediatest.Source{GOP: 120})
		for i, u := range pub.src.Units(3 * time.Minute) {
			if u.Key {
				u.Config = mediatest.Config(mediatest.SPS(), binary.BigEndian.AppendUint32(mediatest.PPS(), uint32(i)|1<<31))
			}
			<-time.After(time.Until(u.Arrival))
			if err := pub.stream.Write(u); err != nil {
				t.Fatal(err)
			}
			if i%300 == 0 {
				synctest.Wait()
				p.mu.Lock()
				n := len(p.mu.memory.inits)
				p.mu.Unlock()
				if n > 60+12+2 {
					t.Fatalf("%d init segments are in memory after %v", n, pub.since())
				}
			}
		}
		synctest.Wait()
		m := text(t, p)
		for i := range m.Segments {
			read(t, p, Name{Kind: Init, Number: uint64(m.MediaSequence + i)}.String())
		}
	})
}

func TestInitSegmentThatComesBackIsHeldAgain(t *testing.T) {
	var m memory
	again := &segmenter.Init{Bytes: []byte("a")}
	m.configure(again)
	if m.configure(again); len(m.inits) != 1 {
		t.Fatal("an init segment is held once")
	}
	m.open(&segmenter.Open{})
	m.length = 10 * time.Second
	m.forget(0, 12*time.Second)
	m.forget(1, 12*time.Second)
	m.length = 21 * time.Second
	if m.forget(1, 12*time.Second); m.init(0) == nil {
		t.Error("it was forgotten before its grace was over")
	}
	m.length = 22 * time.Second
	if m.forget(1, 12*time.Second); m.init(0) != nil {
		t.Error("it was not forgotten")
	}
	if m.configure(again); m.init(0) == nil {
		t.Error("it is not held again after it was forgotten")
	}
}

// TestInitSegmentsAreBoundedInBytes: those that only recorded segments need are read from the recording.
func TestInitSegmentsAreBoundedInBytes(t *testing.T) {
	var m memory
	for i := range 200 {
		m.configure(&segmenter.Init{Number: i, Bytes: make([]byte, 60_000)})
		m.open(&segmenter.Open{Sequence: uint64(i), Init: i})
		m.segments = m.segments[max(0, len(m.segments)-10):]
		m.crowd()
	}
	n := 0
	for _, h := range m.inits {
		n += len(h.body)
	}
	if n > maxInitBytes {
		t.Errorf("%d bytes of init segments are in memory", n)
	}
	for _, s := range m.segments {
		if m.init(uint64(s.opened.Init)) == nil {
			t.Errorf("segment %d is in memory, its init segment is not", s.sequence)
		}
	}
}

// TestInitSegmentsThatGo are the oldest, no more of them than must, and none that a segment in memory needs
// or that the next one will.
func TestInitSegmentsThatGo(t *testing.T) {
	for _, c := range []struct {
		name  string
		from  int // the oldest segment in memory
		ahead bool
		want  []uint64
	}{
		{"all but 4 MiB", 7, false, []uint64{4, 5, 6, 7}},
		{"none in memory", 8, false, []uint64{0, 1, 2, 3, 4, 5, 6, 7}},
		{"those needed are more", 2, false, []uint64{2, 3, 4, 5, 6, 7}},
		{"and one for the next segment", 2, true, []uint64{2, 3, 4, 5, 6, 7, 8}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var m memory
			for i := range 8 {
				m.configure(&segmenter.Init{Number: i, Bytes: make([]byte, maxInitBytes/4)})
				m.open(&segmenter.Open{Sequence: uint64(i), Init: i})
			}
			m.segments = m.segments[c.from:]
			if c.ahead {
				m.configure(&segmenter.Init{Number: 8, Bytes: make([]byte, maxInitBytes/4)})
			}
			m.crowd()
			var got []uint64
			for _, h := range m.inits {
				got = append(got, h.number)
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("left are %v, want %v", got, c.want)
			}
		})
	}
}
