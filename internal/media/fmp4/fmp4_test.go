package fmp4_test

import (
	"bytes"
	"testing"

	"github.com/Eyevinn/mp4ff/mp4"
	"pgregory.net/rapid"

	"github.com/barrage-live/barrage/internal/media"
	"github.com/barrage-live/barrage/internal/media/fmp4"
	"github.com/barrage-live/barrage/internal/media/mediatest"
)

var (
	sps = []byte{
		0x67, 0x42, 0xc0, 0x28, 0xd9, 0x00, 0x78, 0x02, 0x27, 0xe5, 0x84, 0x00,
		0x00, 0x03, 0x00, 0x04, 0x00, 0x00, 0x03, 0x00, 0xf0, 0x3c, 0x60, 0xc9, 0x20,
	}
	pps = []byte{0x08, 0x06, 0x07, 0x08}
)

func tracks() []media.Track {
	return []media.Track{
		{Config: mediatest.Config(sps, pps)}, mediatest.Audio(),
	}
}

func TestInitReadByAnotherLibrary(t *testing.T) {
	b := fmp4.Init(tracks())
	f, err := mp4.DecodeFile(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	if n := len(f.Init.Moov.Traks); n != 2 {
		t.Fatalf("tracks: got %d, want 2", n)
	}
	video, audio := f.Init.Moov.Traks[0], f.Init.Moov.Traks[1]
	if got := video.Mdia.Mdhd.Timescale; got != fmp4.VideoScale {
		t.Errorf("video time scale: got %d", got)
	}
	if got := audio.Mdia.Mdhd.Timescale; got != 48000 {
		t.Errorf("audio time scale: got %d", got)
	}
	avc := video.Mdia.Minf.Stbl.Stsd.AvcX
	if avc == nil || avc.Width != 1920 || avc.Height != 1080 {
		t.Errorf("avc1 does not carry the picture size: %+v", avc)
	}
	if !bytes.Equal(avc.AvcC.SPSnalus[0], sps) || !bytes.Equal(avc.AvcC.PPSnalus[0], pps) {
		t.Error("avcC does not carry the parameter sets")
	}
}

func runs() []fmp4.Run {
	return []fmp4.Run{
		{Track: 1, Base: 1 << 33, Codec: media.H264, Samples: []fmp4.Sample{
			{Duration: 3000, Offset: 6000, Sync: true, Data: [][]byte{{9, 240}, {0x65, 1, 2, 3}}},
			{Duration: 3000, Offset: -3000, Data: [][]byte{{0x41, 4, 5}}},
		}},
		{Track: 2, Codec: media.AAC, Base: 1 << 32, Samples: []fmp4.Sample{
			{Duration: 1024, Sync: true, Data: [][]byte{{0xaa}}},
			{Duration: 1024, Sync: true, Data: [][]byte{{0xbb, 0xcc}}},
		}},
	}
}

func TestPartReadByAnotherLibrary(t *testing.T) {
	head := fmp4.Init(tracks())
	f, err := mp4.DecodeFile(bytes.NewReader(fmp4.AppendPart(head, 7, runs())))
	if err != nil {
		t.Fatal(err)
	}
	frag := f.Segments[0].Fragments[0]
	if got := frag.Moof.Mfhd.SequenceNumber; got != 7 {
		t.Errorf("sequence: got %d, want 7", got)
	}
	video, err := frag.GetFullSamples(f.Init.Moov.Mvex.Trexs[0])
	if err != nil {
		t.Fatal(err)
	}
	if len(video) != 2 || video[0].DecodeTime != 1<<33 || video[1].DecodeTime != 1<<33+3000 {
		t.Fatalf("video decode times are wrong: %+v", video)
	}
	if video[0].CompositionTimeOffset != 6000 || video[1].CompositionTimeOffset != -3000 {
		t.Errorf("composition offsets: got %d and %d", video[0].CompositionTimeOffset, video[1].CompositionTimeOffset)
	}
	if !video[0].IsSync() || video[1].IsSync() {
		t.Error("sync flags are wrong")
	}
	if want := []byte{0, 0, 0, 2, 9, 240, 0, 0, 0, 4, 0x65, 1, 2, 3}; !bytes.Equal(video[0].Data, want) {
		t.Errorf("payload: got %x, want %x", video[0].Data, want)
	}
	audio, err := frag.GetFullSamples(f.Init.Moov.Mvex.Trexs[1])
	if err != nil {
		t.Fatal(err)
	}
	if len(audio) != 2 || !bytes.Equal(audio[1].Data, []byte{0xbb, 0xcc}) || audio[1].DecodeTime != 1<<32+1024 {
		t.Errorf("audio samples are wrong: %+v", audio)
	}
}

func TestPartKeepsEverySample(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 20).Draw(t, "samples")
		base := rapid.Uint64Range(0, 1<<40).Draw(t, "base")
		r := fmp4.Run{Track: 1, Base: base, Codec: media.H264}
		for range n {
			r.Samples = append(r.Samples, fmp4.Sample{
				Duration: rapid.Uint32Range(0, 1<<20).Draw(t, "duration"),
				Offset:   rapid.Int32Range(-1<<20, 1<<20).Draw(t, "offset"),
				Sync:     rapid.Bool().Draw(t, "sync"),
				Data:     rapid.SliceOfN(rapid.SliceOfN(rapid.Byte(), 1, 40), 1, 4).Draw(t, "payload"),
			})
		}
		head := fmp4.Init(tracks()[:1])
		f, err := mp4.DecodeFile(bytes.NewReader(fmp4.AppendPart(head, 1, []fmp4.Run{r, {Track: 2}})))
		if err != nil {
			t.Fatal(err)
		}
		got, err := f.Segments[0].Fragments[0].GetFullSamples(f.Init.Moov.Mvex.Trexs[0])
		if err != nil || len(got) != n {
			t.Fatalf("read %d samples of %d: %v", len(got), n, err)
		}
		at := base
		for i, s := range r.Samples {
			if got[i].DecodeTime != at || got[i].CompositionTimeOffset != s.Offset || got[i].IsSync() != s.Sync {
				t.Fatalf("sample %d: got %+v", i, got[i])
			}
			at += uint64(s.Duration)
		}
	})
}

// typical is half a second of 2.5 Mbit/s at 30 frames with 128 kbit/s of audio.
func typical() []fmp4.Run {
	v := fmp4.Run{Track: 1, Base: 90000, Codec: media.H264}
	for i := range 15 {
		v.Samples = append(v.Samples, fmp4.Sample{Duration: 3000, Sync: i == 0, Data: [][]byte{make([]byte, 10_400)}})
	}
	a := fmp4.Run{Track: 2, Base: 48000}
	for range 23 {
		a.Samples = append(a.Samples, fmp4.Sample{Duration: 1024, Sync: true, Data: [][]byte{make([]byte, 340)}})
	}
	return []fmp4.Run{v, a}
}

func TestPartAllocatesOnlyItsOwnBytes(t *testing.T) {
	in := typical()
	if n := testing.AllocsPerRun(100, func() { fmp4.AppendPart(nil, 1, in) }); n > 1 {
		t.Fatalf("a part costs %v allocations, the budget is 1", n)
	}
}

func BenchmarkPart(b *testing.B) {
	in := typical()
	b.ReportAllocs()
	b.SetBytes(int64(len(fmp4.AppendPart(nil, 1, in))))
	for b.Loop() {
		fmp4.AppendPart(nil, 1, in)
	}
}
