package account

import "time"

// Config shapes the kind. The zero value works.
type Config struct {
	// Idle is how long an activation stays after its last message; zero means 60 s.
	Idle time.Duration
	// ClaimTTL is how long an unconfirmed handle stays claimed; zero means 60 s.
	ClaimTTL time.Duration
}

func (c Config) claimTTL() time.Duration {
	if c.ClaimTTL == 0 {
		return time.Minute
	}
	return c.ClaimTTL
}
