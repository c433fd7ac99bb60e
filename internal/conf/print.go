package conf

import (
	"encoding"
	"fmt"
	"io"
	"reflect"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
)

// redacted stands for a secret that is set.
const redacted = "(redacted)"

// Print writes the settings of the struct that v points to as YAML that Load reads back, with the origin of
// each value as a comment where origins has it. A secret that is set is written as "(redacted)", one that is
// not as an empty text.
func Print(w io.Writer, v any, origins Origins) error {
	root, leaves, err := planOf(v)
	if err != nil {
		return err
	}
	var b strings.Builder
	var open []string
	for i := range leaves {
		lf := &leaves[i]
		path := strings.Split(lf.key, ".")
		groups := path[:len(path)-1]
		shared := sharedPrefix(open, groups)
		for depth := shared; depth < len(groups); depth++ {
			fmt.Fprintf(&b, "%s%s:\n", indent(depth), groups[depth])
		}
		open = groups
		fmt.Fprintf(&b, "%s%s: %s", indent(len(groups)), path[len(path)-1], lf.yaml(root.FieldByIndex(lf.index)))
		if from := origins[lf.key]; from != "" {
			b.WriteString(" # " + from)
		}
		b.WriteByte('\n')
	}
	_, err = io.WriteString(w, b.String())
	return err
}

func indent(depth int) string { return strings.Repeat("  ", depth) }

func sharedPrefix(a, b []string) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}

func (lf *leaf) yaml(v reflect.Value) string {
	if lf.secret {
		if v.IsZero() {
			return `""`
		}
		return strconv.Quote(redacted)
	}
	if v.Kind() == reflect.Slice && !isText(v.Type()) {
		items := make([]string, v.Len())
		for i := range items {
			items[i] = scalar(v.Index(i))
		}
		return "[" + strings.Join(items, ", ") + "]"
	}
	return scalar(v)
}

func scalar(v reflect.Value) string {
	if text, ok := reflect.TypeAssert[encoding.TextMarshaler](v); ok {
		if b, err := text.MarshalText(); err == nil {
			return strconv.Quote(string(b))
		}
	}
	switch v.Kind() {
	case reflect.String:
		return strconv.Quote(v.String())
	case reflect.Float32, reflect.Float64:
		return strconv.FormatFloat(v.Float(), 'f', -1, 64)
	default:
		if d, ok := reflect.TypeAssert[time.Duration](v); ok {
			return d.String()
		}
		return fmt.Sprint(v.Interface())
	}
}

// Usage writes one line for each setting of the struct that v points to: flag, variable, default, and what
// it is.
func Usage(w io.Writer, v any) error {
	root, leaves, err := planOf(v)
	if err != nil {
		return err
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "  --%s\t%s\t\tpath of a YAML file with settings\n", fileKey, Prefix+strings.ToUpper(fileKey))
	for i := range leaves {
		lf := &leaves[i]
		def := lf.def
		if field := root.FieldByIndex(lf.index); !field.IsZero() && !lf.secret {
			def = strings.Trim(lf.yaml(field), `"`)
		}
		fmt.Fprintf(t, "  %s\t%s\t%s\t%s\n", lf.flag(), lf.env, def, lf.doc)
	}
	return t.Flush()
}
