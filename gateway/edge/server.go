package edge

import (
	"log/slog"
	"net/http"
	"time"
)

// Limits of every HTTP request; bodies and answers are bounded by their handlers besides.
const (
	headTimeout = 5 * time.Second
	idleTimeout = 90 * time.Second
	// maxHead bounds the head of a request as headSize has it. Browsers send 1 or 2 KiB and their cookies: of
	// ours one is small, and 16 KiB leaves room for what else a domain has given them, as other servers do.
	maxHead = 16 << 10
	// hardHead is where net/http stops reading and answers 431 by itself, in plain text; for HTTP/1 it adds 4
	// KiB. It is above maxHead so that a request that is a little too long is told what is wrong.
	hardHead = 20 << 10
	// maxStreams is how many requests one HTTP/2 connection may have under way: the least that RFC 9113
	// recommends, and far more than a player waits for.
	maxStreams = 100
	// bodyTimeout is how long the body of a request may take, answerTimeout the answer; playback sets its
	// own by size.
	bodyTimeout   = 10 * time.Second
	answerTimeout = 60 * time.Second
)

// Mount is a part of the address space and who answers there. Its first segment is a word of
// internal/reserved.
type Mount struct {
	Pattern string // of http.ServeMux
	Handler http.Handler
}

// Mux is the table of routes.
func Mux(mounts []Mount) *http.ServeMux {
	mux := http.NewServeMux()
	for _, m := range mounts {
		mux.Handle(m.Pattern, m.Handler)
	}
	return mux
}

// newServer serves h within the limits of this package. What the server has to say of connections goes to
// log.
func newServer(h http.Handler, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler: h, ReadHeaderTimeout: headTimeout, IdleTimeout: idleTimeout, MaxHeaderBytes: hardHead,
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug),
		// The deadlines of an answer end its stream only: a connection that reads nothing would stay.
		HTTP2: &http.HTTP2Config{MaxConcurrentStreams: maxStreams, WriteByteTimeout: answerTimeout},
	}
}

// Public is what stands in front of the faces for everybody: the deadlines of a request, who calls, the
// headers of every answer, and how many requests an address may send. A proxy that is not trusted is named
// in log, once an hour at most, and at level debug every address that sends too many.
func Public(h http.Handler, t Trust, a Allowance, log *slog.Logger) http.Handler {
	return hurry(&front{next: h, trust: t, counts: newCounts(a, t.Proxies, log), log: log}, bodyTimeout, answerTimeout)
}

// hurry bounds the time that the body of a request may take to come and the answer to go, so that nobody
// keeps a connection by doing nothing. The server's own timeouts would also end those who wait for a part.
func hurry(h http.Handler, body, answer time.Duration) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		control, now := http.NewResponseController(w), time.Now()
		if r.ContentLength != 0 {
			_ = control.SetReadDeadline(now.Add(body)) // the server moves it on for the next request
		}
		_ = control.SetWriteDeadline(now.Add(answer)) // and a connection that knows no deadlines has its own
		h.ServeHTTP(w, r)
	})
}
