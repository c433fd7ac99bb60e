package api

import (
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/barrage-live/barrage/internal/fault"
)

// Config shapes the API. The zero value works.
type Config struct {
	// Origins are foreign origins, such as "https://studio.example.org", whose pages may call the API with credentials.
	// Empty: none.
	Origins []string
	// Proxies are networks whose X-Forwarded-For is believed. Empty: none; the peer of the connection is the caller.
	Proxies []netip.Prefix
	// Public is the URL that viewers reach the service by, without a path; empty: what the request says.
	Public string
	// RTMPPort is where streamers publish to, on the host of Public or of the request; zero means 1935. RTMPS says that it speaks TLS.
	RTMPPort int
	RTMPS    bool
	// MaxBody is how many bytes of a body are read; zero means 64 KiB.
	MaxBody int64
	// Timeout is how long a request may take; zero means 10 s.
	Timeout time.Duration
	// Logins is how often one account may be tried from one address in Window, and a fifth of how often from all addresses,
	// or by one address on all accounts; zero means 20.
	Logins int
	// Registrations is how many accounts one address may ask for in Window; zero means 20.
	Registrations int
	// Window is the window of the limits; zero means 10 minutes.
	Window time.Duration
}

// filled replaces the zeros.
func (c Config) filled() Config {
	if c.MaxBody == 0 {
		c.MaxBody = 64 << 10
	}
	if c.Timeout == 0 {
		c.Timeout = 10 * time.Second
	}
	if c.Logins == 0 {
		c.Logins = 20
	}
	if c.Registrations == 0 {
		c.Registrations = 20
	}
	if c.Window == 0 {
		c.Window = 10 * time.Minute
	}
	c.Public = strings.TrimSuffix(c.Public, "/")
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
