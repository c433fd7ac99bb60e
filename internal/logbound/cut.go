package logbound

import (
	"fmt"
	"log/slog"
	"strings"
)

// Bounds of one value in bytes, before the handler quotes it. Errors carry stacks.
const (
	maxValue      = 1 << 10
	maxErrorValue = 16 << 10
)

// cutRecord bounds the attributes of a record. It gives the same record if all are short.
func cutRecord(r slog.Record, most int) slog.Record {
	short := true
	r.Attrs(func(a slog.Attr) bool {
		_, whole := cutValue(a.Value, most)
		short = whole
		return whole
	})
	if short {
		return r
	}
	out := slog.NewRecord(r.Time, r.Level, r.Message, r.PC)
	r.Attrs(func(a slog.Attr) bool {
		a.Value, _ = cutValue(a.Value, most)
		out.AddAttrs(a)
		return true
	})
	return out
}

// cutAttrs is attrs with values of at most so many bytes; what it is given is not changed.
func cutAttrs(attrs []slog.Attr, most int) []slog.Attr {
	out := make([]slog.Attr, len(attrs))
	for i, a := range attrs {
		a.Value, _ = cutValue(a.Value, most)
		out[i] = a
	}
	return out
}

// cutValue bounds what a value takes as text, and reports whether it was short enough. Values of kinds that
// are always short are not looked at.
func cutValue(v slog.Value, most int) (out slog.Value, whole bool) {
	v = v.Resolve()
	switch v.Kind() { //nolint:exhaustive // the others are numbers and times
	case slog.KindString:
		if s := v.String(); len(s) > most {
			return slog.StringValue(cut(s, most)), false
		}
	case slog.KindAny:
		if s := fmt.Sprintf("%+v", v.Any()); len(s) > most {
			return slog.StringValue(cut(s, most)), false
		}
	case slog.KindGroup:
		group, whole := make([]slog.Attr, 0, len(v.Group())), true
		for _, a := range v.Group() {
			cut, short := cutValue(a.Value, most)
			group, whole = append(group, slog.Attr{Key: a.Key, Value: cut}), whole && short
		}
		return slog.GroupValue(group...), whole
	}
	return v, true
}

func cut(s string, most int) string {
	return fmt.Sprintf("%s… (%d bytes more)", strings.ToValidUTF8(s[:most], "\uFFFD"), len(s)-most)
}
