package packager

import (
	"context"
	"errors"
	"io"
	"math"
	"time"

	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/id"
	"github.com/barrage-live/barrage/internal/media/m3u8"
	"github.com/barrage-live/barrage/live/recording"
)

// ErrNoMedia is told of a segment, part or init segment that is not there, or not yet.
var ErrNoMedia = fault.New(fault.NotFound, "no_media", "there is no such segment or part")

// headroom is what the announced peak adds to the measured one, because the next seconds may be busier.
const headroom = 1.1

// mediaPlaylist is where the media playlist of the one rendition is, from the URL of the broadcast.
const mediaPlaylist = "source/index.m3u8"

// Multivariant gives the multivariant playlist, waiting for the first part if need be. base is what its URIs
// begin with: the way to the broadcast's own URL from where it is shown, empty or ending in a slash.
func (p *Packager) Multivariant(ctx context.Context, base string) (Document, error) {
	if _, err := p.wait(ctx, m3u8.Directives{Block: true}); err != nil { // for part 0 of segment 0
		return Document{}, err
	}
	p.mu.Lock()
	v := p.variant()
	p.mu.Unlock()
	return NewMultivariant(p.cfg.Broadcast, p.cfg.Start, base, v, &p.zip), nil
}

// NewMultivariant makes the multivariant playlist of a broadcast of one rendition, whose URI is filled in.
func NewMultivariant(b id.Broadcast, start time.Time, base string, v m3u8.Variant, z *Zipper) Document {
	v.URI = base + mediaPlaylist
	session := []m3u8.Datum{
		{ID: "live.barrage.broadcast", Value: string(b)},
		{ID: "live.barrage.broadcast-start", Value: start.UTC().Format("2006-01-02T15:04:05.000Z07:00")},
	}
	return NewDocument(func() []byte { return m3u8.AppendMultivariant(nil, session, []m3u8.Variant{v}) }, z)
}

// variant describes the one rendition. The caller holds the lock.
func (p *Packager) variant() m3u8.Variant {
	if p.mu.tracks == nil {
		return p.mu.past
	}
	r := &p.mu.rates
	mean := r.average()
	if mean == 0 {
		mean = p.firstRate()
	}
	v := m3u8.Variant{
		Bandwidth: int(math.Ceil(max(r.peak, mean)*headroom/1000) * 1000), Average: int(math.Ceil(mean)),
	}
	for _, t := range p.mu.tracks {
		v.Codecs = append(v.Codecs, t.Config.Name)
		if t.Config.Codec.Video() {
			v.Width, v.Height, v.FPS = t.Config.Width, t.Config.Height, r.fps()
		}
	}
	return v
}

// firstRate estimates the rate before a segment is complete. A key picture weighs most at the start, so it
// errs upwards. The caller holds the lock.
func (p *Packager) firstRate() float64 {
	bits := 0.0
	for _, s := range p.mu.memory.segments {
		for _, b := range s.parts {
			bits += float64(len(b)) * 8
		}
	}
	if p.mu.rates.shown <= 0 {
		return bits
	}
	return bits / p.mu.rates.shown.Seconds()
}

// Open gives an object of the broadcast: from memory if it is recent, else from the recording. The hinted
// part is awaited. It fails with fault.NotFound "no_media" on what is not there or not yet, and like
// Playlist while waiting. The caller closes it.
func (p *Packager) Open(ctx context.Context, n Name) (io.ReadSeekCloser, error) {
	b, hinted := p.recent(n)
	if hinted {
		d := m3u8.Directives{Block: true, MSN: n.Number, Part: n.Part}
		s, err := p.wait(ctx, d)
		if err != nil {
			return nil, err
		}
		if b, _ = p.recent(n); b == nil && !s.Has(d) {
			return nil, errTimeout() // and not that it is not there: it may still come
		}
	}
	if b != nil {
		return NewHeld(b), nil
	}
	var m *recording.Media
	var err error
	switch n.Kind {
	case Part:
		return nil, ErrNoMedia
	case Init:
		m, err = p.cfg.Recorder.InitSegment(ctx, uint32(n.Number))
	case Segment:
		m, err = p.cfg.Recorder.Segment(ctx, n.Number)
	}
	if errors.Is(err, recording.ErrNone) {
		return nil, ErrNoMedia
	}
	if err != nil {
		return nil, err
	}
	return m, nil
}

// Broadcast is the one that is packaged.
func (p *Packager) Broadcast() id.Broadcast { return p.cfg.Broadcast }

// recent looks an object up in memory and tells whether it is the part that will come next.
func (p *Packager) recent(n Name) (b []byte, hinted bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	b = p.mu.memory.get(n)
	if b != nil || n.Kind != Part || p.Ended() {
		return b, false
	}
	s := p.snapshot.Load()
	return nil, s != nil && n.Number == s.Next && n.Part == s.Parts
}
