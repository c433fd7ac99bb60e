package ws

import (
	"net/netip"
	"runtime"
	"runtime/debug"
	"syscall"
	"time"

	"github.com/barrage-live/barrage/internal/quota"
	"github.com/barrage-live/barrage/internal/wire"
)

// Config bounds the transport. The zero value is the documented protocol.
type Config struct {
	// MaxConnections bounds the sockets; 0 means three quarters of what Budget leaves to clients.
	MaxConnections int
	// MaxPerAddress bounds the sockets of one address, and quota.Factor times as many those of its
	// networks; 0 means a share of what is free.
	MaxPerAddress int
	// Public is the URL that viewers reach the node by, whose pages are our own; empty: what the request
	// says.
	Public string
	// Origins may embed the client besides our own, each as scheme://host[:port].
	Origins []string
	// TrustedProxies are the networks whose X-Forwarded-For is believed and who may open and have any number
	// of connections; empty means none.
	TrustedProxies []netip.Prefix
	// HandshakeRate is how many upgrades a second one address may ask for in the long run; 0 means 200.
	HandshakeRate float64
	// HandshakeBurst is how many it may ask for at once; 0 means 2000.
	HandshakeBurst int
	// FirstFrame is how long a new connection may say nothing; 0 means 10 s.
	FirstFrame time.Duration
	// Idle is how long a connection may say nothing later, pongs counting; 0 means 60 s.
	Idle time.Duration
	// PingAfter is the silence after which the server pings; 0 means 25 s.
	PingAfter time.Duration
	// Unfinished is how long a message may take to arrive; 0 means 10 s.
	Unfinished time.Duration
	// CloseGrace is how long a closing connection has to send what waits and to hear the peer's close; 0
	// means 5 s.
	CloseGrace time.Duration
	// Stall is how long a client may take nothing of what waits for it, whatever it says meanwhile, at 5 s
	// more or less; 0 means 30 s.
	Stall time.Duration
	// MaxPending bounds the bytes waiting for one socket besides those in the kernel; 0 means 256 KiB.
	MaxPending int
	// MaxPendingAll bounds the same of all sockets together: while more waits, each may have an equal share,
	// and at least a frame. 0 means 1 GiB, or a quarter of the memory limit of the process if that is less.
	MaxPendingAll int64
	// SendBuffer is SO_SNDBUF; 0 means 64 KiB.
	SendBuffer int
	// Workers bounds the goroutines that run requests, which wait for nobody; 0 means eight for each
	// processor.
	Workers int
	// Pollers is the number of poller goroutines; 0 means GOMAXPROCS.
	Pollers int
}

// The limits on one connection that internal/wire/SPEC.md promises to clients.
const (
	maxFragments   = 16
	maxQueued      = 32
	maxQueuedBytes = 32 << 10
	readBuffer     = 16 << 10
	wheelGrain     = 50 * time.Millisecond
	longestRest    = 5 * time.Second // between two looks at one connection
	handshakeWrite = 5 * time.Second
	reservePart    = 8 // one part of so many of the open files is kept for everything but clients
	leastReserve   = 256
)

// LeastShare is how much may wait for one socket whatever waits for others: what rooms send to who does not
// keep up, which is a frame, and little before it.
const LeastShare = wire.MaxServerFrame + 8<<10

// The rates of one connection: data messages, refusals of them until it is closed, control frames.
func frameRate() quota.Rate   { return quota.Rate{PerSecond: 20, Burst: 60} }
func refusalRate() quota.Rate { return quota.Rate{PerSecond: 1, Burst: 60} }
func controlRate() quota.Rate { return quota.Rate{PerSecond: 10, Burst: 40} }

func (c Config) filled() Config {
	orDuration(&c.FirstFrame, 10*time.Second)
	orDuration(&c.Idle, 60*time.Second)
	orDuration(&c.PingAfter, 25*time.Second)
	orDuration(&c.Unfinished, 10*time.Second)
	orDuration(&c.CloseGrace, 5*time.Second)
	orDuration(&c.Stall, 30*time.Second)
	orInt(&c.MaxConnections, Descriptors()/4*3)
	orInt(&c.HandshakeBurst, 2000)
	orInt(&c.MaxPending, 256<<10)
	if c.MaxPendingAll == 0 {
		c.MaxPendingAll = min(1<<30, debug.SetMemoryLimit(-1)/4)
	}
	orInt(&c.SendBuffer, 64<<10)
	orInt(&c.Workers, 8*runtime.GOMAXPROCS(0))
	orInt(&c.Pollers, runtime.GOMAXPROCS(0))
	if c.HandshakeRate == 0 {
		c.HandshakeRate = 200
	}
	return c
}

func orDuration(d *time.Duration, def time.Duration) {
	if *d == 0 {
		*d = def
	}
}

func orInt(n *int, def int) {
	if *n == 0 {
		*n = def
	}
}

// Descriptors is how many open files the process may spend on its clients: the limit less an eighth (at
// least 256) for the storage, the media ports and the rest.
func Descriptors() int {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return leastReserve
	}
	// Programs of nobody's making may see an unlimited number; a million sockets is beyond one process
	// anyway.
	n := int(min(limit.Cur, 1<<20))
	return max(n-max(n/reservePart, leastReserve), n/2)
}
