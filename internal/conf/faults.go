package conf

import (
	"cmp"
	"errors"
	"reflect"
	"slices"
	"strings"

	"github.com/barrage-live/barrage/internal/fault"
)

// Fault is one thing that is wrong with the configuration.
type Fault struct {
	// Key is the full dotted name of the setting, empty when the fault belongs to the source as a whole.
	Key string
	// Origin is the source it came from.
	Origin string
	// Reason says in plain words what is wrong; it never holds a secret.
	Reason string
}

// String is the fault on one line.
func (f Fault) String() string {
	parts := make([]string, 0, 2)
	if f.Key != "" {
		parts = append(parts, f.Key)
	}
	line := strings.Join(append(parts, f.Reason), ": ")
	if f.Origin != "" {
		line += " (" + f.Origin + ")"
	}
	return line
}

// Faults are all the faults of one load.
type Faults []Fault

// Error lists the faults, one on a line.
func (fs Faults) Error() string {
	var b strings.Builder
	for _, f := range fs {
		b.WriteString("\n  ")
		b.WriteString(f.String())
	}
	return b.String()
}

func (fs Faults) sort() {
	slices.SortStableFunc(fs, func(a, b Fault) int { return cmp.Compare(a.Key, b.Key) })
}

// validator is what a struct of settings has when single values are not enough to judge it.
type validator interface{ Validate() error }

// validate asks every struct of the tree that has an opinion, the inner ones first.
func (l *loader) validate(root reflect.Value) { l.validateAt(root, "") }

func (l *loader) validateAt(v reflect.Value, prefix string) {
	for field, value := range v.Fields() {
		if inner, ok := structField(field); ok && inner {
			l.validateAt(value, joinKey(prefix, field))
		}
	}
	judge, ok := reflect.TypeAssert[validator](v.Addr())
	if !ok {
		return
	}
	for _, err := range flatten(judge.Validate()) {
		key, reason := prefix, err.Error()
		if f, ok := errors.AsType[*fault.Error](err); ok {
			reason = f.Message
			if f.Field != "" {
				key = strings.TrimPrefix(prefix+"."+f.Field, ".")
			}
		}
		l.refuse(key, "", reason)
	}
}

// flatten opens joined errors so that each becomes a line of its own.
func flatten(err error) []error {
	if err == nil {
		return nil
	}
	var many interface{ Unwrap() []error }
	if !errors.As(err, &many) {
		return []error{err}
	}
	var out []error
	for _, e := range many.Unwrap() {
		out = append(out, flatten(e)...)
	}
	return out
}
