package ws

import (
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"
	"time"

	"github.com/lesismal/nbio"
)

// greeting is the session of a connection that is only there to hear from a poller goroutine.
type greeting chan struct{}

const (
	greetTimeout = 10 * time.Second
	// greetTries bounds how often a poller is tried: another goroutine may take the number that was meant
	// for it.
	greetTries = 64
)

// greet returns when every poller goroutine runs. An engine that is stopped before waits for ever: the loop
// of nbio begins by clearing the flag that stop sets.
func (p *poller) greet(pollers int) error {
	greeted := map[int]bool{}
	for i := range pollers {
		for try := 0; !greeted[i]; try++ {
			if try == greetTries {
				return fmt.Errorf("greet the pollers: poller %d of %d was never given a descriptor", i, pollers)
			}
			answered, err := p.greetOne(i, pollers)
			if err != nil {
				return fmt.Errorf("greet the pollers: %w", err)
			}
			greeted[answered] = true
		}
	}
	return nil
}

// greetOne waits until a poller answers and returns which one it was: the one that is wanted, unless a
// number was taken meanwhile.
func (p *poller) greetOne(want, pollers int) (answered int, err error) {
	near, far, err := socketPair()
	if err != nil {
		return 0, err
	}
	defer func() { _ = far.Close() }()
	release, err := freeNumber(want, pollers)
	if err != nil {
		_ = near.Close()
		return 0, err
	}
	nc, err := nbio.NBConn(near)
	release()
	if err != nil {
		return 0, err //nolint:wrapcheck // wrapped by the caller
	}
	defer func() { _ = nc.Close() }()
	heard := make(greeting, 1)
	nc.SetSession(heard)
	if _, err := p.engine.AddConn(nc); err != nil {
		return 0, err //nolint:wrapcheck // wrapped by the caller
	}
	if _, err := far.Write([]byte{0}); err != nil {
		return 0, err //nolint:wrapcheck // wrapped by the caller
	}
	select {
	case <-heard:
		return nc.Hash() % pollers, nil
	case <-time.After(greetTimeout):
		return 0, errors.New("no answer")
	}
}

// freeNumber sees to it that the lowest free descriptor, which the kernel hands out next, leaves the
// remainder want: nbio spreads connections over its pollers by their number. What it opened to get there is
// closed by release.
func freeNumber(want, pollers int) (release func(), err error) {
	var held []*os.File
	release = func() {
		for _, f := range held {
			_ = f.Close()
		}
	}
	for {
		f, err := os.Open(os.DevNull)
		if err != nil {
			release()
			return nil, err //nolint:wrapcheck // wrapped by the caller
		}
		if int(f.Fd())%pollers == want {
			return release, f.Close() //nolint:wrapcheck // wrapped by the caller
		}
		held = append(held, f)
	}
}

func socketPair() (near, far net.Conn, err error) {
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC|syscall.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, nil, err //nolint:wrapcheck // wrapped by the caller
	}
	if near, err = fileConn(fds[0]); err != nil {
		_ = syscall.Close(fds[1])
		return nil, nil, err
	}
	if far, err = fileConn(fds[1]); err != nil {
		return nil, nil, errors.Join(err, near.Close())
	}
	return near, far, nil
}

func fileConn(fd int) (net.Conn, error) {
	f := os.NewFile(uintptr(fd), "greeting")
	defer f.Close()
	return net.FileConn(f) //nolint:wrapcheck // wrapped by the caller
}
