package reserved

import "testing"

func TestKeptWords(t *testing.T) {
	for _, word := range []string{
		"vod", "sub", "whip", "whep", "docs", "schemas", "metrics", "healthz", "readyz", "cluster", "debug", "v1", "live", "ws", "studio", "search",
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

// TestWordsThatLookLikeKeptOnes would fail for every word with an m if names were compared as they look and
// words as they are.
func TestWordsThatLookLikeKeptOnes(t *testing.T) {
	for _, name := range []string{
		"admin", "Admin", "ADMIN", "ad-min", "adrnin", "аdmin", "ａｄｍｉｎ", "ADM1N", "ADMlN", "moderator", "m0derator", "rnoderator", "system", "SYSTEM", "systern",
		"support", "supp0rt", "official", "0fficial", "0FFlClAL", "lndex", "1ogin", "l0gin", "live", "llVE", "me", "rne", "арі", "ᴀᴅᴍɪɴ", "team", "tearn", "lmages", "ad-rnin", "0ff_icial",
	} {
		if !Alike(name) {
			t.Errorf("%q can be taken", name)
		}
	}
	for _, name := range []string{"", "ann", "demo", "administer", "live4ever", "studio-ghibli", "Ivan", "弹幕君", "Олег", "mira", "tim", "_", "v 1"} {
		if Alike(name) {
			t.Errorf("%q is refused", name)
		}
	}
	for _, word := range []string{"v1 v2", " ", "v1 ", " v2"} {
		if Name(word) || Route(word) {
			t.Errorf("%q is several words", word)
		}
	}
}

func BenchmarkAlike(b *testing.B) {
	for b.Loop() {
		if Alike("AnnBonny") {
			b.Fatal("refused")
		}
	}
}
