package hls

import (
	"strings"

	"github.com/barrage-live/barrage/internal/id"
	"github.com/barrage-live/barrage/live/packager"
)

// kind tells what a URL asks for; it is also a label of the metrics.
type kind string

const (
	kindMultivariant kind = "multivariant"
	kindPlaylist     kind = "playlist"
	kindMedia        kind = "media"
	kindUnknown      kind = "unknown"
)

// target is what a URL names.
type target struct {
	kind      kind
	channel   string
	broadcast id.Broadcast // empty: the one that is on
	name      packager.Name
}

// maxChannel bounds a channel's name in a URL, in bytes.
const maxChannel = 128

// parsePath reads the path of a URL; see the package comment for the forms.
func parsePath(path string) (target, bool) {
	none := target{kind: kindUnknown}
	rest, ok := strings.CutPrefix(path, "/live/")
	if !ok {
		return none, false
	}
	channel, rest, ok := strings.Cut(rest, "/")
	if !ok || channel == "" || len(channel) > maxChannel {
		return none, false
	}
	t := target{kind: kindMultivariant, channel: channel}
	if rest == "index.m3u8" {
		return t, true
	}
	broadcast, rest, ok := strings.Cut(rest, "/")
	if !ok || !isBroadcast(broadcast) {
		return none, false
	}
	t.broadcast = id.Broadcast(broadcast)
	if rest == "index.m3u8" {
		return t, true
	}
	file, ok := strings.CutPrefix(rest, "source/")
	switch {
	case !ok:
		return none, false
	case file == "index.m3u8":
		t.kind = kindPlaylist
	default:
		t.kind = kindMedia
		if t.name, ok = packager.ParseName(file); !ok {
			return none, false
		}
	}
	return t, true
}

// isBroadcast reports whether s has the form of a broadcast's id: 32 hexadecimal digits in lower case.
func isBroadcast(s string) bool {
	return len(s) == 32 && strings.Trim(s, "0123456789abcdef") == ""
}
