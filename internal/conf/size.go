package conf

import (
	"math"
	"strconv"
	"strings"

	"github.com/barrage-live/barrage/internal/fault"
)

// Size is a number of bytes that is written with a unit: 512B, 64KiB, 10MB. It is never negative.
type Size int64

const maxSize = Size(1 << 50)

type unit struct {
	name  string
	bytes int64
}

// units are ordered so that the longest name is tried first and the binary units before the decimal ones.
func units() []unit {
	return []unit{
		{"KiB", 1 << 10},
		{"MiB", 1 << 20},
		{"GiB", 1 << 30},
		{"TiB", 1 << 40},
		{"KB", 1e3},
		{"MB", 1e6},
		{"GB", 1e9},
		{"TB", 1e12},
		{"B", 1},
	}
}

// UnmarshalText reads a whole number followed by a unit. It fails with fault.Invalid.
func (s *Size) UnmarshalText(text []byte) error {
	for _, u := range units() {
		digits, ok := strings.CutSuffix(string(text), u.name)
		if !ok {
			continue
		}
		n, err := strconv.ParseUint(strings.TrimSpace(digits), 10, 63)
		if err != nil || n > math.MaxInt64/uint64(u.bytes) || Size(int64(n)*u.bytes) > maxSize {
			break
		}
		*s = Size(int64(n) * u.bytes)
		return nil
	}
	return fault.New(fault.Invalid, "bad_byte_size", "want a size such as 64KiB or 10MB, at most 1024TiB")
}

// MarshalText writes the size with the largest unit that holds it exactly.
func (s Size) MarshalText() ([]byte, error) {
	for _, name := range []string{"TiB", "GiB", "MiB", "KiB"} {
		for _, u := range units() {
			if u.name == name && s != 0 && int64(s)%u.bytes == 0 {
				return []byte(strconv.FormatInt(int64(s)/u.bytes, 10) + name), nil
			}
		}
	}
	return []byte(strconv.FormatInt(int64(s), 10) + "B"), nil
}

// String is the size as it is written.
func (s Size) String() string {
	b, _ := s.MarshalText()
	return string(b)
}
