package conf

import (
	"encoding"
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/barrage-live/barrage/internal/fault"
)

// Bounds that hold where a field names none of its own.
const (
	maxInteger  = math.MaxInt32
	maxDuration = 10 * 365 * 24 * time.Hour
	maxFloat    = 1e15
	maxText     = 4096 // bytes
	maxItems    = 256  // in a list
)

// originDefault is the origin of a value that no source gave.
const originDefault = "default"

// rawKind is what a source said a value is. Flags and variables have text only; the file has types.
type rawKind uint8

const (
	rawText   rawKind = iota // from a flag, a variable or a tag: to be read as the field's type
	rawString                // a YAML string
	rawNumber                // a YAML number, as written
	rawBool
	rawNull
	rawList
	rawMap
)

// raw is a value before it has the field's type.
type raw struct {
	kind   rawKind
	text   string
	items  []raw
	origin string
}

func (r raw) what() string {
	switch r.kind {
	case rawText, rawString:
		return "text"
	case rawNumber:
		return "a number"
	case rawBool:
		return "a boolean"
	case rawNull:
		return "nothing"
	case rawList:
		return "a list"
	case rawMap:
		return "a group of keys"
	}
	return "something unknown"
}

// check tells what is wrong with r for this setting, empty if nothing is.
func (lf *leaf) check(r raw) string { return lf.set(reflect.New(lf.typ).Elem(), r) }

// set puts r into v, a value of the setting's type, or tells why it cannot.
func (lf *leaf) set(v reflect.Value, r raw) string {
	if r.kind == rawNull {
		return "has no value; give one or remove the key"
	}
	if v.Kind() == reflect.Slice && !isText(v.Type()) {
		return lf.setList(v, r)
	}
	return lf.setOne(v, r)
}

func (lf *leaf) setList(v reflect.Value, r raw) string {
	items := r.items
	switch r.kind {
	case rawList:
	case rawText:
		for word := range strings.SplitSeq(r.text, ",") {
			items = append(items, raw{kind: rawText, text: strings.TrimSpace(word)})
		}
		if r.text == "" && lf.allowEmpty {
			items = nil
		}
	default:
		return "want a list, got " + r.what()
	}
	if len(items) > maxItems {
		return fmt.Sprintf("has %d entries, more than %d", len(items), maxItems)
	}
	if len(items) == 0 && !lf.allowEmpty {
		return "is empty"
	}
	if len(items) == 0 {
		v.SetZero()
		return ""
	}
	entry := *lf
	entry.allowEmpty = false // which speaks of the list, not of its entries
	out := reflect.MakeSlice(v.Type(), len(items), len(items))
	for i, item := range items {
		if item.kind == rawNull {
			return fmt.Sprintf("entry %d has no value", i+1)
		}
		if why := entry.setOne(out.Index(i), item); why != "" {
			return fmt.Sprintf("entry %d: %s", i+1, why)
		}
	}
	v.Set(out)
	return ""
}

func (lf *leaf) setOne(v reflect.Value, r raw) string {
	if r.kind == rawList || r.kind == rawMap {
		return "want " + lf.want(v.Type()) + ", got " + r.what()
	}
	if len(r.text) > maxText {
		return fmt.Sprintf("is %d bytes long, more than %d", len(r.text), maxText)
	}
	switch {
	case isText(v.Type()):
		return lf.setText(v, r)
	case v.Type() == reflect.TypeFor[time.Duration]():
		return lf.setDuration(v, r)
	}
	switch v.Kind() {
	case reflect.Bool:
		return lf.setBool(v, r)
	case reflect.String:
		return lf.setString(v, r)
	case reflect.Float32, reflect.Float64:
		return lf.setFloat(v, r)
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return lf.setInt(v, r)
	default:
		return lf.setUint(v, r)
	}
}

// want names the setting's type for people.
func (lf *leaf) want(t reflect.Type) string {
	switch {
	case t == reflect.TypeFor[time.Duration]():
		return "a duration such as 30s"
	case t == reflect.TypeFor[Size]():
		return "a size such as 64MiB"
	case isText(t):
		return "text"
	}
	switch t.Kind() {
	case reflect.Bool:
		return "true or false"
	case reflect.String:
		return "text"
	case reflect.Float32, reflect.Float64:
		return "a number"
	default:
		return "a whole number"
	}
}

func (lf *leaf) mistyped(v reflect.Value, r raw) string {
	if lf.secret {
		return "want " + lf.want(v.Type())
	}
	return fmt.Sprintf("want %s, got %s %s", lf.want(v.Type()), r.what(), strconv.Quote(clip(r.text)))
}

func clip(s string) string {
	const most = 40
	if len(s) <= most {
		return s
	}
	return s[:most] + "..."
}

func (lf *leaf) setBool(v reflect.Value, r raw) string {
	if r.kind != rawText && r.kind != rawBool || r.text != "true" && r.text != "false" {
		return lf.mistyped(v, r)
	}
	v.SetBool(r.text == "true")
	return ""
}

func (lf *leaf) setString(v reflect.Value, r raw) string {
	if r.kind != rawText && r.kind != rawString {
		return lf.mistyped(v, r) + "; write it in quotes if it is meant"
	}
	if why := lf.checkString(r.text); why != "" {
		return why
	}
	v.SetString(r.text)
	return ""
}

func (lf *leaf) checkString(s string) string {
	switch {
	case s == "" && lf.allowEmpty:
		return ""
	case strings.TrimSpace(s) == "":
		return "is empty"
	case lf.secret && s == redacted:
		return "is the placeholder that stands for a secret in a printed configuration"
	case !printable(s):
		return "holds control characters or is not UTF-8"
	case len(lf.oneof) > 0 && !slices.Contains(lf.oneof, s):
		return "want one of " + strings.Join(lf.oneof, ", ") + lf.shown(s)
	case lf.format == "addr":
		return lf.checkAddr(s)
	}
	return ""
}

// shown quotes a refused value, unless it is a secret.
func (lf *leaf) shown(s string) string {
	if lf.secret {
		return ""
	}
	return ", got " + strconv.Quote(clip(s))
}

func (lf *leaf) setText(v reflect.Value, r raw) string {
	if r.kind != rawText && r.kind != rawString {
		return lf.mistyped(v, r)
	}
	if why := lf.checkString(r.text); why != "" {
		return why
	}
	reader, _ := reflect.TypeAssert[encoding.TextUnmarshaler](v.Addr())
	if err := reader.UnmarshalText([]byte(r.text)); err != nil {
		return lf.notUnderstood(err, r.text)
	}
	if size, ok := reflect.TypeAssert[Size](v); ok {
		return lf.checkSize(size)
	}
	return ""
}

func (lf *leaf) notUnderstood(err error, text string) string {
	if lf.secret {
		return "is not understood"
	}
	if f, ok := errors.AsType[*fault.Error](err); ok {
		return f.Message + lf.shown(text)
	}
	return err.Error() + lf.shown(text)
}
