package conf

import (
	"encoding"
	"reflect"
	"strings"
	"time"
	"unicode"

	"github.com/barrage-live/barrage/internal/fault"
)

// leaf is one setting: where it lives in the struct and what may be put there.
type leaf struct {
	key, env   string
	index      []int
	typ        reflect.Type
	def, doc   string
	min, max   string
	oneof      []string
	format     string
	allowEmpty bool
	secret     bool
}

func (lf *leaf) flag() string { return "--" + lf.key }

// planOf lists the settings of the struct that dst points to, in the order of its fields.
func planOf(dst any) (reflect.Value, []leaf, error) {
	v := reflect.ValueOf(dst)
	if v.Kind() != reflect.Pointer || v.IsNil() || v.Elem().Kind() != reflect.Struct {
		return v, nil, badStruct("want a pointer to a struct, got %T", dst)
	}
	p := planner{seen: map[string]string{Prefix + strings.ToUpper(fileKey): fileKey}}
	p.walk(v.Elem().Type(), "", nil)
	if p.err != nil {
		return v, nil, p.err
	}
	return v.Elem(), p.leaves, nil
}

func badStruct(format string, args ...any) error {
	return fault.Newf(fault.Internal, "bad_config_struct", format, args...)
}

type planner struct {
	leaves []leaf
	seen   map[string]string // variable name to key
	err    error
}

func (p *planner) walk(t reflect.Type, prefix string, at []int) {
	for i := range t.NumField() {
		f := t.Field(i)
		inner, ok := structField(f)
		if !ok || p.err != nil {
			continue
		}
		index := append(append([]int(nil), at...), i)
		key := joinKey(prefix, f)
		if inner {
			p.walk(f.Type, key, index)
			continue
		}
		p.add(newLeaf(f, key, index))
	}
}

func (p *planner) add(lf leaf) {
	if other, taken := p.seen[lf.env]; taken {
		p.err = badStruct("keys %s and %s share the variable %s", other, lf.key, lf.env)
		return
	}
	p.seen[lf.env] = lf.key
	if !settable(lf.typ) {
		p.err = badStruct("key %s: a field of type %v cannot be configured; leave it out with conf:\"-\"", lf.key, lf.typ)
		return
	}
	if !lf.checkTags() {
		p.err = badStruct("key %s: its min or max tag does not fit its type", lf.key)
		return
	}
	if lf.def != "" {
		if why := lf.check(raw{kind: rawText, text: lf.def}); why != "" {
			p.err = badStruct("key %s: its default: %s", lf.key, why)
			return
		}
	}
	p.leaves = append(p.leaves, lf)
}

func newLeaf(f reflect.StructField, key string, index []int) leaf {
	return leaf{
		key: key, env: Prefix + strings.ToUpper(strings.ReplaceAll(key, ".", "_")), index: index, typ: f.Type,
		def: f.Tag.Get("default"), doc: f.Tag.Get("doc"),
		min: f.Tag.Get("min"), max: f.Tag.Get("max"), oneof: strings.Fields(f.Tag.Get("oneof")),
		format: f.Tag.Get("format"), allowEmpty: f.Tag.Get("allow") == "empty", secret: f.Tag.Get("secret") == "true",
	}
}

// structField says whether a field belongs to the configuration and whether it is a struct to descend into.
func structField(f reflect.StructField) (inner, ok bool) {
	if !f.IsExported() || f.Tag.Get("conf") == "-" {
		return false, false
	}
	return f.Type.Kind() == reflect.Struct && !isText(f.Type), true
}

func joinKey(prefix string, f reflect.StructField) string {
	name := f.Tag.Get("conf")
	switch {
	case name == "" && f.Anonymous:
		return prefix
	case name == "":
		name = snake(f.Name)
	}
	if prefix == "" {
		return name
	}
	return prefix + "." + name
}

// snake turns MaxLength into max_length and HTTPAddr into http_addr.
func snake(name string) string {
	var b strings.Builder
	runes := []rune(name)
	for i, r := range runes {
		begins := i > 0 && unicode.IsUpper(r) &&
			(!unicode.IsUpper(runes[i-1]) || i+1 < len(runes) && unicode.IsLower(runes[i+1]))
		if begins {
			b.WriteByte('_')
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}

func isText(t reflect.Type) bool { return reflect.PointerTo(t).Implements(textType()) }

func textType() reflect.Type { return reflect.TypeFor[encoding.TextUnmarshaler]() }

func settable(t reflect.Type) bool {
	if isText(t) || t == reflect.TypeFor[time.Duration]() {
		return true
	}
	switch t.Kind() {
	case reflect.Slice:
		return t.Elem().Kind() != reflect.Slice && settable(t.Elem())
	case reflect.Bool, reflect.String, reflect.Float32, reflect.Float64,
		reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return true
	default:
		return false
	}
}
