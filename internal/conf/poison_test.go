package conf

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// poison is one wrong value for one key through one source.
type poison struct {
	name string
	key  string
	from func(t *testing.T) Sources
}

// poisons are wrong for every setting of the kind: type-confused, not a number, empty, huge, hostile.
func poisons(lf *leaf) (inFile, asText []string) {
	inFile = []string{
		"", "~", "null", "{}", "{a: 1}", "{a: {b: [1]}}", "[[1]]", "[{}]", "[null]", "!!binary aGk=", "&x 1", "*x", "<<: 1",
		".nan", ".inf", "-.inf", "\"" + strings.Repeat("x", maxText+1) + "\"", "\"a\\0b\"", "\"\\u0007\"",
	}
	asText = []string{strings.Repeat("9", maxText+1), "a\x00b", "\x1b[2J", "\xff\xfe", " \t ", "\r\n"}
	numeric := []string{"NaN", "+Inf", "-Inf", "1e999", "0x10", "1_000", "1,5", "٣", "99999999999999999999999999", "true", "no", "'; DROP TABLE", "-1e-400x"}
	switch lf.want(lf.typ) {
	case "text":
		inFile = append(inFile, "12", "0x1F", "1.5", "true", "2026-01-01: 1")
	case "true or false":
		inFile = append(inFile, "yes", "on", "1", "0", "\"true\"", "TRUEISH", "2026-01-01")
		asText = append(append(asText, numeric[:9]...), "yes", "on", "TRUE", "1", "0", "y")
	case "a duration such as 30s":
		inFile = append(inFile, "30", "1.5", "true", "1:30", "30 seconds", "P1D", "9999999h", "1e400", "-1s", "1e9s")
		asText = append(append(asText, numeric...), "30", "-1s", "9223372036854775807ns", "1d", "s", ".s")
	case "a size such as 64MiB":
		inFile = append(inFile, "30", "1.5", "true", "-1MiB", "1 potato", "1e9B")
		asText = append(append(asText, numeric...), "30", "-1B", "9223372036854775807TiB", "MiB", "1.5MiB")
	case "a number", "a whole number":
		inFile = append(inFile, "\"1\"", "true", "1e400", "1s", "99999999999999999999", "1e300", "0b1", "0o7x", "-99")
		asText = append(append(asText, numeric...), "-99", "1s", "9223372036854775808", "1e300")
	}
	if !lf.allowEmpty {
		inFile = append(inFile, "\"\"", "[]")
		asText = append(asText, "")
	}
	return inFile, asText
}

func everyPoison(leaves []leaf) []poison {
	var out []poison
	add := func(name, key string, from func(*testing.T) Sources) {
		out = append(out, poison{fmt.Sprintf("%s %.40q", key+" "+name, name), key, from})
	}
	for i := range leaves {
		lf := &leaves[i]
		scalar := *lf
		if lf.typ.Kind().String() == "slice" {
			scalar.typ = lf.typ.Elem()
		}
		files, texts := poisons(&scalar)
		for _, v := range files {
			path := strings.Split(lf.key, ".")
			text := strings.Join(path[:len(path)-1], "") + ":\n  " + path[len(path)-1] + ": " + v + "\n"
			if len(path) == 1 {
				text = lf.key + ": " + v + "\n"
			}
			add("file "+v, lf.key, func(t *testing.T) Sources { t.Helper(); return Sources{File: inFile(t, text)} })
		}
		for _, v := range texts {
			add("env "+v, lf.key, func(*testing.T) Sources { return Sources{Environ: []string{lf.env + "=" + v}} })
			add("flag "+v, lf.key, func(*testing.T) Sources { return Sources{Args: []string{lf.flag() + "=" + v}} })
		}
	}
	return out
}

// TestPoisonIsRefused puts wrong values into every key through every source. Each must be refused with the
// key's name (or, when the file is not even YAML, with its line), within bounded time, and leave the
// running settings alone.
func TestPoisonIsRefused(t *testing.T) {
	t.Parallel()
	_, leaves, err := planOf(&sample{})
	if err != nil {
		t.Fatal(err)
	}
	all := everyPoison(leaves)
	if len(all) < 500 {
		t.Fatalf("only %d poisoned values", len(all))
	}
	t.Logf("%d poisoned values over %d keys", len(all), len(leaves))
	running := sample{HTTP: ":7", Live: sampleLive{DVR: time.Hour}}
	for _, p := range all {
		got := running
		from := p.from(t)
		begin := time.Now()
		err := Load(&got, from)
		if took := time.Since(begin); took > 10*time.Second {
			t.Errorf("%s: took %v", p.name, took)
		}
		if d := cmp.Diff(running, got); d != "" {
			t.Errorf("%s: changed the running settings: %s", p.name, d)
		}
		var fs Faults
		if !errors.As(err, &fs) {
			t.Errorf("%s: got %v, want a refusal", p.name, err)
			continue
		}
		named := slices.ContainsFunc(fs, func(f Fault) bool {
			return strings.HasPrefix(f.Key, p.key) || f.Key == fileKey && strings.Contains(f.Reason, "YAML: line") ||
				f.Key == fileKey && strings.Contains(f.Reason, "control characters")
		})
		if !named {
			t.Errorf("%s: the refusal does not name the key: %v", p.name, err)
		}
	}
}
