package rest

import (
	"net/http"
	"net/netip"
	"net/url"
	"time"

	"github.com/barrage-live/barrage/internal/fault"
)

// Config shapes the face. The zero value works.
type Config struct {
	// Origins are foreign origins, such as "https://studio.example.org", whose pages may call the API with
	// credentials. Empty: none.
	Origins []string
	// Proxies are networks whose X-Forwarded-For is believed. Empty: none; the peer of the connection is
	// the caller.
	Proxies []netip.Prefix
	// Public is the URL that viewers reach the service by, without a path; empty: what the request says.
	Public string
	// Timeout is how long a request may take; zero means 10 s.
	Timeout time.Duration
	// Reads is what one address may read in a second, in the units of Costly, after a burst of ten times as
	// much, and an account a tenth of that of what is its own; its networks may ask for quota.Factor as much.
	// Bodies that it sends may cost as much again. Zero means 500.
	Reads float64
	// Writes is how often one account may ask for a change in a second, after a burst of thirty times as
	// much; one address may sixteen times as often, its networks quota.Factor as often as that. Zero means 2.
	Writes float64
}

// filled replaces the zeros.
func (c Config) filled() Config {
	if c.Timeout == 0 {
		c.Timeout = 10 * time.Second
	}
	if c.Reads == 0 {
		c.Reads = 500
	}
	if c.Writes == 0 {
		c.Writes = 2
	}
	return c
}

// Validate reports the first fault.
func (c Config) Validate() error {
	for _, o := range c.Origins {
		if err := http.NewCrossOriginProtection().AddTrustedOrigin(o); err != nil {
			return fault.Newf(fault.Invalid, "bad_origin", "%q is not an origin such as https://live.example.org", o).In("limits.origins")
		}
	}
	if u, err := url.Parse(c.Public); c.Public != "" && (err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.RawQuery != "") {
		return fault.Newf(fault.Invalid, "bad_url", "%q is not an address such as https://live.example.org", c.Public).In("public")
	}
	return nil
}
