package socket

import (
	"time"

	"github.com/barrage-live/barrage/gateway/socket/hub"
	"github.com/barrage-live/barrage/gateway/socket/ws"
)

// Config tunes the gateway. The zero value works.
type Config struct {
	// WS bounds the transport.
	WS ws.Config
	// Hub tunes the rooms of this node.
	Hub hub.Config
	// AskTimeout bounds one request of a client; 0 means 5 s.
	AskTimeout time.Duration
	// AddressRate is what one address may ask for in a second over all its connections, in units of
	// protocol.Cost, after a burst of ten times as much; its networks may ask for quota.Factor as much. 0
	// means 1000.
	AddressRate float64
	// UserRate is the same for one user; 0 means 40.
	UserRate float64
	// LoginSockets is how many sockets of this node one login may have; 0 means 32.
	LoginSockets int
	// DrainSpread is the time over which clients are asked to come back when the node goes away; 0 means 5 s.
	DrainSpread time.Duration
}

func (c Config) filled() Config {
	if c.AskTimeout == 0 {
		c.AskTimeout = 5 * time.Second
	}
	if c.AddressRate == 0 {
		c.AddressRate = 1000
	}
	if c.UserRate == 0 {
		c.UserRate = 40
	}
	if c.LoginSockets == 0 {
		c.LoginSockets = 32
	}
	if c.DrainSpread == 0 {
		c.DrainSpread = 5 * time.Second
	}
	return c
}
