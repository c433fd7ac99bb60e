package conf

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/barrage-live/barrage/internal/fault"
)

// sample has a field of every kind that the loader knows.
type sample struct {
	HTTP   string     `default:":8080" format:"addr" doc:"address of the API and the pages"`
	RTMPS  string     `conf:"rtmps" allow:"empty" format:"addr" doc:"address for RTMP over TLS; empty: off"`
	Data   string     `default:"./data" doc:"folder of everything that is kept"`
	Log    slog.Level `default:"INFO" doc:"least level that is logged"`
	Format string     `default:"text" oneof:"text json" doc:"form of the log"`
	Live   sampleLive
	Auth   sampleAuth
	Origin []string `allow:"empty" doc:"pages that may open sockets"`
	Hidden func()   `conf:"-"`
}

type sampleLive struct {
	DVR       time.Duration `default:"30m" min:"1m" max:"24h" doc:"how far back viewers can seek"`
	Part      time.Duration `default:"500ms" min:"100ms" max:"2s"`
	MaxUnit   Size          `default:"4MiB" min:"1KiB" max:"64MiB"`
	Publisher int           `default:"10" max:"1000"`
	Window    uint16        `default:"6"`
	Ratio     float64       `default:"0.5" max:"1"`
	Offset    int           `min:"-5" max:"5"`
	Strict    bool
	Steps     []time.Duration `default:"1s,2s"`
}

type sampleAuth struct {
	Secret string `secret:"true" allow:"empty" doc:"key that signs playback addresses"`
	Cost   int    `default:"3"`
}

func (a sampleAuth) Validate() error {
	if a.Cost == 13 {
		return errors.Join(fault.New(fault.Invalid, "unlucky", "must not be 13").In("cost"), errors.New("try again"))
	}
	return nil
}

