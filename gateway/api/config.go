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
	// RTMP is the URL that streamers publish to, such as "rtmp://live.example.org/live"; empty: the host of Public, or of the
	// request, and RTMPPort.
	RTMP string
	// RTMPPort is where RTMP listens; zero means 1935.
	RTMPPort int
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
	c.RTMP = strings.TrimSuffix(c.RTMP, "/")
	return c
}

// Validate reports the first fault.
func (c Config) Validate() error {
	for _, o := range c.Origins {
		if err := http.NewCrossOriginProtection().AddTrustedOrigin(o); err != nil {
			return fault.Newf(fault.Invalid, "bad_origin", "%q is not an origin such as https://live.example.org", o).In("origins")
		}
	}
	for field, s := range map[string]string{"public": c.Public, "rtmp": c.RTMP} {
		if u, err := url.Parse(s); s != "" && (err != nil || u.Scheme == "" || u.Host == "" || u.RawQuery != "") {
			return fault.Newf(fault.Invalid, "bad_url", "%q is not a URL", s).In(field)
		}
	}
	return nil
}
