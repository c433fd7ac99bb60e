package edge

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/barrage-live/barrage/internal/fault"
)

// finishTimeout is how long requests under way have when a listener closes; then those that wait for a
// part are let go.
const finishTimeout = 2 * time.Second

// errStopping is why the context of a request ended whose client is still there.
var errStopping = fault.New(fault.Unavailable, "server_stopping", "the server is stopping").After(time.Second)

// Listener is a net.Listener whose requests are answered until Close.
type Listener struct {
	server *http.Server
	letGo  context.CancelCauseFunc // ends the contexts of all requests
	finish time.Duration
}

// Open answers what comes to l by h, over TLS with HTTP/2 if there is a certificate, within the limits
// of this package. The Listener owns l from then on. If it ends by itself, failed is told why, once.
// What there is to say of single connections goes to log at level debug.
func Open(l net.Listener, h http.Handler, certificate *tls.Config, log *slog.Logger, failed func(error)) *Listener {
	base, letGo := context.WithCancelCause(context.Background())
	f := &Listener{server: newServer(h, log), letGo: letGo, finish: finishTimeout}
	f.server.BaseContext = func(net.Listener) context.Context { return base }
	serve := f.server.Serve
	if certificate != nil {
		f.server.TLSConfig = certificate
		serve = func(l net.Listener) error { return f.server.ServeTLS(l, "", "") } // which offers HTTP/2, too
	}
	go func() {
		if err := serve(l); !errors.Is(err, http.ErrServerClosed) {
			failed(err)
		}
	}()
	return f
}

// Close lets nobody in any more, waits for the requests under way, lets go of those that take longer than 2
// s with errStopping as the cause, and closes all connections that are still open when ctx ends.
func (f *Listener) Close(ctx context.Context) error {
	letGo := func() { f.letGo(errStopping) }
	defer letGo()
	defer time.AfterFunc(f.finish, letGo).Stop()
	if err := f.server.Shutdown(ctx); err != nil {
		return errors.Join(err, f.server.Close())
	}
	return nil
}
