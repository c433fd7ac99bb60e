package segmenter

import (
	"bytes"
	"slices"
	"time"

	"github.com/barrage-live/barrage/internal/media"
	"github.com/barrage-live/barrage/internal/media/fmp4"
)

// knownInits is how many init segments are remembered, so that one that comes back keeps its number.
const knownInits = 8

// numbered is an init segment and its number.
type numbered struct {
	number int
	bytes  []byte
}

// writer turns decided parts into events and numbers them.
type writer struct {
	events []Event
	runs   []fmp4.Run
	keys   bool // a run being written holds an IDR picture
	starts bool // and starts with it

	sequence uint64 // of the segment being written, or of the next
	index    int    // of the next part in it
	fragment uint32
	open     bool
	opened   time.Duration // where the segment began
	from     time.Duration // where the next part begins
	newest   time.Duration // where the last sample written of the leading track began

	tracks  []media.Track
	init    []byte
	number  int        // of init; the first is 0
	known   []numbered // init and those before it, the one used last at the end
	numbers int        // how many were given out
	stale   bool
	any     bool // a segment was written
	breaks  bool // the next segment does not continue the one before
	samples [2][]fmp4.Sample
}

// configure announces the tracks of what follows. They were validated.
func (w *writer) configure(tracks []media.Track) {
	w.tracks = append([]media.Track(nil), tracks...)
	w.stale = true
}

// discontinue marks the next segment.
func (w *writer) discontinue() { w.breaks = w.any }

// take moves the samples that begin before a time into a run and returns the rest. Durations inside the run
// follow from the decode times, so that nothing drifts. A nil run drops them.
func (w *writer) take(q []sample, before time.Duration, run *fmp4.Run) []sample {
	n := 0
	for n < len(q) && q[n].at < before {
		n++
	}
	if run != nil {
		if run.Codec.Video() {
			w.keys, w.starts = false, n > 0 && q[0].key
		}
		buf := w.samples[len(w.runs)][:0]
		for i := range n {
			s := q[i].out
			if i+1 < n {
				s.Duration = uint32(q[i+1].tick - q[i].tick)
			}
			w.keys = w.keys || (run.Codec.Video() && q[i].key)
			buf = append(buf, s)
		}
		if n > 0 {
			run.Base = q[0].tick
		}
		run.Samples = buf
		w.samples[len(w.runs)] = buf
		w.runs = append(w.runs, *run)
	}
	rest := copy(q, q[n:])
	clear(q[rest:])
	return q[:rest]
}

// part writes the runs as the part that ends at the cut, opening its segment if it is the first. One in which
// nothing begins is written all the same: the last picture stands.
func (w *writer) part(k cut, g *Segmenter) {
	if k.at > w.from {
		if !w.open {
			w.openSegment(g)
		}
		w.fragment++
		p := &Part{
			Sequence: w.sequence, Index: w.index, Start: w.from, End: k.at,
			Independent: w.keys || !g.pictures, Pictures: len(w.runs[0].Samples),
			Bytes: fmp4.AppendPart(nil, w.fragment, w.runs),
		}
		w.index++
		w.from = k.at
		w.events = append(w.events, p)
	}
	for i := range w.samples {
		clear(w.samples[i])
	}
	if k.last && w.open {
		w.events = append(w.events, &Close{Sequence: w.sequence, Start: w.opened, End: w.from, Parts: w.index})
		w.open = false
		w.sequence++
	}
}

// recall gives an init segment the number it had before, or the next one.
func (w *writer) recall(b []byte) numbered {
	i := slices.IndexFunc(w.known, func(k numbered) bool { return bytes.Equal(k.bytes, b) })
	k := numbered{w.numbers, b}
	switch {
	case i >= 0:
		k = w.known[i]
		w.known = slices.Delete(w.known, i, i+1)
	case len(w.known) == knownInits:
		w.known = slices.Delete(w.known, 0, 1)
	}
	if i < 0 {
		w.numbers++
	}
	w.known = append(w.known, k)
	return k
}

func (w *writer) openSegment(g *Segmenter) {
	if w.stale {
		w.stale = false
		if b := fmp4.Init(w.tracks); !bytes.Equal(b, w.init) {
			k := w.recall(b)
			w.init, w.number = k.bytes, k.number
			w.events = append(w.events, &Init{Number: k.number, Bytes: k.bytes, Tracks: w.tracks})
		}
	}
	w.events = append(w.events, &Open{
		Sequence: w.sequence, Init: w.number, Media: g.clock.open(w.from, w.from-w.newest), Discontinuity: w.breaks,
		Independent: w.starts || !g.pictures,
	})
	w.open, w.any, w.breaks, w.opened, w.index = true, true, false, w.from, 0
}
