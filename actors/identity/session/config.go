package session

import (
	"time"

	"github.com/barrage-live/barrage/internal/quota"
)

// Config shapes the kind. The zero value works.
type Config struct {
	// Idle is how long an activation stays after its last message; zero means 60 s.
	Idle time.Duration
	// RefreshTTL is how long a session lives without a refresh; zero means 14 days.
	RefreshTTL time.Duration
	// MaxAge is how long a session lives at all; zero means 90 days.
	MaxAge time.Duration
	// RetryWindow is how long the previous refresh token yields the identical successor; zero means 5 min. A
	// client whose answer was lost repeats for as long as the outage or the tunnel lasts, and ends its own
	// login as a theft when it comes back later. After 30 s it yields it for two tokens in a row only: two
	// who hold one token, a thief and the owner, are told from one by doing it every time.
	RetryWindow time.Duration
	// Writes is how often one session may be refreshed, or ended again; zero means once in 2 s after 20 at
	// once: it has to be every few minutes, and a page that is loaded again does it each time.
	Writes quota.Rate
	// MaxPerUser is how many sessions an account may have; zero means 64. Opening one more ends the oldest.
	MaxPerUser int
}

// filled replaces the zeros.
func (c Config) filled() Config {
	for _, f := range []struct {
		v *time.Duration
		d time.Duration
	}{
		{&c.RefreshTTL, 14 * 24 * time.Hour}, {&c.MaxAge, 90 * 24 * time.Hour}, {&c.RetryWindow, 5 * time.Minute},
	} {
		if *f.v == 0 {
			*f.v = f.d
		}
	}
	if c.Writes == (quota.Rate{}) {
		c.Writes = quota.Rate{PerSecond: 0.5, Burst: 20}
	}
	if c.MaxPerUser == 0 {
		c.MaxPerUser = 64
	}
	return c
}
