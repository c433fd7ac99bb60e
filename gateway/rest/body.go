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
)

// bodyTimeout is how long a body may take to arrive.
const bodyTimeout = 5 * time.Second

// whole reads the body before the operation does: what cannot be read to its end is refused for what it is,
// never acted upon.
func (rt *Router) whole(ctx huma.Context, next func(huma.Context)) {
	r, w := humachi.Unwrap(ctx)
	if r.Body == nil || r.Body == http.NoBody {
		next(ctx)
		return
	}
	deadline := http.NewResponseController(w)
	_ = deadline.SetReadDeadline(time.Now().Add(bodyTimeout)) // a writer that has none, in tests, waits for nobody
	body, err := io.ReadAll(io.LimitReader(r.Body, rt.Config.MaxBody+1))
	if err != nil || int64(len(body)) > rt.Config.MaxBody {
		if r.ProtoMajor == 1 {
			w.Header().Set("Connection", "close") // where the next request begins is not known
		}
		rt.unread(err).Write(w)
		return
	}
	_ = deadline.SetReadDeadline(time.Time{})
	r = r.WithContext(ctx.Context())
	r.Body = io.NopCloser(bytes.NewReader(body))
	next(humachi.NewContext(ctx.Operation(), r, w))
}

// unread refuses a body by the error of its reading; nil: it is too large.
func (rt *Router) unread(err error) *problem.Problem {
	if err == nil {
		return badForm(http.StatusRequestEntityTooLarge, "body_too_large", "the body is larger than "+strconv.FormatInt(rt.Config.MaxBody, 10)+" bytes")
	}
	if late := net.Error(nil); errors.As(err, &late) && late.Timeout() {
		return badForm(http.StatusRequestTimeout, "body_timeout", "the body did not come in time")
	}
	return badForm(http.StatusBadRequest, "body_broken", "the body breaks off, or its chunks are not those of HTTP")
}
