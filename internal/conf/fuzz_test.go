package conf

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// FuzzYAML loads arbitrary files: no panic, a refusal is made of Faults, and what is accepted prints and
// loads again.
func FuzzYAML(f *testing.F) {
	for _, seed := range []string{
		"", "# nothing\n", "http: \":1\"\n", "live:\n  dvr: 2m\n  steps: [1s, 3s]\n", "live.dvr: 2m\n", "auth: {secret: x}\n",
		"http: &a x\ndata: *a\n", "? [a]\n: b\n", "- - - -\n", "a: |\n  text\n", "\ufefflog: WARN\n", "{{{{[[[[", "http: !!str 1\n", "<<: {http: x}\n",
	} {
		f.Add(seed)
	}
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, text string) {
		l := loader{found: map[string]raw{}}
		var got sample
		target, leaves, err := planOf(&got)
		if err != nil {
			t.Fatal(err)
		}
		l.leaves = leaves
		l.yaml("fuzz.yaml", []byte(text))
		l.fill(target)
		if len(l.faults) > 0 {
			return
		}
		var b strings.Builder
		if err := Print(&b, &got, nil); err != nil {
			t.Fatal(err)
		}
		if got.Auth.Secret != "" {
			return
		}
		path := filepath.Join(dir, "again.yaml")
		if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
			t.Fatal(err)
		}
		var again sample
		if err := Load(&again, Sources{File: path}); err != nil && got.Auth.Cost != 13 {
			t.Fatalf("%q was accepted, printed and refused: %v\n%s", text, err, b.String())
		} else if err == nil && !reflect.DeepEqual(got, again) {
			t.Fatalf("%q: %+v became %+v", text, got, again)
		}
	})
}

// FuzzEnviron loads arbitrary variables and arguments: no panic, and every refusal is made of Faults.
func FuzzEnviron(f *testing.F) {
	f.Add("HTTP", ":1", "--http=:2")
	f.Add("LIVE_DVR", "NaN", "--live.dvr")
	f.Add("PORT_1", "x", "-h")
	f.Add("", "", "--")
	f.Add("LIVE_STEPS", "1s,,2s", "--live.strict")
	f.Add("LIVE_MAX_UNIT", "1KiB", "--config=")
	f.Fuzz(func(t *testing.T, name, value, arg string) {
		if strings.Contains(arg, fileKey) || name == "CONFIG" {
			return // would open files
		}
		err := Load(&sample{}, Sources{Environ: []string{Prefix + name + "=" + value}, Args: []string{arg, value}})
		var fs Faults
		if err != nil && !errors.Is(err, ErrHelp) && !errors.As(err, &fs) {
			t.Fatalf("got %v", err)
		}
		for _, one := range fs {
			if !printable(one.String()) {
				t.Fatalf("a fault that is not fit for a terminal: %q", one.String())
			}
		}
	})
}
