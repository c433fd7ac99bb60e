package socket_test

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"go.uber.org/goleak"

	"github.com/barrage-live/barrage/internal/wire"
)

// inherited are the sockets that were open when the tests began; whoever started them left those behind.
var inherited = map[string]bool{}

// TestMain fails when a goroutine outlives the tests.
func TestMain(m *testing.M) {
	links, _ := filepath.Glob("/proc/self/fd/*") // the pattern is good
	for _, link := range links {
		if target, err := os.Readlink(link); err == nil {
			inherited[target] = true
		}
	}
	goleak.VerifyTestMain(m)
}

// TestSocketsAreNotInherited looks at every socket of this process: a child such as ffmpeg must hold none
// of them, or viewers would not see their connections end.
func TestSocketsAreNotInherited(t *testing.T) {
	w := plain(t)
	w.Enter(wire.JSON, "").MustJoin("43")
	links, err := filepath.Glob("/proc/self/fd/*")
	if err != nil {
		t.Fatal(err)
	}
	sockets := 0
	for _, link := range links {
		target, err := os.Readlink(link)
		if err != nil || !strings.HasPrefix(target, "socket:") || inherited[target] {
			continue // the descriptor of the listing itself is gone
		}
		fd, err := strconv.Atoi(filepath.Base(link))
		if err != nil {
			t.Fatal(err)
		}
		flags, _, errno := syscall.Syscall(syscall.SYS_FCNTL, uintptr(fd), syscall.F_GETFD, 0)
		if errno != 0 {
			continue // closed meanwhile
		}
		sockets++
		if flags&syscall.FD_CLOEXEC == 0 {
			t.Errorf("descriptor %d would be inherited", fd)
		}
	}
	if sockets < 3 {
		t.Errorf("only %d sockets seen, want the listener and both ends of a connection", sockets)
	}
}
