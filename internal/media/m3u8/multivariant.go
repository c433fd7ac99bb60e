package m3u8

import (
	"fmt"
	"strconv"
	"strings"
)

// Variant is one entry of a multivariant playlist.
type Variant struct {
	URI string
	// Bandwidth is the peak and Average the mean, in bits per second.
	Bandwidth, Average int
	// Codecs are RFC 6381 strings.
	Codecs []string
	// Width and Height are zero without video, FPS also when unknown.
	Width, Height int
	FPS           float64
}

// Datum is an EXT-X-SESSION-DATA entry. Neither field may hold a quote or a line break.
type Datum struct{ ID, Value string }

// AppendMultivariant writes a multivariant playlist.
func AppendMultivariant(dst []byte, session []Datum, variants []Variant) []byte {
	dst = append(dst, "#EXTM3U\n#EXT-X-VERSION:9\n"...)
	for _, d := range session {
		dst = fmt.Appendf(dst, "#EXT-X-SESSION-DATA:DATA-ID=%q,VALUE=%q\n", d.ID, d.Value)
	}
	for _, v := range variants {
		dst = append(dst, "#EXT-X-STREAM-INF:BANDWIDTH="...)
		dst = strconv.AppendInt(dst, int64(v.Bandwidth), 10)
		dst = append(dst, ",AVERAGE-BANDWIDTH="...)
		dst = strconv.AppendInt(dst, int64(v.Average), 10)
		dst = fmt.Appendf(dst, ",CODECS=%q", strings.Join(v.Codecs, ","))
		if v.Width > 0 {
			dst = fmt.Appendf(dst, ",RESOLUTION=%dx%d", v.Width, v.Height)
		}
		if v.FPS > 0 {
			dst = fmt.Appendf(dst, ",FRAME-RATE=%.3f", v.FPS)
		}
		dst = append(append(append(dst, '\n'), v.URI...), '\n')
	}
	return dst
}
