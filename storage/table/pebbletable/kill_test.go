package pebbletable_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/barrage-live/barrage/storage/table"
	"github.com/barrage-live/barrage/storage/table/pebbletable"
)

const (
	killDir = "PEBBLETABLE_KILL_DIR"
	// killRows is how many rows one batch has.
	killRows = 3
)

// TestMain is the test, or the process it kills.
func TestMain(m *testing.M) {
	if dir := os.Getenv(killDir); dir != "" {
		fmt.Fprintln(os.Stderr, victim(dir))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// victim writes until it is killed, and says on its standard output what was acknowledged.
func victim(dir string) error {
	d, err := pebbletable.Open(pebbletable.Config{Dir: dir})
	if err != nil {
		return err
	}
	s := table.New(d)
	round := os.Getpid()
	failed := make(chan error)
	for w := range 8 {
		go func() {
			for i := 0; ; i++ {
				tag := fmt.Sprintf("%d.%d.%d", round, w, i)
				b := table.Batch{Table: table.Shared("t"), Partition: fmt.Sprint("p", w)}
				for row := range killRows {
					b.Ops = append(b.Ops, table.PutIfAbsent(fmt.Appendf(nil, "%s/%d", tag, row), []byte(tag)))
				}
				if _, err := s.Write(context.Background(), b); err != nil {
					failed <- err
					return
				}
				if _, err := fmt.Println(tag); err != nil {
					failed <- err
					return
				}
			}
		}()
	}
	return <-failed
}

// TestKill kills a writing process again and again: what it said was written must be there, and no batch in
// part.
func TestKill(t *testing.T) {
	dir := t.TempDir()
	acked := map[string]bool{}
	for round := range 10 {
		kill(t, dir, 50+137*round, acked)
		d, err := pebbletable.Open(pebbletable.Config{Dir: dir})
		if err != nil {
			t.Fatalf("open after kill %d: %v", round, err)
		}
		s := table.New(d)
		count := map[string]int{}
		for w := range 8 {
			rest := table.Range{Table: table.Shared("t"), Partition: fmt.Sprint("p", w), Limit: 1000}
			for more := true; more; {
				var rows []table.Row
				if rows, more, err = s.Scan(t.Context(), rest); err != nil {
					t.Fatal(err)
				}
				for _, row := range rows {
					count[string(row.Value)]++
				}
				rest = table.Rest(rest, rows)
			}
		}
		for tag := range acked {
			if count[tag] == 0 {
				t.Errorf("kill %d: acknowledged %s is gone", round, tag)
			}
		}
		for tag, n := range count {
			if n != killRows {
				t.Errorf("kill %d: %s is there with %d of %d rows", round, tag, n, killRows)
			}
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%d acknowledged batches over 10 kills", len(acked))
}

// kill starts a victim, kills it after so many acknowledgements, and notes them all.
func kill(t *testing.T, dir string, after int, acked map[string]bool) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0]) //nolint:gosec // the test itself
	cmd.Env = append(os.Environ(), killDir+"="+dir)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for n := 0; lines.Scan(); n++ {
		acked[lines.Text()] = true
		if n == after {
			if err := cmd.Process.Kill(); err != nil {
				t.Errorf("kill: %v", err)
			}
		}
	}
	var exit *exec.ExitError
	if err := cmd.Wait(); !errors.As(err, &exit) || exit.Exited() {
		t.Fatalf("the process ended by itself: %v: %s", err, stderr.String())
	}
}
