package api_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/barrage-live/barrage/internal/problem"
)

// TestARefusalLeadsToItsExplanation follows the type of a problem to the list and finds the code there, as
// it was refused.
func TestARefusalLeadsToItsExplanation(t *testing.T) {
	w := newWorld(t, nil)
	for _, c := range []call{
		{method: "GET", path: "/v1/channels/nothing"},
		{method: "GET", path: "/v1/nothing"},
		{method: "GET", path: "/v1/me"},
		{method: "PUT", path: "/v1/me"},
		{method: "POST", path: "/v1/auth/login", body: `{`},
		{method: "POST", path: "/v1/auth/login", body: `{}`},
		{method: "POST", path: "/v1/auth/login", body: `{}`, header: map[string]string{"Content-Type": "text/plain"}},
		{method: "POST", path: "/v1/auth/login", body: strings.Repeat(" ", 1<<20)},
	} {
		refused := w.do(c)
		list, code, _ := strings.Cut(refused.text("type"), "#")
		a := w.do(call{method: "GET", path: list})
		var found struct {
			Errors []problem.Code `json:"errors"`
		}
		if err := json.Unmarshal([]byte(a.body), &found); err != nil || a.status != 200 {
			t.Fatalf("%d %v", a.status, err)
		}
		n := 0
		for _, e := range found.Errors {
			if e.Code != code {
				continue
			}
			n++
			if e.Status != refused.status || e.Kind != refused.text("kind") {
				t.Errorf("%s %s was refused with %s, and the list says %+v", c.method, c.path, refused.body, e)
			}
		}
		if n != 1 {
			t.Errorf("%q is %d times in the list", code, n)
		}
	}
}