func inFile(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "barrage.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestTheHeavierSourceWins(t *testing.T) {
	t.Parallel()
	file := inFile(t, "http: \":1\"\ndata: /file\nlive:\n  dvr: 2m\n  publisher: 7\n  strict: true\norigin: [a, b]\n")
	var got sample
	origins, err := Explain(&got, Sources{
		Args:    []string{"--live.dvr", "4m", "--live.ratio=0.25", "--live.strict", "false", "--config", file},
		Environ: []string{"BARRAGE_LIVE_DVR=3m", "BARRAGE_DATA=/env", "HOME=/root", "BARRAGE_PORT_8080_TCP=x", "BARRAGE_TOOL=x"},

		Reserved: []string{"BARRAGE_TOOL"},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := sample{
		HTTP: ":1", Data: "/env", Format: "text", Origin: []string{"a", "b"}, Auth: sampleAuth{Cost: 3},
		Live: sampleLive{
			DVR: 4 * time.Minute, Part: 500 * time.Millisecond, MaxUnit: 4 << 20, Publisher: 7, Window: 6,
			Ratio: 0.25, Steps: []time.Duration{time.Second, 2 * time.Second},
		},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	for key, from := range map[string]string{
		"http": "file barrage.yaml:1", "data": "env BARRAGE_DATA", "live.dvr": "flag --live.dvr", "log": "default",
		"live.publisher": "file barrage.yaml:5",
	} {
		if origins[key] != from {
			t.Errorf("origin of %s is %q, want %q", key, origins[key], from)
		}
	}
}

func TestAFieldThatIsSetKeepsItsValue(t *testing.T) {
	t.Parallel()
	got := sample{HTTP: ":99"}
	if err := Load(&got, Sources{}); err != nil || got.HTTP != ":99" || got.Data != "./data" {
		t.Errorf("got %q, %q, %v", got.HTTP, got.Data, err)
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, file string
		args, env  []string
		want       string // part of the message
	}{
		{name: "unknown key in the file", file: "live:\n  dvrr: 3m\n", want: "live.dvrr: unknown key; did you mean live.dvr? (file barrage.yaml:2)"},
		{name: "unknown group", file: "livee:\n  dvr: 3m\n", want: "livee: unknown key"},
		{name: "unknown flag", args: []string{"--live-dvr", "3m"}, want: "live-dvr: unknown key; did you mean live.dvr?"},
		{name: "flag without its group", args: []string{"--dvr=3m"}, want: "did you mean live.dvr?"},
		{name: "unknown variable", env: []string{"BARRAGE_LIVE_DVRS=3m"}, want: "BARRAGE_LIVE_DVRS: unknown variable; did you mean BARRAGE_LIVE_DVR?"},
		{name: "stray argument", args: []string{"serve"}, want: `unexpected argument "serve"`},
		{name: "single dash", args: []string{"-http", ":1"}, want: `unexpected argument "-http"`},
		{name: "flag without value", args: []string{"--http"}, want: "http: needs a value (flag --http)"},
		{name: "duration without unit", file: "live: {dvr: 30}\n", want: "live.dvr: needs a unit, such as 30s"},
		{name: "duration out of bounds", args: []string{"--live.dvr", "25h"}, want: "live.dvr: must be between 1m0s and 24h0m0s"},
		{name: "not a number", env: []string{"BARRAGE_LIVE_RATIO=NaN"}, want: "live.ratio: must be a number between 0 and 1"},
		{name: "size too large", args: []string{"--live.max_unit=65MiB"}, want: "live.max_unit: must be between 1KiB and 64MiB"},
		{name: "size beyond counting", args: []string{"--live.max_unit=99999999999TiB"}, want: "want a size such as"},
		{name: "number for a text", file: "data: 12\n", want: `data: want text, got a number "12"; write it in quotes if it is meant`},
		{name: "text for a number", file: "live:\n  publisher: \"7\"\n", want: "live.publisher: want a whole number, got text"},
		{name: "group for a value", file: "http:\n  addr: x\n", want: "http: want text, got a group of keys"},
		{name: "value for a group", file: "live: 3\n", want: "live: want a group of keys, got a number"},
		{name: "no value", file: "http:\n", want: "http: has no value"},
		{name: "given twice", file: "live.dvr: 2m\nlive:\n  dvr: 2m\n", want: "live.dvr: is given twice"},
		{name: "repeated in the file", file: "http: \":1\"\nhttp: \":2\"\n", want: "already defined"},
		{name: "word not in the list", args: []string{"--format", "xml"}, want: "format: want one of text, json, got \"xml\""},
		{name: "bad address", args: []string{"--http", "localhost"}, want: "http: want host:port or :port"},
		{name: "bad port", args: []string{"--http", ":70000"}, want: "http: want host:port"},
		{name: "anchor", file: "http: &a \":1\"\ndata: *a\n", want: "http: want text, got a group of keys"},
		{name: "tag", file: "http: !!str 12\n", want: "http: want text"},
		{name: "two documents", file: "http: \":1\"\n---\nhttp: \":2\"\n", want: "more than one document"},
		{name: "not a mapping", file: "- a\n", want: "want keys and values"},
		{name: "broken", file: "http: [\n", want: "is not YAML: line"},
		{name: "deep", file: strings.Repeat("[", 10000), want: "open brackets"},
		{name: "huge", file: strings.Repeat("#", maxFile+1), want: "is larger than"},
		{name: "missing file", args: []string{"--config", "/nowhere/x.yaml"}, want: "config: cannot be opened"},
		{name: "a lighter bad value behind a heavier good one", file: "http: 3\n", args: []string{"--http", ":1"}, want: "http: want text, got a number"},
		{name: "judged by the struct", file: "auth: {cost: 13}\n", want: "auth.cost: must not be 13"},
		{name: "second judgement", file: "auth: {cost: 13}\n", want: "auth: try again"},
		{name: "placeholder of a secret", file: "auth: {secret: (redacted)}\n", want: "auth.secret: is the placeholder"},
		{name: "bad list entry", file: "live:\n  steps: [1s, 2]\n", want: "live.steps: entry 2: needs a unit"},
		{name: "bad level", args: []string{"--log", "loud"}, want: "log: "},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			from := Sources{Args: c.args, Environ: c.env}
			if c.file != "" {
				from.File = inFile(t, c.file)
			}
			var got sample
			err := Load(&got, from)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("got %v, want %q in it", err, c.want)
			}
			if fault.KindOf(err) != fault.Invalid || fault.CodeOf(err) != "bad_config" {
				t.Errorf("kind %v code %q", fault.KindOf(err), fault.CodeOf(err))
			}
			if d := cmp.Diff(sample{}, got); d != "" {
				t.Errorf("the struct was touched: %s", d)
			}
		})
	}
}

