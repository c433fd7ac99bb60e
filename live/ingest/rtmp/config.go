package rtmp

import (
	"log/slog"
	"time"

	"github.com/barrage-live/barrage/live/ingest"
)

// Config shapes a Server. Gate, Log and Metrics are required.
type Config struct {
	Gate    ingest.Gate
	Log     *slog.Logger
	Metrics *Metrics
	// MaxConns is how many connections with a verified key may be open; the next is refused, unless it comes
	// in place of another of its key. 0 means 1000.
	MaxConns int
	// MaxUnverified is how many others may be open, an eighth of them of one address, the next of which is
	// closed at once. For any other newcomer beyond them one that is open gives way, see quota.Yielding. 0
	// means 1000.
	MaxUnverified int
	// MaxBitrate is how many bits per second a publisher may send, on average; bursts of four seconds'
	// worth are free. 0 means 60,000,000.
	MaxBitrate int
	// Handshake is how long a connection may take from its start to its publish command; 0 means 10 s.
	Handshake time.Duration
	// Detect is how long it may take from there until its tracks are known; 0 means 10 s.
	Detect time.Duration
	// Idle is how long a publisher may be silent; 0 means 10 s.
	Idle time.Duration
}

const (
	defaultMaxConns      = 1000
	defaultMaxUnverified = 1000
	defaultMaxBitrate    = 60_000_000
	defaultTimeout       = 10 * time.Second
	// gateTimeout bounds every question to the Gate.
	gateTimeout = 5 * time.Second
)

func (c Config) filled() Config {
	if c.MaxConns <= 0 {
		c.MaxConns = defaultMaxConns
	}
	if c.MaxUnverified <= 0 {
		c.MaxUnverified = defaultMaxUnverified
	}
	if c.MaxBitrate <= 0 {
		c.MaxBitrate = defaultMaxBitrate
	}
	for _, d := range []*time.Duration{&c.Handshake, &c.Detect, &c.Idle} {
		if *d <= 0 {
			*d = defaultTimeout
		}
	}
	return c
}
