package reserved

import "testing"

func TestKeptWords(t *testing.T) {
	for _, word := range []string{
		"vod", "sub", "whip", "whep", "docs", "schemas", "metrics", "healthz", "readyz", "debug", "v1", "live", "ws", "studio", "search",
		"admin", "ad-min", "sign-in", "log_in",
	} {
		if !Name(word) {
			t.Errorf("%q can be taken", word)
		}
	}
	for _, word := range []string{"", "ann", "demo", "administer", "live4ever", "studio-ghibli", "docsis"} {
		if Name(word) {
			t.Errorf("%q is refused", word)
		}
	}
	for word, want := range map[string]bool{"v1": true, "V1": true, "Openapi.json": true, "studio": false, "admin": false, "@ann": false, "": false} {
		if Route(word) != want {
			t.Errorf("Route(%q) is %v", word, !want)
		}
	}
}
