package rtmp

import (
	"encoding/binary"
	"math"
	"net/url"
	"strings"
	"unicode"

	"github.com/bluenviron/gortmplib/pkg/amf0"
)

// tidied rewrites a connect or publish command; any other message, and one that cannot be read, stays. The
// two say where an encoder publishes, and are shown to the library as it likes them, with nothing else in
// them: it reads fewer types of AMF0 than encoders write, and makes a URL of what people typed.
func tidied(m rawMessage) rawMessage {
	r := amfReader{rest: m.body}
	name, _ := r.value(0).(string)
	id, _ := r.value(0).(float64)
	var out amf0.Data
	switch name {
	case "connect":
		about, _ := r.value(0).(map[string]any)
		out = amf0.Data{name, id, connection(about)}
	case "publish":
		_ = r.value(0) // null
		key, ok := r.value(0).(string)
		if !ok {
			return m
		}
		out = amf0.Data{name, id, nil, streamName(key), "live"}
	}
	if r.broken || out == nil {
		return m
	}
	if b, err := out.Marshal(); err == nil {
		m.body = b
	}
	return m
}

// connection is the object of a connect command. Some encoders leave out the URL, or the application; what
// stands behind a question mark is for servers that count tickets there.
func connection(about map[string]any) amf0.Object {
	app, _ := about["app"].(string)
	where, _ := about["tcUrl"].(string)
	if where == "" {
		where, _ = about["tcurl"].(string)
	}
	app, where = tidyText(app), strings.Trim(tidyText(where), "/")
	if where == "" {
		where = "rtmp://host/" + app
	}
	if _, err := url.Parse(where); err != nil {
		where = "rtmp://host/" + escaped(app)
	}
	return amf0.Object{{Key: "app", Value: app}, {Key: "tcUrl", Value: where}}
}

// streamName is what an encoder gives as the name of its stream. Of a whole URL, where only the key was asked
// for, it is the end.
func streamName(s string) string {
	s = tidyText(s)
	if lower := strings.ToLower(s); strings.HasPrefix(lower, "rtmp://") || strings.HasPrefix(lower, "rtmps://") {
		s = s[strings.LastIndexByte(s, '/')+1:]
	}
	if _, err := url.Parse("/" + s); err != nil {
		s = escaped(s)
	}
	return s
}

// tidyText takes off what comes along when a text is copied, and a query.
func tidyText(s string) string {
	s, _, _ = strings.Cut(s, "?")
	return strings.TrimFunc(s, func(r rune) bool {
		return unicode.IsSpace(r) || unicode.Is(unicode.Cf, r) || unicode.IsControl(r) || strings.ContainsRune("\"'`<>", r)
	})
}

func escaped(s string) string { return strings.ReplaceAll(url.PathEscape(s), "%2F", "/") }

// maxDepth bounds how deep values of AMF0 may lie in each other.
const maxDepth = 8

// amfReader reads values of AMF0 (Action Message Format 0, section 2) one by one: numbers, texts and objects
// as float64, string and map[string]any, of the others it gives nil.
type amfReader struct {
	rest   []byte
	broken bool
}

// take gives the next bytes, or nil.
func (r *amfReader) take(n int) []byte {
	if n < 0 || n > len(r.rest) {
		r.broken, r.rest = true, nil
		return nil
	}
	b := r.rest[:n]
	r.rest = r.rest[n:]
	return b
}

// text reads one behind a length of some bytes.
func (r *amfReader) text(length int) string {
	n := 0
	for _, b := range r.take(length) {
		n = n<<8 | int(b)
	}
	return string(r.take(n))
}

func (r *amfReader) value(depth int) any {
	kind := r.take(1)
	if kind == nil || depth > maxDepth {
		r.broken = true
		return nil
	}
	switch kind[0] {
	case 0:
		if b := r.take(8); b != nil {
			return math.Float64frombits(binary.BigEndian.Uint64(b))
		}
	case 1:
		r.take(1)
	case 2:
		return r.text(2)
	case 3:
		return r.object(depth)
	case 5, 6: // null, undefined
	case 7: // a reference
		r.take(2)
	case 8: // an object whose length nobody needs
		r.take(4)
		return r.object(depth)
	case 10:
		if b := r.take(4); b != nil {
			for n := binary.BigEndian.Uint32(b); n > 0 && !r.broken; n-- {
				r.value(depth + 1)
			}
		}
	case 11: // a date
		r.take(10)
	case 12, 15: // a long text, XML
		return r.text(4)
	case 16: // an object of a class
		r.text(2)
		return r.object(depth)
	default:
		r.broken = true
	}
	return nil
}

func (r *amfReader) object(depth int) map[string]any {
	const end = 9
	m := map[string]any{}
	for !r.broken {
		key := r.text(2)
		if key == "" && len(r.rest) > 0 && r.rest[0] == end {
			r.take(1)
			break
		}
		m[key] = r.value(depth + 1)
	}
	return m
}
