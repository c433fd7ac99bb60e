package e2e

import (
	"bufio"
	"context"
	"io"
	"os/exec"
	"testing"
	"time"
)

// browsers are what a script in the folder pages has opened. It answers each line with a line of JSON, and
// ends with the test.
type browsers struct {
	in    io.Writer
	lines *bufio.Scanner
}

func browse(t *testing.T, script string, args ...string) *browsers {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, "node", append([]string{script}, args...)...)
	cmd.Dir = "pages"
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_, _ = io.WriteString(in, "end\n")
		give := time.AfterFunc(10*time.Second, cancel)
		_ = cmd.Wait()
		give.Stop()
		cancel()
	})
	b := &browsers{in, bufio.NewScanner(out)}
	b.lines.Buffer(nil, 1<<22)
	return b
}

// ask gives the answer to a line.
func (b *browsers) ask(t *testing.T, line string) []byte {
	t.Helper()
	if _, err := io.WriteString(b.in, line+"\n"); err != nil {
		t.Fatal(err)
	}
	return b.next(t)
}

// next gives the next line; it is good until the one after it.
func (b *browsers) next(t *testing.T) []byte {
	t.Helper()
	if !b.lines.Scan() {
		t.Fatalf("the browsers ended: %v", b.lines.Err())
	}
	return b.lines.Bytes()
}
