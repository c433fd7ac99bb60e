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
	// greetTries bounds how many descriptors are tried until each poller had one; they are spread by number.
	greetTries = 64
)

// greet returns when every poller goroutine runs. An engine that is stopped before waits for ever: the loop of nbio begins by clearing
// the flag that stop sets.
func (p *poller) greet(pollers int) error {
	greeted := map[int]bool{}
	for range greetTries * pollers {
		if len(greeted) == pollers {
			return nil
		}
		near, far, err := socketPair()
		if err != nil {
			return fmt.Errorf("greet the pollers: %w", err)
		}
		defer func() { _ = far.Close() }() // all stay open, so that each has another number
		nc, err := nbio.NBConn(near)
		if err != nil {
			return fmt.Errorf("greet the pollers: %w", err)
		}
		defer func() { _ = nc.Close() }()
		heard := make(greeting, 1)
		nc.SetSession(heard)
		_, err = p.engine.AddConn(nc)
		if err == nil {
			_, err = far.Write([]byte{0})
		}
		if err != nil {
			return fmt.Errorf("greet the pollers: %w", err)
		}
		select {
		case <-heard:
			greeted[nc.Hash()%pollers] = true
		case <-time.After(greetTimeout):
			return errors.New("greet the pollers: no answer")
		}
	}
	return errors.New("greet the pollers: not all of them had a descriptor")
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
