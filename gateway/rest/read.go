package rest

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humachi"
)

// Costly is an input that says what it costs to answer, in units of a tenth of a millisecond; other inputs
// cost 1.
type Costly interface{ Cost() float64 }

// Cost is that of a list: a row is a tenth of a small answer.
func (in PageQuery) Cost() float64 { return RowsCost(in.Limit) }

// RowsCost is what an answer of so many rows costs.
func RowsCost(rows int) float64 { return 1 + float64(rows)/10 }

// costOf is what answering an input costs.
func costOf(in any) float64 {
	if c, ok := in.(Costly); ok {
		return c.Cost()
	}
	return 1
}

// cached lets caches keep the answer of a public read, and does not send one again to who has it.
func cached(keep time.Duration) func(huma.Context, func(huma.Context)) {
	return func(ctx huma.Context, next func(huma.Context)) {
		r, w := humachi.Unwrap(ctx)
		p := &page{ResponseWriter: w}
		next(humachi.NewContext(ctx.Operation(), r.WithContext(ctx.Context()), p))
		p.send(r, keep)
	}
}

// page holds an answer back until it is whole. Answers of ours are bounded by what their lists are.
type page struct {
	http.ResponseWriter
	status int
	body   bytes.Buffer
}

// WriteHeader keeps the status.
func (p *page) WriteHeader(status int) { p.status = status }

// Write keeps the bytes.
func (p *page) Write(b []byte) (int, error) { return p.body.Write(b) }

// send answers 304 to who has the same (RFC 9110, 13.1.2). Refusals go out as they are: nobody keeps them.
func (p *page) send(r *http.Request, keep time.Duration) {
	h := p.Header()
	if p.status == 0 {
		p.status = http.StatusOK
	}
	if p.status == http.StatusOK {
		sum := sha256.Sum256(p.body.Bytes())
		tag := `"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`
		h.Set("ETag", tag)
		h.Set("Cache-Control", "public, max-age="+strconv.Itoa(int(keep.Seconds())))
		if hasTag(r.Header.Values("If-None-Match"), tag) {
			h.Del("Content-Type")
			p.ResponseWriter.WriteHeader(http.StatusNotModified)
			return
		}
	}
	h.Set("Content-Length", strconv.Itoa(p.body.Len()))
	p.ResponseWriter.WriteHeader(p.status)
	_, _ = p.ResponseWriter.Write(p.body.Bytes()) // the client is gone if this fails
}

// hasTag reports whether one of the lists of entity tags names the tag, compared weakly. No tag of ours has
// a comma.
func hasTag(lists []string, tag string) bool {
	for one := range strings.SplitSeq(strings.Join(lists, ","), ",") {
		if one = strings.TrimSpace(one); one == "*" || strings.TrimPrefix(one, "W/") == tag {
			return true
		}
	}
	return false
}
