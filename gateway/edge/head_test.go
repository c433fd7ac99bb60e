package edge

import (
	"crypto/tls"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/barrage-live/barrage/internal/problem"
	"github.com/barrage-live/barrage/internal/quota"
)

// TestAHeadThatIsTooLargeIsRefused sends cookies of a few lengths, and many small headers, over HTTP/1 and
// HTTP/2; what is not much too large is told what is wrong.
func TestAHeadThatIsTooLargeIsRefused(t *testing.T) {
	lender := httptest.NewTLSServer(http.NotFoundHandler())
	defer lender.Close()
	refused := NewRefused(prometheus.NewRegistry())
	page := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "page") })
	h := Public(page, Trust{}, Allowance{Refused: refused}, slog.New(slog.DiscardHandler))
	for scheme, certificate := range map[string]*tls.Config{
		"http": nil, "https": {Certificates: lender.TLS.Certificates, MinVersion: tls.VersionTLS12},
	} {
		client := lender.Client()
		client.Transport.(*http.Transport).ForceAttemptHTTP2 = true //nolint:forcetypeassert // httptest says so
		defer client.CloseIdleConnections()
		_, l, _ := opened(t, h, certificate)
		for _, c := range []struct {
			name           string
			cookie, fields int
			want           int
			code           string
		}{
			{"a cookie of 12 KiB", 12 << 10, 0, http.StatusOK, ""},
			{"a cookie of 17 KiB", 17 << 10, 0, http.StatusRequestHeaderFieldsTooLarge, "head_too_large"},
			{"500 small headers", 0, 500, http.StatusRequestHeaderFieldsTooLarge, "head_too_large"},
			{"a cookie of 60 KiB", 60 << 10, 0, http.StatusRequestHeaderFieldsTooLarge, ""},
		} {
			t.Run(scheme+"/"+c.name, func(t *testing.T) {
				r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, scheme+"://"+l.Addr().String()+"/", http.NoBody)
				if err != nil {
					t.Fatal(err)
				}
				r.Header.Set("Cookie", "a="+strings.Repeat("x", c.cookie))
				for range c.fields {
					r.Header.Add("X", "1")
				}
				res, err := client.Do(r)
				if certificate != nil && c.cookie > hardHead && err != nil {
					return // the client knows that the server would not read it
				}
				if err != nil {
					t.Fatal(err)
				}
				defer func() { _ = res.Body.Close() }()
				var p problem.Problem
				_ = json.NewDecoder(res.Body).Decode(&p) // a page is none
				if res.StatusCode != c.want || p.Code != c.code {
					t.Errorf("answered %d %q, want %d %q", res.StatusCode, p.Code, c.want, c.code)
				}
			})
		}
	}
	if n := int(testutil.ToFloat64(refused.WithLabelValues(errHead.Code))); n != 4 {
		t.Errorf("%d are counted, want those 4 that were told why", n)
	}
}

// TestALongHeadCountsAsSeveralRequests, whatever it asks for; those that browsers send do not.
func TestALongHeadCountsAsSeveralRequests(t *testing.T) {
	for _, c := range []struct {
		name          string
		bytes, fields int
		want          int // of 100
	}{
		{"usual", 100, 20, 100},
		{"a long cookie", 12 << 10, 0, 11},
		{"many headers", 0, 300, 8},
		{"refused", 0, 1500, 1},
	} {
		h := Public(http.NotFoundHandler(), Trust{}, Allowance{Rate: quota.Rate{PerSecond: 1e-6, Burst: 100}}, slog.New(slog.DiscardHandler))
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", http.NoBody)
		r.Header.Set("Cookie", strings.Repeat("x", c.bytes))
		for range c.fields {
			r.Header.Add("X-Some-Header", "a value")
		}
		passed := 0
		for range 100 {
			w := httptest.NewRecorder()
			if h.ServeHTTP(w, r); w.Code != http.StatusTooManyRequests {
				passed++
			}
		}
		if passed != c.want {
			t.Errorf("%s: %d of 100 pass, want %d", c.name, passed, c.want)
		}
	}
}

// TestNamesOfTrailersCountAsALongHead, which net/http takes out of the head, and some it forgets: where there
// may be any, the head counts as the largest.
func TestNamesOfTrailersCountAsALongHead(t *testing.T) {
	lender := httptest.NewTLSServer(http.NotFoundHandler())
	defer lender.Close()
	client := lender.Client()
	client.Transport.(*http.Transport).ForceAttemptHTTP2 = true //nolint:forcetypeassert // httptest says so
	defer client.CloseIdleConnections()
	for scheme, certificate := range map[string]*tls.Config{
		"http": nil, "https": {Certificates: lender.TLS.Certificates, MinVersion: tls.VersionTLS12},
	} {
		for _, c := range []struct {
			name    string
			length  int64
			trailer http.Header
			want    int // of 100
		}{
			{"a body that tells its length", 4, nil, 100},
			{"a body that does not", -1, nil, 5},
			{"trailers", -1, http.Header{"X-Sum": {"1"}}, 5},
		} {
			t.Run(scheme+"/"+c.name, func(t *testing.T) {
				reads := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) })
				h := Public(reads, Trust{}, Allowance{Rate: quota.Rate{PerSecond: 1e-6, Burst: 100}}, slog.New(slog.DiscardHandler))
				_, l, _ := opened(t, h, certificate)
				passed := 0
				for range 100 {
					r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, scheme+"://"+l.Addr().String()+"/", io.NopCloser(strings.NewReader("body")))
					if err != nil {
						t.Fatal(err)
					}
					r.ContentLength, r.Trailer = c.length, c.trailer
					res, err := client.Do(r)
					if err != nil {
						continue // refused before its trailers had come, which breaks HTTP/2
					}
					_ = res.Body.Close()
					if res.StatusCode != http.StatusTooManyRequests {
						passed++
					}
				}
				if passed != c.want {
					t.Errorf("%d pass, want %d", passed, c.want)
				}
			})
		}
	}
}
