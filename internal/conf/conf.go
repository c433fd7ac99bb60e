package conf

import (
	"errors"
	"reflect"

	"github.com/barrage-live/barrage/internal/fault"
)

// Prefix begins the name of every environment variable that holds a setting.
const Prefix = "BARRAGE_"

// fileKey is the one setting that belongs to the loader itself: the path of the file.
const fileKey = "config"

// ErrHelp is returned by Load when the arguments ask for help.
var ErrHelp = errors.New("help requested")

// Sources says where settings come from. The zero value gives the defaults alone.
type Sources struct {
	// File is the path of a YAML file that must exist; empty means none. --config and BARRAGE_CONFIG
	// override it.
	File string
	// Args are the command line arguments after the subcommand.
	Args []string
	// Environ is the environment in the form of os.Environ; names without Prefix are ignored.
	Environ []string
	// Reserved are names that carry Prefix but are not settings, such as those of build and test tools.
	Reserved []string
}

// Origins tells for each key where its value came from: "default", "file barrage.yaml:3", "env
// BARRAGE_HTTP", "flag --http".
type Origins map[string]string

// Load fills the struct that dst points to. On any fault dst stays untouched.
func Load(dst any, from Sources) error {
	_, err := Explain(dst, from)
	return err
}

// Explain is Load that also tells where every value came from.
func Explain(dst any, from Sources) (Origins, error) {
	target, leaves, err := planOf(dst)
	if err != nil {
		return nil, err
	}
	l := loader{leaves: leaves, found: map[string]raw{}}
	if err := l.args(from.Args); err != nil {
		return nil, err
	}
	l.environ(from.Environ, from.Reserved)
	l.file(from.File)

	fresh := reflect.New(target.Type()).Elem()
	fresh.Set(target)
	origins := l.fill(fresh)
	if len(l.faults) == 0 {
		l.validate(fresh)
	}
	if len(l.faults) > 0 {
		l.faults.sort()
		return nil, fault.Wrap(fault.Invalid, "bad_config", "the configuration was refused", l.faults)
	}
	target.Set(fresh)
	return origins, nil
}

// loader gathers the heaviest raw value of each key; sources are read from the heaviest to the lightest.
type loader struct {
	leaves []leaf
	found  map[string]raw
	path   string // of the file, if a flag or a variable named one
	faults Faults
}

func (l *loader) leaf(key string) *leaf {
	for i := range l.leaves {
		if l.leaves[i].key == key {
			return &l.leaves[i]
		}
	}
	return nil
}

// offer keeps r unless a heavier source has given the key already. A lighter value is still checked, so
// that a bad line in the file does not wait for the day the flag is left out.
func (l *loader) offer(key string, r raw) {
	if _, taken := l.found[key]; !taken {
		l.found[key] = r
		return
	}
	lf := l.leaf(key)
	if why := lf.check(r); why != "" {
		l.refuse(key, r.origin, why)
	}
}

func (l *loader) refuse(key, origin, why string) {
	l.faults = append(l.faults, Fault{Key: key, Origin: origin, Reason: why})
}

func (l *loader) fill(into reflect.Value) Origins {
	origins := Origins{}
	for i := range l.leaves {
		lf := &l.leaves[i]
		field := into.FieldByIndex(lf.index)
		r, given := l.found[lf.key]
		switch {
		case given:
		case field.IsZero() && lf.def != "":
			r = raw{kind: rawText, text: lf.def, origin: originDefault}
		default:
			origins[lf.key] = originDefault
			continue
		}
		v := reflect.New(lf.typ).Elem()
		if why := lf.set(v, r); why != "" {
			l.refuse(lf.key, r.origin, why)
			continue
		}
		field.Set(v)
		origins[lf.key] = r.origin
	}
	return origins
}
