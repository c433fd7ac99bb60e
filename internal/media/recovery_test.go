package media_test

import (
	"slices"
	"testing"
	"time"

	"github.com/barrage-live/barrage/internal/media"
	"github.com/barrage-live/barrage/internal/media/mediatest"
)

// openGOP and refresh are x264 as it was found to be set where only the first picture is an IDR picture.
func openGOP() []string {
	return []string{"-preset", "veryfast", "-tune", "film", "-x264-params", "open-gop=1:keyint=30:min-keyint=30:scenecut=0:bframes=2:b-adapt=0"}
}

func refresh() []string {
	return []string{"-preset", "veryfast", "-x264-params", "intra-refresh=1:keyint=30"}
}

// entries fills in the pictures of a publication and gives those from which decoding can start, in whatever
// way, and how many leading pictures there were.
func entries(t *testing.T, e *mediatest.Encoded, prepare func(*media.Unit)) (list []media.Unit, leading int) {
	t.Helper()
	p, shown := media.NewPictures(e.Tracks[0].Config), time.Duration(0)
	for _, u := range e.Units(mediatest.Epoch()) {
		u.Key = false
		if prepare != nil {
			prepare(&u)
		}
		if !p.Fill(&u, u.Data) {
			t.Fatalf("no picture at %v", u.DTS)
		}
		if p.Leading(&u) {
			leading++
		} else if u.PTS < shown && len(list) > 0 && list[len(list)-1].Open {
			t.Errorf("the picture at %v is shown before %v and stays", u.PTS, shown)
		}
		if u.Entry() {
			list, shown = append(list, u), u.PTS
		}
	}
	return list, leading
}

// TestOpenGroupsOfPictures: pictures that stand alone at recovery points are entries, and what refers to
// others in front of them is told.
func TestOpenGroupsOfPictures(t *testing.T) {
	e := mediatest.Encode(t, media.H264, "", 4, openGOP()...)
	list, leading := entries(t, e, nil)
	if len(list) != 4 || leading != 6 {
		t.Fatalf("%d entries, %d leading pictures", len(list), leading)
	}
	for i, u := range list {
		if !u.Key || u.Open != (i > 0) || u.Gradual {
			t.Errorf("entry %d: key %v, open %v, gradual %v", i, u.Key, u.Open, u.Gradual)
		}
	}
}

// TestKeyPicturesByTheirPublishersWord: where there is no recovery point, a picture of which the publisher
// says that it is a key picture, and that refers to no other, becomes one.
func TestKeyPicturesByTheirPublishersWord(t *testing.T) {
	e := mediatest.Encode(t, media.H264, "", 3, openGOP()...)
	for _, said := range []bool{false, true} {
		list, _ := entries(t, e, func(u *media.Unit) {
			u.Key = said
			u.Data = slices.DeleteFunc(slices.Clone(u.Data), func(n []byte) bool { return n[0]&0x1f == 6 })
		})
		if want := map[bool]int{false: 1, true: 3}[said]; len(list) != want {
			t.Fatalf("said %v: %d entries", said, len(list))
		}
		for _, u := range list[1:] {
			again := media.Unit{}
			if !media.NewPictures(e.Tracks[0].Config).Fill(&again, u.Data) || !again.Open {
				t.Errorf("at %v the picture does not say that it is an entry: %+v", u.PTS, again)
			}
		}
	}
}

// TestGradualRefresh: pictures from which only later ones become right are no key pictures.
func TestGradualRefresh(t *testing.T) {
	list, leading := entries(t, mediatest.Encode(t, media.H264, "", 4, refresh()...), nil)
	if len(list) < 3 || leading != 0 {
		t.Fatalf("%d entries, %d leading pictures", len(list), leading)
	}
	for i, u := range list {
		if u.Key != (i == 0) || u.Open || u.Gradual != (i > 0) {
			t.Errorf("entry %d: key %v, open %v, gradual %v", i, u.Key, u.Open, u.Gradual)
		}
	}
}

// TestRecoveryPoints reads what tells of them, and what is broken.
func TestRecoveryPoints(t *testing.T) {
	intra, other := []byte{0x41, 0x88, 0x80}, []byte{0x41, 0x9a, 0x80}
	for name, c := range map[string]struct {
		codec              media.Codec
		nals               [][]byte
		key, open, gradual bool
	}{
		"at once":                     {media.H264, [][]byte{{6, 6, 1, 0x84, 0x80}, intra}, true, true, false},
		"after other information":     {media.H264, [][]byte{{6, 5, 2, 1, 2, 6, 1, 0x84, 0x80}, intra}, true, true, false},
		"of a long type":              {media.H264, [][]byte{{6, 0xff, 3, 1, 9, 6, 1, 0x84, 0x80}, intra}, true, true, false},
		"but it refers to others":     {media.H264, [][]byte{{6, 6, 1, 0x84, 0x80}, other}, false, false, true},
		"but a slice of it does":      {media.H264, [][]byte{{6, 6, 1, 0x84, 0x80}, intra, other}, false, false, true},
		"later":                       {media.H264, [][]byte{{6, 6, 1, 0x44, 0x80}, intra}, false, false, true},
		"cut off":                     {media.H264, [][]byte{{6, 6, 9, 0x84, 0x80}, intra}, false, false, false},
		"empty":                       {media.H264, [][]byte{{6}, {}, intra}, false, false, false},
		"a slice without a header":    {media.H264, [][]byte{{6, 6, 1, 0x84, 0x80}, {0x41}}, false, false, true},
		"of a picture without slices": {media.H264, [][]byte{{6, 6, 1, 0x84, 0x80}}, false, false, true},
		"of H.265":                    {media.H265, [][]byte{{39 << 1, 1, 6, 1, 0x84, 0x80}, {1 << 1, 1, 0x80}}, false, false, true},
		"of H.265, without a header":  {media.H265, [][]byte{{39 << 1}, {1 << 1, 1, 0x80}}, false, false, false},
	} {
		config := mediatest.Config(mediatest.SPS(), mediatest.PPS())
		if c.codec == media.H265 {
			config = mediatest.Encode(t, media.H265, "", 1).Tracks[0].Config
		}
		u := media.Unit{}
		ok := media.NewPictures(config).Fill(&u, c.nals)
		if !ok || u.Key != c.key || u.Open != c.open || u.Gradual != c.gradual {
			t.Errorf("%s: key %v, open %v, gradual %v", name, u.Key, u.Open, u.Gradual)
		}
	}
}
