package rest

import (
	"bytes"
	"context"
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

// lifeKey finds how long caches may keep an answer.
type lifeKey struct{}

// Keep says how long caches may keep the answer that is being made, instead of Operation.Cached: that some
// answers of a public read change more seldom than others.
func Keep(ctx context.Context, life time.Duration) {
	if of, cached := ctx.Value(lifeKey{}).(*time.Duration); cached {
		*of = life
	}
}

// cached lets caches keep the answer of a public read, and does not send one again to who has it.
func cached(keep time.Duration) func(huma.Context, func(huma.Context)) {
	return func(ctx huma.Context, next func(huma.Context)) {
		r, w := humachi.Unwrap(ctx)
		p, life := &page{ResponseWriter: w}, keep
		within := context.WithValue(ctx.Context(), lifeKey{}, &life)
		next(humachi.NewContext(ctx.Operation(), r.WithContext(within), p))
		p.send(r, life)
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

// send answers 304 to who has the same. Refusals go out as they are: nobody keeps them.
func (p *page) send(r *http.Request, keep time.Duration) {
	if p.status == 0 {
		p.status = http.StatusOK
	}
	if p.status == http.StatusOK && unchanged(p.ResponseWriter, r, tagOf(p.body.Bytes()), keep) {
		return
	}
	p.Header().Set("Content-Length", strconv.Itoa(p.body.Len()))
	p.ResponseWriter.WriteHeader(p.status)
	_, _ = p.ResponseWriter.Write(p.body.Bytes()) // the client is gone if this fails
}

// document answers with the same for everybody until it is made anew.
func document(contentType string, made func() (body []byte, tag string)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, tag := made()
		w.Header().Set("Content-Type", contentType)
		if unchanged(w, r, tag, documentLife) {
			return
		}
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		_, _ = w.Write(body) // the client is gone if this fails
	}
}

// tagOf is the entity tag of a body.
func tagOf(body []byte) string {
	sum := sha256.Sum256(body)
	return `"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`
}

// unchanged tells caches what they may keep and for how long, and answers 304 to who has it already (RFC
// 9110, 13.1.2).
func unchanged(w http.ResponseWriter, r *http.Request, tag string, keep time.Duration) bool {
	h := w.Header()
	h.Set("ETag", tag)
	h.Set("Cache-Control", "public, max-age="+strconv.Itoa(int(keep.Seconds())))
	if !hasTag(r.Header.Values("If-None-Match"), tag) {
		return false
	}
	h.Del("Content-Type")
	w.WriteHeader(http.StatusNotModified)
	return true
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
