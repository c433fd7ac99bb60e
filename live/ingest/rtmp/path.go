package rtmp

import (
	"strings"

	"github.com/barrage-live/barrage/internal/fault"
)

// maxKey bounds a stream key, in bytes.
const maxKey = 256

// ErrPath refuses a URL that is not /live/{key}.
var ErrPath = fault.New(fault.Invalid, "bad_path", "publish to rtmp://host/live/{stream key}")

// ParsePath reads the stream key from the path of an RTMP URL, "/live/{key}". Encoders put the slash
// between application and key wherever they like, so empty components are passed over; people write the
// application once more in front of the key. A key is printable
// ASCII without slash, question mark, quotes or backslash. It fails with ErrPath.
func ParsePath(path string) (key string, err error) {
	if len(path) > maxKey+16 {
		return "", ErrPath
	}
	n := 0
	for part := range strings.SplitSeq(path, "/") {
		if part == "" {
			continue
		}
		if n > 0 && key != "live" {
			return "", ErrPath
		}
		key = part
		n++
	}
	if n < 2 || n > 3 || key == "live" || len(key) > maxKey {
		return "", ErrPath
	}
	for i := range len(key) {
		if c := key[i]; c <= ' ' || c >= 0x7f || strings.IndexByte(`?"'\`, c) >= 0 {
			return "", ErrPath
		}
	}
	return key, nil
}
