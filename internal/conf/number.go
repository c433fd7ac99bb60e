package conf

import (
	"fmt"
	"math"
	"net"
	"reflect"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

func printable(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, unicode.IsControl)
}

func (lf *leaf) checkAddr(s string) string {
	_, port, err := net.SplitHostPort(s)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err != nil {
		return "want host:port or :port" + lf.shown(s)
	}
	return ""
}

func (lf *leaf) setDuration(v reflect.Value, r raw) string {
	if r.kind == rawNumber {
		return "needs a unit, such as " + clip(r.text) + "s"
	}
	d, err := time.ParseDuration(r.text)
	if r.kind == rawBool || err != nil {
		return lf.mistyped(v, r)
	}
	lo, hi := bounds(lf, 0, maxDuration, time.ParseDuration)
	if d < lo || d > hi {
		return fmt.Sprintf("must be between %v and %v%s", lo, hi, lf.shown(r.text))
	}
	v.SetInt(int64(d))
	return ""
}

func (lf *leaf) setInt(v reflect.Value, r raw) string {
	n, err := strconv.ParseInt(r.text, 10, 64)
	if r.kind != rawText && r.kind != rawNumber || err != nil || strings.HasPrefix(r.text, "+") {
		return lf.mistyped(v, r)
	}
	lo, hi := bounds(lf, 0, maxInteger, parseInt)
	if n < lo || n > hi || v.OverflowInt(n) {
		return fmt.Sprintf("must be between %d and %d%s", lo, hi, lf.shown(r.text))
	}
	v.SetInt(n)
	return ""
}

func (lf *leaf) setUint(v reflect.Value, r raw) string {
	n, err := strconv.ParseUint(r.text, 10, 64)
	if r.kind != rawText && r.kind != rawNumber || err != nil {
		return lf.mistyped(v, r)
	}
	lo, hi := bounds(lf, 0, maxInteger, parseInt)
	if n > math.MaxInt64 || int64(n) < lo || int64(n) > hi || v.OverflowUint(n) {
		return fmt.Sprintf("must be between %d and %d%s", lo, hi, lf.shown(r.text))
	}
	v.SetUint(n)
	return ""
}

// bounds are those of the tags, or lo and hi where a tag is missing. checkTags has seen that the tags can
// be read.
func bounds[T any](lf *leaf, lo, hi T, parse func(string) (T, error)) (low, high T) {
	if v, err := parse(lf.min); lf.min != "" && err == nil {
		lo = v
	}
	if v, err := parse(lf.max); lf.max != "" && err == nil {
		hi = v
	}
	return lo, hi
}

func parseInt(s string) (int64, error) { return strconv.ParseInt(s, 10, 64) }

func parseFloat(s string) (float64, error) { return strconv.ParseFloat(s, 64) }

func parseSize(s string) (size Size, err error) { return size, size.UnmarshalText([]byte(s)) }

func (lf *leaf) checkSize(size Size) string {
	lo, hi := bounds(lf, 0, maxSize, parseSize)
	if size < lo || size > hi {
		return fmt.Sprintf("must be between %v and %v%s", lo, hi, lf.shown(size.String()))
	}
	return ""
}

// checkTags says whether the min and max tags are of the setting's own type.
func (lf *leaf) checkTags() bool {
	t := lf.typ
	if t.Kind() == reflect.Slice && !isText(t) {
		t = t.Elem()
	}
	ok := func(tag string) bool {
		var err error
		switch {
		case tag == "":
		case t == reflect.TypeFor[time.Duration]():
			_, err = time.ParseDuration(tag)
		case t == reflect.TypeFor[Size]():
			_, err = parseSize(tag)
		case isText(t) || t.Kind() == reflect.String || t.Kind() == reflect.Bool:
			return false
		case t.Kind() == reflect.Float32 || t.Kind() == reflect.Float64:
			_, err = parseFloat(tag)
		default:
			_, err = parseInt(tag)
		}
		return err == nil
	}
	return ok(lf.min) && ok(lf.max)
}

func (lf *leaf) setFloat(v reflect.Value, r raw) string {
	f, err := strconv.ParseFloat(r.text, 64)
	if r.kind != rawText && r.kind != rawNumber || err != nil || strings.ContainsAny(r.text, "xXpP_") {
		return lf.mistyped(v, r)
	}
	lo, hi := bounds(lf, 0, maxFloat, parseFloat)
	if !(f >= lo && f <= hi) || v.OverflowFloat(f) {
		return fmt.Sprintf("must be a number between %v and %v%s", lo, hi, lf.shown(r.text))
	}
	v.SetFloat(f)
	return ""
}
