package e2e

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// binary is the program under test, built once by TestMain.
var binary string

func TestMain(m *testing.M) {
	os.Exit(run(m))
}

func run(m *testing.M) int {
	if os.Getenv(besideVariable) != "" {
		return serveBeside()
	}
	if binary = os.Getenv("BARRAGE_BINARY"); binary == "" {
		dir, err := os.MkdirTemp("", "barrage-e2e")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(dir)
		binary = filepath.Join(dir, "barrage")
		build := exec.Command("go", "build", "-o", binary, "../..")
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := build.CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "build: %v\n%s", err, out)
			return 1
		}
	}
	return m.Run()
}

// server is one running process of the binary.
type server struct {
	cmd     *exec.Cmd
	data    string
	addrs   map[string]string // listener -> host:port
	stopped chan struct{}     // closed when the process has ended
	err     error             // of Wait; read after stopped

	mu  sync.Mutex
	log bytes.Buffer
}

// start runs `barrage serve` on free ports over the data folder and returns once every listener is up.
func start(t *testing.T, data string, args ...string) *server {
	t.Helper()
	s, err := launch(data, args...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.kill()
		if t.Failed() {
			t.Logf("server log:\n%s", s.logs())
		}
	})
	return s
}

func launch(data string, args ...string) (*server, error) {
	s := &server{data: data, addrs: map[string]string{}, stopped: make(chan struct{})}
	// What actors say to each other crosses as data here, as it does between nodes; figures are of the
	// default, which is not to.
	encode := strconv.FormatBool(os.Getenv("BARRAGE_BARS") == "")
	s.cmd = exec.Command(binary, append([]string{
		"serve", "--http", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--rtmp", "127.0.0.1:0",
		"--data", data, "--log.format", "json", "--cluster.encode=" + encode,
		"--live.reserve", "1MiB", // whatever room the machine of the tests has
	}, args...)...)
	s.cmd.Env = environment()
	out, err := s.cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	ready := make(chan struct{})
	go s.follow(out, ready)
	select {
	case <-ready:
		return s, nil
	case <-s.stopped:
		return nil, fmt.Errorf("the server ended before it was ready: %w\n%s", s.err, s.logs())
	case <-time.After(30 * time.Second):
		s.kill()
		return nil, fmt.Errorf("the server was not ready in 30 s\n%s", s.logs())
	}
}

// environment is that of the tests without BARRAGE_*: the binary reads those as settings, and those of
// whoever runs the tests are not meant for it.
func environment() []string {
	return slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "BARRAGE_") })
}

// follow keeps the log and collects the addresses from the "listening" lines until "ready".
func (s *server) follow(out io.Reader, ready chan<- struct{}) {
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		s.mu.Lock()
		s.log.Write(lines.Bytes())
		s.log.WriteByte('\n')
		s.mu.Unlock()
		var l struct{ Msg, Listener, Addr string }
		if json.Unmarshal(lines.Bytes(), &l) != nil {
			continue
		}
		switch l.Msg {
		case "listening":
			s.addrs[l.Listener] = l.Addr
		case "ready":
			if ready != nil {
				close(ready)
				ready = nil
			}
		}
	}
	s.err = s.cmd.Wait()
	close(s.stopped)
}

func (s *server) logs() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.log.String()
}

// kill ends the process at once, as a power cut would, and waits for its end.
func (s *server) kill() {
	_ = s.cmd.Process.Kill()
	<-s.stopped
}

// stop asks the process to end and returns its exit code.
func (s *server) stop(t *testing.T) int {
	t.Helper()
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	select {
	case <-s.stopped:
	case <-time.After(40 * time.Second):
		t.Fatalf("the server did not stop in 40 s\n%s", s.logs())
	}
	return s.cmd.ProcessState.ExitCode()
}

func (s *server) url(path string) string { return "http://" + s.addrs["http"] + path }
func (s *server) ws() string             { return "ws://" + s.addrs["http"] + "/ws" }
func (s *server) rtmp(key string) string { return "rtmp://" + s.addrs["rtmp"] + "/live/" + key }

// call sends JSON and decodes the JSON answer into out; want is the status expected.
func (s *server) call(ctx context.Context, method, path, token string, in, out any, want int) error {
	return s.callBy(ctx, http.DefaultClient, method, path, token, in, out, want)
}

// callBy is call from wherever the client is.
func (s *server) callBy(ctx context.Context, client *http.Client, method, path, token string, in, out any, want int) error {
	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, s.url(path), body)
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	res, err := client.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		return err
	}
	if res.StatusCode != want {
		return fmt.Errorf("%s %s: %s, want %d: %s", method, path, res.Status, want, strings.TrimSpace(string(b)))
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(b, out)
}

// streamer is an account with a channel and a key to it.
type streamer struct {
	Token   string
	User    string
	Channel string
	Room    string
	Key     string
}

const password = "correct horse battery"

// account registers and returns the access token and the user id.
func (s *server) account(t *testing.T, handle string) (token, user string) {
	t.Helper()
	token, user, err := s.register(t.Context(), http.DefaultClient, handle)
	if err != nil {
		t.Fatal(err)
	}
	return token, user
}

func (s *server) register(ctx context.Context, client *http.Client, handle string) (token, user string, err error) {
	var reply struct {
		AccessToken string `json:"access_token"`
		User        struct{ ID string }
	}
	in := map[string]string{"handle": handle, "password": password}
	err = s.callBy(ctx, client, http.MethodPost, "/v1/auth/register", "", in, &reply, http.StatusCreated)
	if err == nil && (reply.AccessToken == "" || reply.User.ID == "") {
		err = errors.New("register answered without token or user")
	}
	return reply.AccessToken, reply.User.ID, err
}

// streamer registers an account with a channel of the same name and mints a key.
func (s *server) streamer(t *testing.T, name string) streamer {
	t.Helper()
	st := streamer{Channel: name}
	st.Token, st.User = s.account(t, name)
	var ch struct{ ID, Name, Room string }
	err := s.call(t.Context(), http.MethodPost, "/v1/channels", st.Token,
		map[string]string{"name": name, "title": "The channel of " + name}, &ch, http.StatusCreated)
	if err != nil {
		t.Fatal(err)
	}
	st.Room = ch.Room
	var key struct {
		StreamKey string `json:"stream_key"`
	}
	if err := s.call(t.Context(), http.MethodPost, "/v1/channels/"+name+"/keys", st.Token, struct{}{}, &key, http.StatusCreated); err != nil {
		t.Fatal(err)
	}
	st.Key = key.StreamKey
	return st
}

// sample finds the value of a metric without labels in the Prometheus text format.
func sample(t *testing.T, body io.Reader, name string) float64 {
	t.Helper()
	lines := bufio.NewScanner(body)
	for lines.Scan() {
		if rest, ok := strings.CutPrefix(lines.Text(), name+" "); ok {
			v, err := strconv.ParseFloat(rest, 64)
			if err != nil {
				t.Fatal(err)
			}
			return v
		}
	}
	t.Fatalf("no metric %s", name)
	return 0
}
