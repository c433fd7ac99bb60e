package main

import (
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
)

// TestThePublicFace asks the whole platform through its listener, as a proxy that speaks TLS: every answer,
// the refusals among them, says what browsers may do, and who asks too often is refused before anybody looks.
func TestThePublicFace(t *testing.T) {
	cfg, _, err := load([]string{
		"--data", t.TempDir(), "--http", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--rtmp", "127.0.0.1:0", "--storage.cache", "1MiB",
		"--limits.http", "10", "--limits.proxies", "127.0.0.1/32",
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := serveUntil(t.Context(), cfg, slog.New(slog.DiscardHandler), func(p *platform) error {
		visitor{t, "http://" + p.addrs["http"]}.visit()
		if ok, _, err := p.allow(t.Context(), "a limit that many settings made", 1<<40, p.cfg.Limits.Window); !ok || err != nil {
			t.Errorf("a limit larger than the cache's: %v, %v", ok, err)
		}
		return nil
	}); err != nil {
		t.Error(err)
	}
}

// visitor asks a listener as a proxy would.
type visitor struct {
	t    *testing.T
	base string
}

func (v visitor) get(path, from string) *http.Response {
	v.t.Helper()
	r, err := http.NewRequestWithContext(v.t.Context(), http.MethodGet, v.base+path, nil)
	if err != nil {
		v.t.Fatal(err)
	}
	r.Header.Set("X-Forwarded-For", from)
	r.Header.Set("X-Forwarded-Proto", "https")
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		v.t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, res.Body) // only the head is looked at
	_ = res.Body.Close()
	return res
}

func (v visitor) visit() {
	const own = "script-src 'self'; " // pages have a policy of their own
	for path, want := range map[string]struct {
		status             int
		policy, referrer   string
		apart, cacheWanted string
	}{
		"/v1/channels?live=true": {http.StatusOK, "default-src 'none'; frame-ancestors 'none'", "no-referrer", "", "public, max-age=1"},
		"/v1/me":                 {http.StatusUnauthorized, "default-src 'none'; frame-ancestors 'none'", "no-referrer", "", "no-store"},
		"/v1/nothing":            {http.StatusNotFound, "default-src 'none'; frame-ancestors 'none'", "no-referrer", "", "no-store"},
		"/live/ann/index.m3u8":   {http.StatusNotFound, "default-src 'none'; frame-ancestors 'none'", "no-referrer", "", ""},
		"/":                      {http.StatusOK, own, "same-origin", "same-origin", "no-cache"},
	} {
		res := v.get(path, "203.0.113.7")
		if res.StatusCode != want.status {
			v.t.Errorf("%s: %d, want %d", path, res.StatusCode, want.status)
		}
		if policy := strings.Join(res.Header.Values("Content-Security-Policy"), ","); !strings.Contains(policy, want.policy) {
			v.t.Errorf("%s: the policy is %q", path, policy)
		}
		for name, want := range map[string]string{
			"X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Referrer-Policy": want.referrer,
			"Cross-Origin-Opener-Policy": want.apart, "Strict-Transport-Security": "max-age=31536000",
		} {
			if got := res.Header.Values(name); strings.Join(got, "|") != want {
				v.t.Errorf("%s: %s is %q, want %q", path, name, got, want)
			}
		}
		if got := res.Header.Get("Cache-Control"); want.cacheWanted != "" && got != want.cacheWanted {
			v.t.Errorf("%s: Cache-Control is %q, want %q", path, got, want.cacheWanted)
		}
	}
	for path, from := range map[string]string{"/": "2001:db8:1::1", "/v1/nothing": "2001:db8:2::1", "/v1/me": "2001:db8:3::1"} {
		n := 0
		for ; n < 2000; n++ {
			if res := v.get(path, from); res.StatusCode == http.StatusTooManyRequests {
				if res.Header.Get("Retry-After") != "1" || res.Header.Get("X-Frame-Options") != "DENY" {
					v.t.Errorf("%s: refused with %v", path, res.Header)
				}
				break
			}
		}
		if n < 100 || n == 2000 {
			v.t.Errorf("%s: %d are answered", path, n)
		}
	}
	if res := v.get("/v1/errors", "203.0.113.8"); res.StatusCode != http.StatusOK {
		v.t.Errorf("a neighbour: %d", res.StatusCode)
	}
}
