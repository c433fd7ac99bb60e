package api_test

import (
	"flag"
	"os"
	"testing"
)

// TestOpenAPIFileIsCurrent compares the description the server gives with the file in the repository;
// "-args -update" writes it.
func TestOpenAPIFileIsCurrent(t *testing.T) {
	update := flag.Lookup("update") != nil && flag.Lookup("update").Value.String() == "true"
	a := newWorld(t, nil).do(call{method: "GET", path: "/openapi.json"})
	if a.status != 200 || a.header.Get("Content-Type") != "application/openapi+json" {
		t.Fatalf("%d %s", a.status, a.header.Get("Content-Type"))
	}
	if update {
		if err := os.WriteFile("openapi.json", []byte(a.body), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile("openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	if a.body != string(want) {
		t.Error("openapi.json is not what the server declares; run: go test ./gateway/api -run OpenAPI -args -update")
	}
}

func TestMain(m *testing.M) {
	flag.Bool("update", false, "write openapi.json")
	flag.Parse()
	os.Exit(m.Run())
}
