package e2e

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// result is a process that has ended.
type result struct {
	code        int
	out, errOut string
}

// command runs the binary with the variables to its end.
func command(t *testing.T, variables []string, args ...string) result {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, binary, args...)
	cmd.Env = append(environment(), variables...)
	cmd.Dir = t.TempDir() // a server that starts against expectation leaves its data there
	var out, errOut bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errOut
	if err := cmd.Run(); err != nil {
		if _, ended := errors.AsType[*exec.ExitError](err); !ended || ctx.Err() != nil {
			t.Fatalf("barrage %s: %v\n%s", strings.Join(args, " "), err, errOut.String())
		}
	}
	return result{cmd.ProcessState.ExitCode(), out.String(), errOut.String()}
}

func file(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "barrage.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestDemoShowsAPictureAndChats runs `barrage demo` as a newcomer does, sees it live, hears a bot, and ends
// it without a trace.
func TestDemoShowsAPictureAndChats(t *testing.T) {
	folder := t.TempDir()
	cmd := exec.Command(binary, "demo", "--http", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--rtmp", "127.0.0.1:0")
	cmd.Env = append(environment(), "TMPDIR="+folder)
	var errOut bytes.Buffer
	cmd.Stderr = &errOut
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	s := &server{cmd: cmd, addrs: map[string]string{}, stopped: make(chan struct{})}
	announced := make(chan *url.URL, 1)
	go func() {
		announce(out, announced)
		s.err = cmd.Wait()
		close(s.stopped)
	}()
	t.Cleanup(s.kill)
	select {
	case page := <-announced:
		s.addrs["http"] = page.Host
		if page.Path != "/@demo" {
			t.Errorf("the demo announced %s", page)
		}
	case <-s.stopped:
		t.Fatalf("the demo ended by itself: %v\n%s", s.err, errOut.String())
	case <-time.After(60 * time.Second):
		t.Fatal("the demo did not say where it is")
	}
	var ch struct{ Room string }
	if err := s.call(t.Context(), http.MethodGet, "/v1/channels/demo", "", nil, &ch, http.StatusOK); err != nil {
		t.Fatal(err)
	}
	heard := listen(t, s, streamer{Room: ch.Room})
	await(t, "the demo is live", 60*time.Second, func() bool { return s.channel(t, "demo").Live })
	await(t, "a bot says something", 60*time.Second, func() bool { return heard.count() > 0 })
	if code := s.stop(t); code != 0 {
		t.Errorf("exit code %d\n%s", code, errOut.String())
	}
	left, err := os.ReadDir(folder)
	if err != nil || len(left) > 0 {
		t.Errorf("the demo left %v behind (%v)", left, err)
	}
}

// announce finds the address of the page in what the demo prints, and reads on to the end so that the demo
// can go on printing.
func announce(out io.Reader, found chan<- *url.URL) {
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if _, at, ok := strings.Cut(lines.Text(), "Barrage is live:"); ok {
			if page, err := url.Parse(strings.TrimSpace(at)); err == nil {
				found <- page
			}
		}
	}
}

// TestFirstAdministrator makes one on the folder of a stopped server, whose printed password logs in with
// the role.
func TestFirstAdministrator(t *testing.T) {
	data := t.TempDir()
	made := command(t, nil, "admin", "create", "root", "--data", data)
	_, password, ok := strings.Cut(made.out, "password")
	password = strings.TrimSpace(password)
	if made.code != 0 || !ok || password == "" || !strings.Contains(made.out, "root") {
		t.Fatalf("admin create: %+v", made)
	}
	s := start(t, data)
	var login struct {
		AccessToken string `json:"access_token"`
	}
	in := map[string]string{"handle": "root", "password": password}
	if err := s.call(t.Context(), http.MethodPost, "/v1/auth/login", "", in, &login, http.StatusOK); err != nil {
		t.Fatal(err)
	}
	var me struct{ Roles []string }
	if err := s.call(t.Context(), http.MethodGet, "/v1/me", login.AccessToken, nil, &me, http.StatusOK); err != nil {
		t.Fatal(err)
	}
	if !slices.Contains(me.Roles, "admin") {
		t.Errorf("the administrator's roles are %q", me.Roles)
	}
	if beside := command(t, nil, "admin", "create", "second", "--data", data); beside.code != 1 || beside.out != "" {
		t.Errorf("admin create beside a running server: %+v", beside)
	}
	if code := s.stop(t); code != 0 {
		t.Errorf("exit code %d", code)
	}
	if again := command(t, nil, "admin", "create", "root", "--data", data); again.code != 1 || again.out != "" {
		t.Errorf("admin create of a handle that is taken: %+v", again)
	}
}

func TestMisspeltSettingsEndTheProcess(t *testing.T) {
	for name, c := range map[string]struct {
		variables, args []string
		says            string
	}{
		"flag":            {nil, []string{"--nonsense", "1"}, "nonsense"},
		"key of the file": {nil, []string{"--config", file(t, "log:\n  nonsense: debug\n")}, "log.nonsense"},
		"variable":        {[]string{"BARRAGE_NONSENSE=1"}, nil, "BARRAGE_NONSENSE"},
		"value":           {nil, []string{"--log.level", "loud"}, "log.level"},
	} {
		t.Run(name, func(t *testing.T) {
			got := command(t, c.variables, append([]string{"serve"}, c.args...)...)
			if got.code != 2 || !strings.Contains(got.errOut, c.says) {
				t.Errorf("code %d, stderr %q; want 2 and %q", got.code, got.errOut, c.says)
			}
		})
	}
}

// TestConfigTellsWhereSettingsComeFrom sets one by each source.
func TestConfigTellsWhereSettingsComeFrom(t *testing.T) {
	got := command(t, []string{"BARRAGE_ROOM_RETENTION=48h"},
		"config", "--config", file(t, "log:\n  level: debug\n"), "--http", ":9001")
	if got.code != 0 {
		t.Fatalf("%+v", got)
	}
	for _, want := range []string{
		`http: ":9001" # flag --http`, `level: "debug" # file barrage.yaml:2`,
		`retention: 48h0m0s # env BARRAGE_ROOM_RETENTION`, `rtmp: ":1935" # default`,
	} {
		if !strings.Contains(got.out, want+"\n") {
			t.Errorf("no line %q in\n%s", want, got.out)
		}
	}
}

func TestSmallCommands(t *testing.T) {
	if got := command(t, nil, "version"); got.code != 0 || len(strings.Fields(got.out)) != 2 {
		t.Errorf("version: %+v", got)
	}
	if got := command(t, nil, "help"); got.code != 0 || !strings.Contains(got.out, "barrage serve") {
		t.Errorf("help: %+v", got)
	}
	if got := command(t, nil, "sevre"); got.code != 2 || !strings.Contains(got.errOut, `"sevre"`) {
		t.Errorf("an unknown command: %+v", got)
	}
	if got := command(t, nil); got.code != 2 {
		t.Errorf("no command: %+v", got)
	}
}
