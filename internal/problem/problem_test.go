package problem

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/barrage-live/barrage/internal/fault"
)

func TestWhatARefusalLooksLike(t *testing.T) {
	taken := fault.New(fault.Conflict, "name_taken", "this name is taken").In("name")
	for name, c := range map[string]struct {
		problem *Problem
		body    map[string]any
		header  map[string]string
	}{
		"of its kind": {Of(taken), map[string]any{
			"type": "/v1/errors#name_taken", "title": "Conflict", "status": 409.0, "detail": "this name is taken", "kind": "conflict",
			"code": "name_taken", "field": "name",
		}, map[string]string{"Retry-After": "", "Www-Authenticate": ""}},
		"a status of its own": {At(http.StatusMethodNotAllowed, fault.New(fault.Invalid, "method_not_allowed", "no")), map[string]any{
			"type": "/v1/errors#method_not_allowed", "title": "Method Not Allowed", "status": 405.0, "detail": "no", "kind": "invalid",
			"code": "method_not_allowed",
		}, nil},
		"advice is rounded up": {Of(fault.New(fault.Exhausted, "rate_limited", "later").After(1500*time.Millisecond + time.Nanosecond)), map[string]any{
			"type": "/v1/errors#rate_limited", "title": "Too Many Requests", "status": 429.0, "detail": "later", "kind": "exhausted",
			"code": "rate_limited", "retry_after_ms": 1501.0,
		}, map[string]string{"Retry-After": "2"}},
		"nobody is known": {Of(fault.New(fault.Unauthenticated, "login_required", "log in")), map[string]any{
			"type": "/v1/errors#login_required", "title": "Unauthorized", "status": 401.0, "detail": "log in", "kind": "unauthenticated",
			"code": "login_required",
		}, map[string]string{"Www-Authenticate": `Bearer realm="barrage"`}},
		"the cause stays in the log": {Of(fault.Wrap(fault.Unavailable, "storage_failed", "the disk", errors.New("secret path"))), map[string]any{
			"type": "/v1/errors#storage_failed", "title": "Service Unavailable", "status": 503.0, "detail": "the disk", "kind": "unavailable",
			"code": "storage_failed",
		}, nil},
		"an error of nobody's making": {Of(errors.New("secret")), map[string]any{
			"type": "/v1/errors#internal", "title": "Internal Server Error", "status": 500.0, "detail": "something went wrong on our side",
			"kind": "internal", "code": "internal",
		}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			w := httptest.NewRecorder()
			w.Header().Set("Cache-Control", "public")
			c.problem.Write(w)
			var got map[string]any
			if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.body, got); diff != "" || float64(w.Code) != c.body["status"] {
				t.Errorf("%d: %s", w.Code, diff)
			}
			if w.Header().Get("Content-Type") != ContentType || w.Header().Get("Cache-Control") != "no-store" {
				t.Errorf("headers %v", w.Header())
			}
			for k, want := range c.header {
				if got := w.Header().Get(k); got != want {
					t.Errorf("%s is %q, want %q", k, got, want)
				}
			}
		})
	}
}
