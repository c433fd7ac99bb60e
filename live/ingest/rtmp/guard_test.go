package rtmp

import (
	"errors"
	"net"
	"os"
	"testing"
	"testing/synctest"
	"time"
)

// deadlines is a connection that notes the deadline of its reads.
type deadlines struct {
	net.Conn
	read time.Time
}

func (d *deadlines) SetReadDeadline(t time.Time) error {
	d.read = t
	return nil
}

func (d *deadlines) SetDeadline(t time.Time) error { return d.SetReadDeadline(t) }

// TestWakeAndFarewell lets wake come before and after the reader has found its reason to stop.
func TestWakeAndFarewell(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		last := time.Now().Add(farewell)
		for _, early := range []bool{true, false} {
			nc := &deadlines{}
			g := newGuard(nc)
			g.idle = time.Minute
			if err := g.extend(); err != nil || !nc.read.Equal(time.Now().Add(time.Minute)) {
				t.Fatalf("the idle deadline is %v, %v", nc.read, err)
			}
			if early {
				g.wake()
				if _, err := g.Read(nil); !errors.Is(err, os.ErrDeadlineExceeded) || nc.read.After(time.Now()) {
					t.Errorf("woken, it goes on until %v, %v", nc.read, err)
				}
			}
			if err := g.takeLeave(farewell); err != nil {
				t.Fatal(err)
			}
			if !early {
				g.wake()
			}
			if !nc.read.Equal(last) {
				t.Errorf("early %v: the client has until %v", early, nc.read)
			}
		}
	})
}
