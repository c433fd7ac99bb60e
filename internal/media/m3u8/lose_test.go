package m3u8_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/barrage-live/barrage/internal/media/m3u8"
)

func TestLostSegmentBecomesAGap(t *testing.T) {
	f := newFiller(config())
	for i := range 10 {
		f.segment(4, false)
		if i == 4 {
			f.Lose(3)
			f.Lose(99)
		}
	}
	for i, s := range parse(t, f.Text().Full()).Segments {
		if s.Gap != (i == 3) {
			t.Errorf("segment %d is a gap: %v", i, s.Gap)
		}
	}
}

// TestSegmentLostLate loses segments whose lines are in the old text, and holds that Texts taken before
// stay as they were.
func TestSegmentLostLate(t *testing.T) {
	f := newFiller(config())
	for i := range 40 {
		f.init = i / 20
		f.segment(4, i == 20)
	}
	before := f.Text()
	was := string(before.Full())
	first := int(before.First)
	lost := map[int]bool{first: true, 20: true, 27: true, 33: true, 39: true}
	for n := range lost {
		f.Lose(uint64(n))
		f.Lose(uint64(n))
	}
	f.Lose(uint64(first) - 1)
	f.Lose(40)
	check := func(text *m3u8.Text, aged int) {
		t.Helper()
		for i, s := range parse(t, text.Full()).Segments {
			n := int(text.First) + i
			if want := lost[n] && n < aged; s.Gap != want || s.URI != fmt.Sprintf("b/%d.m4s", n) {
				t.Errorf("segment %d, %s, is a gap: %v", n, s.URI, s.Gap)
			}
		}
		if n := strings.Count(string(text.Full()), "EXT-X-MAP"); n > 2 {
			t.Errorf("the init segments are stated %d times", n)
		}
		delta := string(text.Delta())
		_, rest, _ := strings.Cut(delta, fmt.Sprintf("#EXT-X-SKIP:SKIPPED-SEGMENTS=%d\n", text.Skipped()))
		if rest == "" || !strings.HasSuffix(string(text.Full()), rest) {
			t.Errorf("the delta update is not a part of the full text:\n%s", delta)
		}
	}
	check(f.Text(), 34)
	if string(before.Full()) != was {
		t.Error("a Text has changed")
	}
	f.segment(4, false)
	check(f.Text(), 35)
	f.End()
	check(f.Text(), 40)
}
