package edge

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/barrage-live/barrage/internal/fault"
)

// opened is a listener on a port of its own, and a channel for what ends it.
func opened(t *testing.T, h http.Handler, certificate *tls.Config) (*Listener, net.Listener, <-chan error) {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	failed := make(chan error, 1)
	f := Open(l, h, certificate, slog.New(slog.DiscardHandler), func(err error) { failed <- err })
	t.Cleanup(func() { _ = f.server.Close() })
	return f, l, failed
}

func get(ctx context.Context, client *http.Client, url string) (*http.Response, string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return nil, "", err
	}
	res, err := client.Do(req)
	if err != nil {
		return nil, "", err
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	return res, string(body), err
}

// TestWhoWaitsIsLetGoWhenAListenerCloses closes a listener while a request waits for something that does
// not come: it is answered, and the next finds nobody.
func TestWhoWaitsIsLetGoWhenAListenerCloses(t *testing.T) {
	waiting := make(chan struct{})
	f, l, failed := opened(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		close(waiting)
		<-r.Context().Done()
		_, _ = io.WriteString(w, fault.CodeOf(context.Cause(r.Context())))
	}), nil)
	f.finish = 50 * time.Millisecond
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	answer := make(chan string, 1)
	go func() {
		_, body, err := get(ctx, client, "http://"+l.Addr().String()+"/")
		if err != nil {
			body = err.Error()
		}
		answer <- body
	}()
	select {
	case <-waiting:
	case <-ctx.Done():
		t.Fatal("the request does not arrive")
	}
	if err := f.Close(ctx); err != nil {
		t.Errorf("close: %v", err)
	}
	if got := <-answer; got != "server_stopping" {
		t.Errorf("who waited got %q", got)
	}
	if _, _, err := get(ctx, client, "http://"+l.Addr().String()+"/"); err == nil {
		t.Error("the listener is still open")
	}
	select {
	case err := <-failed:
		t.Errorf("a listener that was closed has failed: %v", err)
	default:
	}
}

// TestAListenerDoesNotWaitForWhoDoesNotEnd closes a listener while a handler does not look at its context.
func TestAListenerDoesNotWaitForWhoDoesNotEnd(t *testing.T) {
	waiting, end := make(chan struct{}), make(chan struct{})
	defer close(end)
	f, l, _ := opened(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		close(waiting)
		<-end
	}), nil)
	gone := make(chan error, 1)
	go func() {
		_, _, err := get(t.Context(), &http.Client{Transport: &http.Transport{}}, "http://"+l.Addr().String()+"/")
		gone <- err
	}()
	<-waiting
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := f.Close(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("close: %v", err)
	}
	if err := <-gone; err == nil {
		t.Error("its connection was not closed")
	}
}

// TestAListenerWithACertificateSpeaksHTTP2 borrows the certificate of httptest.
func TestAListenerWithACertificateSpeaksHTTP2(t *testing.T) {
	lender := httptest.NewTLSServer(http.NotFoundHandler())
	defer lender.Close()
	_, l, _ := opened(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hello") }),
		&tls.Config{Certificates: lender.TLS.Certificates, MinVersion: tls.VersionTLS12})
	client := lender.Client()
	client.Transport.(*http.Transport).ForceAttemptHTTP2 = true //nolint:forcetypeassert // httptest says so
	defer client.CloseIdleConnections()
	res, body, err := get(t.Context(), client, "https://"+l.Addr().String()+"/")
	if err != nil || body != "hello" || res.ProtoMajor != 2 {
		t.Errorf("%q, %v over %v", body, err, res)
	}
}

// TestAListenerThatEndsByItselfSaysSo takes the listener away.
func TestAListenerThatEndsByItselfSaysSo(t *testing.T) {
	_, l, failed := opened(t, http.NotFoundHandler(), nil)
	_ = l.Close()
	select {
	case err := <-failed:
		if !errors.Is(err, net.ErrClosed) {
			t.Errorf("failed with %v", err)
		}
	case <-time.After(20 * time.Second):
		t.Error("nobody is told")
	}
}
