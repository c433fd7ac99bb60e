package rest

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/prometheus/client_golang/prometheus"
)

// TestNoMoreBodiesAreDecodedAtOnceThanThereArePlaces: who finds none waits as long as the request may take;
// handlers that wait for others, and bodies that do not come, hold none.
func TestNoMoreBodiesAreDecodedAtOnceThanThereArePlaces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		type in struct {
			Body struct {
				Name string `json:"name"`
			}
		}
		entered, leave := make(chan struct{}, 100), make(chan struct{})
		op := Handle(Operation{ID: "take", Method: http.MethodPost, Path: "/v1/take", Tag: "test"}, func(context.Context, *in) (*struct{}, error) {
			entered <- struct{}{}
			<-leave
			return nil, nil
		})
		var rt *Router
		seize := op.register
		op.register = func(r *Router, o Operation) { rt = r; seize(r, o) }
		h, err := New(Deps{Log: slog.New(slog.DiscardHandler), Metrics: NewMetrics(prometheus.NewRegistry())}, []Operation{op})
		if err != nil {
			t.Fatal(err)
		}
		post := func() int {
			r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/v1/take", strings.NewReader(`{"name":"ann"}`))
			r.Header.Set("Content-Type", "application/json")
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			return w.Code
		}
		codes := make(chan int, 100)
		for range 2 * cap(rt.decoders) {
			go func() { codes <- post() }()
		}
		synctest.Wait()
		if n := len(entered); n != 2*cap(rt.decoders) {
			t.Fatalf("%d requests of %d have come to handlers that wait", n, 2*cap(rt.decoders))
		}
		close(leave)
		synctest.Wait()
		for len(codes) > 0 {
			if code := <-codes; code != http.StatusNoContent {
				t.Errorf("got %d", code)
			}
		}
		for range cap(rt.decoders) {
			rt.decoders <- struct{}{}
		}
		go func() { codes <- post() }()
		synctest.Wait()
		if len(codes) != 0 {
			t.Fatal("a body was decoded without a place")
		}
		<-rt.decoders
		if code := <-codes; code != http.StatusNoContent {
			t.Errorf("who waited for a place got %d", code)
		}
		rt.decoders <- struct{}{}
		if code := post(); code != http.StatusTooManyRequests { // after 10 s of the bubble's time
			t.Errorf("who found no place got %d", code)
		}
	})
}
