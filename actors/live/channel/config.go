package channel

import "time"

// Config shapes the kind. The zero value works.
type Config struct {
	// Idle is how long an activation that is offline stays after its last message; zero means 60 s.
	Idle time.Duration
	// Grace is how long a broadcast waits for its publisher to return; zero means 30 s.
	Grace time.Duration
	// Goodbye is how long it waits for one that has said that it ends; zero means 5 s, and it is at most the
	// Grace.
	Goodbye time.Duration
	// Overlap is how long older stream keys stay valid after a new one was made; zero means 10 minutes.
	Overlap time.Duration
	// Beat is how often a live channel renews its listing; zero means 10 s.
	Beat time.Duration
	// ListingTTL is how long a listing outlives its last renewal; zero means 30 s.
	ListingTTL time.Duration
	// ClaimTTL is how long an unconfirmed name stays claimed; zero means 60 s.
	ClaimTTL time.Duration
}

// filled replaces the zeros.
func (c Config) filled() Config {
	for _, f := range []struct {
		v *time.Duration
		d time.Duration
	}{
		{&c.Grace, 30 * time.Second},
		{&c.Goodbye, 5 * time.Second},
		{&c.Overlap, 10 * time.Minute},
		{&c.Beat, 10 * time.Second},
		{&c.ListingTTL, 30 * time.Second},
		{&c.ClaimTTL, time.Minute},
	} {
		if *f.v == 0 {
			*f.v = f.d
		}
	}
	c.Goodbye = min(c.Goodbye, c.Grace)
	return c
}
