package rest

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humachi"

	"github.com/barrage-live/barrage/internal/problem"
	"github.com/barrage-live/barrage/internal/quota"
)

const (
	// bodyTimeout is how long a body may take to arrive.
	bodyTimeout = 5 * time.Second
	// maxBody is how many bytes of a body are read. The largest that anybody has a use for, two passwords of
	// 256 bytes, has 3 KiB when every byte is escaped.
	maxBody = 4 << 10
	// freeBody is a body that costs nothing to decode, as nearly all are: neighbours who send large ones keep
	// nobody from logging in. Every bodyPerUnit more cost a unit of Costly.
	freeBody    = 512
	bodyPerUnit = 512
)

// bodyCost is what it costs to decode a body and to say what is wrong with it.
func bodyCost(size int) float64 { return float64(max(0, size-freeBody)) / bodyPerUnit }

// newBodies is what the bodies of an address and its networks may cost: whoever asks chooses them, and most
// operations that take one demand no token, so that it is all there is to count them by.
func newBodies(cfg Config) *quota.Callers {
	return quota.NewCallers(quota.Rate{PerSecond: cfg.Reads, Burst: readBurst * cfg.Reads}, cfg.Proxies)
}

// whole reads the body before the operation does: what cannot be read to its end is refused for what it is,
// never acted upon. One that is here is decoded when the address has not had too much decoded. How many are
// decoded at once needs no bound: what a body of so few bytes, with so few names and values, takes is little.
func (rt *Router) whole(ctx huma.Context, next func(huma.Context)) {
	r, w := humachi.Unwrap(ctx)
	if r.Body == nil || r.Body == http.NoBody {
		next(ctx)
		return
	}
	deadline := http.NewResponseController(w)
	_ = deadline.SetReadDeadline(time.Now().Add(bodyTimeout)) // a writer that has none, in tests, waits for nobody
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
	if err != nil || len(body) > maxBody {
		if r.ProtoMajor == 1 {
			w.Header().Set("Connection", "close") // where the next request begins is not known
		}
		unread(err).Write(w)
		return
	}
	_ = deadline.SetReadDeadline(time.Time{})
	if cost := bodyCost(len(body)); cost > 0 && !rt.bodies.Take(CallerOf(ctx.Context()).Addr, cost) {
		rt.Metrics.limited.WithLabelValues("bodies", "refused").Inc()
		problem.Of(errTooMuch).Write(w)
		return
	}
	r = r.WithContext(ctx.Context()) // with what the gates before have put there
	r.Body = io.NopCloser(bytes.NewReader(body))
	next(humachi.NewContext(ctx.Operation(), r, w))
}

// unread refuses a body by the error of its reading; nil: it is too large.
func unread(err error) *problem.Problem {
	if err == nil {
		return badForm(http.StatusRequestEntityTooLarge, "body_too_large", "the body is larger than "+strconv.Itoa(maxBody)+" bytes")
	}
	if late := net.Error(nil); errors.As(err, &late) && late.Timeout() {
		return badForm(http.StatusRequestTimeout, "body_timeout", "the body did not come in time")
	}
	return badForm(http.StatusBadRequest, "body_broken", "the body breaks off, or its chunks are not those of HTTP")
}