func TestEveryFaultIsReportedAtOnce(t *testing.T) {
	t.Parallel()
	err := Load(&sample{}, Sources{
		File:    inFile(t, "data: 1\nlive:\n  window: 70000\n"),
		Args:    []string{"--nope", "x", "--live.dvr", "1ms"},
		Environ: []string{"BARRAGE_LIVE_RATIO=2"},
	})
	var fs Faults
	if !errors.As(err, &fs) {
		t.Fatalf("got %v", err)
	}
	var keys []string
	for _, f := range fs {
		keys = append(keys, f.Key)
	}
	if d := cmp.Diff([]string{"data", "live.dvr", "live.ratio", "live.window", "nope"}, keys); d != "" {
		t.Error(d)
	}
}

func TestASecretNeverShows(t *testing.T) {
	t.Parallel()
	const secret = "hunter2-hunter2"
	cfg := sample{Auth: sampleAuth{Secret: secret}}
	var b strings.Builder
	if err := Print(&b, &cfg, nil); err != nil {
		t.Fatal(err)
	}
	if err := Usage(&b, &cfg); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{"auth: {secret: [" + secret + "]}", "auth: {secret: " + secret + "", "auth: {cost: 13, secret: " + secret + "}"} {
		err := Load(&sample{}, Sources{File: inFile(t, file)})
		if err == nil {
			t.Fatalf("%s: accepted", file)
		}
		b.WriteString(err.Error())
	}
	if strings.Contains(b.String(), secret) {
		t.Errorf("the secret shows in:\n%s", b.String())
	}
	if !strings.Contains(b.String(), `secret: "(redacted)"`) {
		t.Errorf("no sign of a secret that is set:\n%s", b.String())
	}
}

func TestPrintedConfigurationLoads(t *testing.T) {
	t.Parallel()
	var first, second sample
	origins, err := Explain(&first, Sources{Args: []string{"--live.dvr", "90s", "--origin", "a,b c", "--data", "C:\\x \"y\" \u00fc"}})
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	if err := Print(&b, &first, origins); err != nil {
		t.Fatal(err)
	}
	if err := Load(&second, Sources{File: inFile(t, b.String())}); err != nil {
		t.Fatalf("%v\n%s", err, b.String())
	}
	if d := cmp.Diff(first, second); d != "" {
		t.Errorf("%s\n%s", d, b.String())
	}
	if !strings.Contains(b.String(), "  dvr: 1m30s # flag --live.dvr\n") {
		t.Error(b.String())
	}
}

func TestUsageListsEverySetting(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	if err := Usage(&b, &sample{}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"--live.max_unit", "BARRAGE_LIVE_MAX_UNIT", "4MiB", "--config", "how far back viewers can seek"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in:\n%s", want, b.String())
		}
	}
	if err := Load(&sample{}, Sources{Args: []string{"--http", ":1", "--help"}}); !errors.Is(err, ErrHelp) {
		t.Errorf("--help gave %v", err)
	}
}

func TestAStructThatCannotBeConfigured(t *testing.T) {
	t.Parallel()
	for name, dst := range map[string]any{
		"not a pointer": sample{},
		"nil":           (*sample)(nil),
		"a channel":     &struct{ C chan int }{},
		"a pointer":     &struct{ P *int }{},
		"a bad default": &struct {
			D time.Duration `default:"soon"`
		}{},
		"a bad bound": &struct {
			D time.Duration `min:"1"`
		}{},
		"two keys of one variable": &struct {
			A struct{ B int }
			C int `conf:"a_b"`
		}{},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if err := Load(dst, Sources{}); fault.CodeOf(err) != "bad_config_struct" {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestKeysAreSnakeCase(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"HTTP": "http", "MaxLength": "max_length", "DVR": "dvr", "HTTPAddr": "http_addr", "A": "a", "PartHTTP": "part_http",
	} {
		if got := snake(in); got != want {
			t.Errorf("snake(%s) = %s, want %s", in, got, want)
		}
	}
}

func TestSizes(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"512B": "512B", "1024B": "1KiB", "64KiB": "64KiB", "1 MiB": "1MiB", "10MB": "10000000B", "0B": "0B", "3TiB": "3TiB",
	} {
		got, err := parseSize(in)
		if err != nil || got.String() != want {
			t.Errorf("%s gives %v, %v; want %s", in, got, err, want)
		}
	}
	for _, in := range []string{"", "B", "-1B", "1", "1.5MiB", "1e3B", "9223372036854775807KiB", "2000TiB", "1mib"} {
		if got, err := parseSize(in); fault.KindOf(err) != fault.Invalid || err == nil {
			t.Errorf("%q gives %v, %v", in, got, err)
		}
	}
}
