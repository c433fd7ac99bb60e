package viewers

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"
	"time"
)

var errPlaylist = errors.New("this is no playlist that can be followed")

// part is what a playlist says of one.
type part struct {
	uri      string
	duration time.Duration
}

// text is what a media playlist says, as far as a viewer wants to know.
type text struct {
	parts []part
	next  string // the query of the next request
}

// after gives the parts behind one; where that is not listed, or there is none yet, the newest.
func (t *text) after(uri string) []part {
	for i := len(t.parts) - 1; i >= 0 && uri != ""; i-- {
		if t.parts[i].uri == uri {
			return t.parts[i+1:]
		}
	}
	return t.parts[max(0, len(t.parts)-1):]
}

// maxTexts is how many texts are remembered: all viewers ask for the same few.
const maxTexts = 64

// texts remembers what bodies say.
type texts struct {
	mu    sync.Mutex
	known map[string]*text
}

func (c *texts) read(body []byte) (*text, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if t := c.known[string(body)]; t != nil {
		return t, nil
	}
	plain, err := unzip(body)
	if err != nil {
		return nil, err
	}
	t, err := parse(string(plain))
	if err != nil {
		return nil, err
	}
	if c.known == nil || len(c.known) >= maxTexts {
		c.known = make(map[string]*text)
	}
	c.known[string(body)] = t
	return t, nil
}

// unzip gives what is compressed as it was.
func unzip(body []byte) ([]byte, error) {
	if !bytes.HasPrefix(body, []byte{0x1f, 0x8b}) {
		return body, nil
	}
	z, err := gzip.NewReader(bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(z)
}

// parse reads a media playlist.
func parse(plain string) (*text, error) {
	if !strings.HasPrefix(plain, "#EXTM3U") {
		return nil, fmt.Errorf("%w: %.80q", errPlaylist, plain)
	}
	t := &text{}
	sequence, open, skips := uint64(0), 0, false
	for line := range strings.Lines(plain) {
		line = strings.TrimRight(line, "\r\n")
		name, value, _ := strings.Cut(line, ":")
		switch {
		case name == "#EXT-X-MEDIA-SEQUENCE":
			n, err := strconv.ParseUint(value, 10, 64)
			if err != nil {
				return nil, err
			}
			sequence += n
		case name == "#EXT-X-SKIP":
			n, err := strconv.ParseUint(attribute(value, "SKIPPED-SEGMENTS"), 10, 64)
			if err != nil {
				return nil, err
			}
			sequence += n
		case name == "#EXT-X-SERVER-CONTROL":
			skips = attribute(value, "CAN-SKIP-UNTIL") != ""
		case name == "#EXT-X-PART":
			seconds, err := strconv.ParseFloat(attribute(value, "DURATION"), 64)
			if err != nil {
				return nil, err
			}
			t.parts = append(t.parts, part{attribute(value, "URI"), time.Duration(seconds * float64(time.Second))})
			open++
		case name == "#EXT-X-ENDLIST":
			return nil, io.EOF
		case line != "" && !strings.HasPrefix(line, "#"):
			sequence++
			open = 0
		}
	}
	t.next = fmt.Sprintf("_HLS_msn=%d&_HLS_part=%d", sequence, open)
	if skips {
		t.next += "&_HLS_skip=YES"
	}
	return t, nil
}

// attribute finds one in an attribute list, without its quotes.
func attribute(list, name string) string {
	for list != "" {
		key, rest, _ := strings.Cut(list, "=")
		var value string
		if quoted, ok := strings.CutPrefix(rest, `"`); ok {
			value, rest, _ = strings.Cut(quoted, `"`)
			rest = strings.TrimPrefix(rest, ",")
		} else {
			value, rest, _ = strings.Cut(rest, ",")
		}
		if key == name {
			return value
		}
		list = rest
	}
	return ""
}

// mediaPlaylists are the URIs of the first variant of a multivariant playlist and of the renditions that
// belong to it.
func mediaPlaylists(body []byte) ([]string, error) {
	plain, err := unzip(body)
	if err != nil {
		return nil, err
	}
	var variant string
	var renditions []string
	for line := range strings.Lines(string(plain)) {
		line = strings.TrimRight(line, "\r\n")
		if list, ok := strings.CutPrefix(line, "#EXT-X-MEDIA:"); ok {
			if uri := attribute(list, "URI"); uri != "" {
				renditions = append(renditions, uri)
			}
		} else if line != "" && !strings.HasPrefix(line, "#") && variant == "" {
			variant = line
		}
	}
	if variant == "" {
		return nil, fmt.Errorf("%w: %.80q", errPlaylist, plain)
	}
	return append([]string{variant}, renditions...), nil
}
